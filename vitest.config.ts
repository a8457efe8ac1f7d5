import { defineConfig } from "vitest/config";

// Minutes of faults against real processes: by `npm run test:long` only.
const LONG_ONLY = ["test/faults/strikes.test.ts", "test/faults/refusals.test.ts", "test/faults/power-loss.test.ts"];

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["dist/**", "node_modules/**", ...(process.env["NBA_LONG"] === "1" ? [] : LONG_ONLY)],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
