import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

const NEVER = ["dist/**", "node_modules/**"];
// What replaces modules needs a world of its own. All others share what one of them has loaded: half the CPU for the same tests.
const APART = "test/partition/poison.test.ts";

// Minutes each: one that began last would run alone.
const LONGEST = ["soak/soak", "simulation/simulation", "kills/kill", "kills/replay", "faults/strikes"];

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
    // Full counts take as long as they take, on whatever machine.
    testTimeout: process.env["NBA_LONG"] === undefined ? 30_000 : 900_000,
    hookTimeout: 60_000,
    // One more than cores of a small machine: tests wait for processes of their own.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: "apart", include: [APART], exclude: NEVER } },
      {
        extends: true,
        test: { name: "shared", include: ["test/**/*.test.ts"], exclude: [...NEVER, APART], isolate: false },
      },
    ],
  },
});
