import { defineConfig } from "vitest/config";

const NEVER = ["dist/**", "node_modules/**"];
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
          exclude: [...NEVER, PURE],
        },
      },
    ],
  },
});
