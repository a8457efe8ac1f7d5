import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const NEVER = ["dist/**", "node_modules/**"];
// Folders that touch nothing outside of their own values: their files may share what one of them has loaded.
const PURE = "test/{decide,profile,rulebook,domain,scenarios,sandbox,golden,learn,observe}/**/*.test.ts";

// Minutes each: one that began last would run alone.
const LONGEST = ["simulation/simulation", "kills/kill", "kills/replay", "faults/strikes"];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      LONGEST.some((name) => moduleId.endsWith(`test/${name}.test.ts`));
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: "pure", include: [PURE], exclude: NEVER, isolate: false } },
      {
        extends: true,
        test: {
          name: "whole",
          include: ["test/**/*.test.ts"],
          exclude: [...NEVER, PURE],
        },
      },
    ],
  },
});
