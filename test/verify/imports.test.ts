// What verify shares with the engine is reading, decoding and rulebooks: a fold that it shared would hide its own mistakes.
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const folder = new URL("../../engine/verify/", import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith(".ts"));
const OF_PROFILE = ["bounds", "distinct", "layout", "read", "record", "shape", "state"];
const ELSEWHERE = /^\.\.\/(domain|rulebook|journal|ingest)\//;

test("nothing of the fold is imported", () => {
  expect(files.length).toBeGreaterThan(20);
  const foreign = files.flatMap((file) => {
    const imports = [...readFileSync(new URL(file, folder), "utf8").matchAll(/from "([^"]+)"/g)].map(
      ([, path]) => path as string,
    );
    const isAllowed = (path: string): boolean =>
      path.startsWith("./") ||
      path.startsWith("node:") ||
      ELSEWHERE.test(path) ||
      path === "../decide/experiments.ts" ||
      path === "../deliver/send-once.ts" ||
      OF_PROFILE.some((name) => path === `../profile/${name}.ts`);
    return imports.filter((path) => !isAllowed(path)).map((path) => `${file}: ${path}`);
  });
  expect(foreign).toEqual([]);
});
