// Each scenario is a table of this folder, in the notation of `nba test`; its name begins with the ids of SPEC.md that it shows.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { createRuleTestBooks } from "../../engine/sandbox/rule-test-books.ts";
import { runTestFile } from "../../engine/sandbox/run-test-file.ts";
import { SCENARIO_NAMES } from "./scenario-names.ts";

const folder = fileURLToPath(new URL("./", import.meta.url));
const books = createRuleTestBooks({ files: {}, models: [], readFolder: readRulebookFolder });

for (const file of readdirSync(folder).filter((name) => name.endsWith(".yaml"))) {
  describe(file, async () => {
    const path = `${folder}${file}`;
    const { faults, verdicts } = await runTestFile(path, readFileSync(path, "utf8"), books);
    test("can be read", () => expect(faults.map((fault) => formatFault(fault))).toEqual([]));
    for (const { name, mismatches } of verdicts) {
      test(name, () => {
        const told = mismatches.map(
          ({ place, expected, got }) => `${place.file}:${place.line}\n  expected  ${expected}\n  got       ${got}`,
        );
        expect(told.join("\n")).toBe("");
      });
    }
  });
}

test("each scenario begins with the ids that it shows, and has a name of its own", () => {
  expect(SCENARIO_NAMES.filter((name) => !/^[A-Z]{3}-\d+ /.test(name))).toEqual([]);
  expect(SCENARIO_NAMES.filter((name, index) => SCENARIO_NAMES.indexOf(name) !== index)).toEqual([]);
});
