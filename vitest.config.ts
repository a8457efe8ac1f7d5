import { defineConfig } from "vitest/config";

const NEVER = ["dist/**", "node_modules/**"];
// Minutes of faults against real processes: by `npm run test:long` only.
const LONG_ONLY = ["test/faults/strikes.test.ts", "test/faults/refusals.test.ts", "test/faults/power-loss.test.ts"];
// Folders that touch nothing outside of their own values: their files may share what one of them has loaded.
const PURE = "test/{decide,profile,rulebook,domain,scenarios,sandbox,golden,learn,observe}/**/*.test.ts";

export default defineConfig({
  test: {
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
          exclude: [...NEVER, PURE, ...(process.env["NBA_LONG"] === "1" ? [] : LONG_ONLY)],
        },
      },
    ],
  },
});
