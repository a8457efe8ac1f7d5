import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { SCENARIO_NAMES } from "../scenarios/scenario-names.ts";

const ID = /\b[A-Z]{3}-\d+\b/g;

const spec = readFileSync(new URL("../../engine/decide/SPEC.md", import.meta.url), "utf8");
const declared = [...spec.matchAll(/^- \*\*([A-Z]{3}-\d+)\*\*/gm)].map(([, id]) => id as string);
// What asks for decisions is tested where it lives.
const folders = [
  "./",
  "../profile/",
  "../partition/",
  "../peer/",
  "../deliver/",
  "../deliver/auth/",
  "../score/",
  "../retain/",
  "../ingest/",
  "../verify/",
  "../cli/",
].map((folder) => new URL(folder, import.meta.url));
const files = folders.flatMap((folder) => readdirSync(folder).map((name) => new URL(name, folder)));
// A title is a string that begins with an id.
const titles = files
  .filter(({ pathname }) => pathname.endsWith(".test.ts") && !pathname.endsWith("/spec.test.ts"))
  .flatMap((file) => [...readFileSync(file, "utf8").matchAll(/["`]([A-Z]{3}-\d+ [^"`\n]*)["`]/g)])
  .map(([, title]) => title as string);
const quoted = new Set([...titles, ...SCENARIO_NAMES].flatMap((title) => title.match(ID) ?? []));

test("every id of SPEC.md is declared once", () => {
  expect(declared.length).toBeGreaterThan(40);
  expect(declared.filter((id, index) => declared.indexOf(id) !== index)).toEqual([]);
});

test("every id of SPEC.md has a test or a scenario", () => {
  expect(declared.filter((id) => !quoted.has(id))).toEqual([]);
});

test("no test quotes an id that SPEC.md does not know", () => {
  expect([...quoted].filter((id) => !declared.includes(id))).toEqual([]);
});
