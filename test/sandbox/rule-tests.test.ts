// What a rule test says when it is wrong, or when the rules are.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { createRuleTestBooks } from "../../engine/sandbox/rule-test-books.ts";
import { runTestFile } from "../../engine/sandbox/run-test-file.ts";

const folder = `${repositoryRoot}/test/scenarios/`;
const books = createRuleTestBooks({ files: {}, models: [], readFolder: readRulebookFolder });

async function run(text: string): Promise<readonly string[]> {
  const { faults, verdicts } = await runTestFile(`${folder}t.yaml`, text, books);
  const told = verdicts.flatMap(({ mismatches }) =>
    mismatches.map(({ place, expected, got }) => `${place.line}:${place.column} ${expected} <> ${got}`),
  );
  return [...faults.map((fault) => formatFault({ ...fault, file: "t.yaml" })), ...told];
}

const table = (lines: string): string => `base: rules\ntests:\n  - name: x\n    table: |\n${lines}`;

test("what was expected and what came stand side by side, at the arrow of the line", async () => {
  expect(await run(table("      09:00  ana  ask banner on web   -> act silver:web\n"))).toEqual([
    "5:39 act silver:web <> act gold:web (silver:web dropped at slots lost to gold:web; bronze:web dropped at slots lost to gold:web)",
  ]);
});

test("a fact that does not hold says what holds instead", async () => {
  const lines = [
    "09:00  ana  ask banner on web   -> (gold not offered, silver:web dropped at consent, gold priority 51, arm x y)",
    "09:01  ana                      -> gold is released; gold withdrawn",
    "09:02  ana  cart_left           -> nothing",
  ];
  expect(await run(table(lines.map((line) => `      ${line}\n`).join("")))).toEqual([
    "5:39 gold not offered <> gold offered",
    "5:39 silver:web dropped at consent <> silver:web dropped at slots lost to gold:web",
    "5:39 gold priority 51 <> gold priority 50",
    "5:39 arm x y <> no arm",
    "6:39 gold is released <> gold is confirmed, pending, live",
    "6:39 gold withdrawn <> gold not withdrawn",
    "7:39 nothing <> act gold:push (bronze:push dropped at slots lost to gold:push; gold:email dropped at arbitration because same-action lost to gold:push; silver:push dropped at slots lost to gold:push)",
  ]);
});

test("a name that is neither action nor treatment is told, though what it names was indeed not offered", async () => {
  expect(await run(table("      09:00  ana  ask banner on web   -> act gold:web; glod not offered\n"))).toEqual([
    '5:39 an action or treatment of the rulebook <> "glod": did you mean "gold"?',
  ]);
});

test("a line that cannot be read is told with its place and what would be right", async () => {
  expect(await run(table("      9 ana ask banner on web\n"))).toEqual([
    't.yaml:5:7: "9" is no time: write 09:00, +20m, or a date such as 2026-03-02',
  ]);
  const [stage, weekday] = await Promise.all([
    run(table("      09:00  ana  visit   -> gold dropped at caps\n")),
    run(table("      Tue 2026-03-02\n      09:00  ana  visit\n")),
  ]);
  expect(stage[0]).toContain('t.yaml:5:27: "gold dropped at caps": "caps" is no stage; they are availability');
  expect(weekday).toEqual(['t.yaml:5:7: 2026-03-02 is a mon, not "Tue"']);
});

test("a clock that goes back, an event that is refused, an outcome of what was never offered", async () => {
  expect(await run(table("      09:00  ana  visit\n      08:00  ana  visit\n"))).toEqual([
    "6:7 a time that is not before the line above <> 2026-03-02 08:00",
  ]);
  expect(await run(table('      09:00  ana  profile_update age="forty"\n'))).toEqual([
    '5:7 this to be accepted <> refused because attribute "age" is declared as number, got string',
  ]);
  expect(await run(table("      09:00  ana  outcome declined of gold\n"))).toEqual([
    '5:7 this to be accepted <> refused because "gold" was not offered to ana so far',
  ]);
});

test("rules of a test that have faults fail that test alone", async () => {
  const text =
    "base: rules\ntests:\n  - name: x\n    rules: { rulebook.yaml: { versoin: '1' } }\n    table: |\n      09:00  ana  visit\n";
  const [fault] = await run(text);
  expect(fault).toContain("rules without faults <> rulebook.yaml:1:1");
});

test("the notation of steps says the same as a table", async () => {
  const steps = `base: rules
tests:
  - name: x
    customers: { ana: { attributes: { age: 40 } } }
    steps:
      - { at: "09:00", customer: ana, ask: banner, on: web, expect: act gold:web }
      - { after: 5m, customer: ana, outcome: declined, of: gold }
      - { after: 1m, customer: ana, ask: [banner], on: web, expect: { act: [gold], facts: ["gold propensity 0.4545"] } }
      - { after: 1m, customer: ana, event: cart_left, expect: { nothing: true } }
      - { after: 1m, ask: banner }
`;
  expect(await run(steps)).toEqual(["t.yaml:10:9: a step that does something names its customer"]);
  expect(await run(steps.replace("      - { after: 1m, ask: banner }\n", ""))).toEqual([
    "9:9 nothing <> act gold:push (bronze:push dropped at slots lost to gold:push; gold:email dropped at arbitration because same-action lost to gold:push; silver:push dropped at slots lost to gold:push)",
  ]);
});

test("a test file that is no YAML is told as rules are", async () => {
  const path = join(mkdtempSync(join(tmpdir(), "nba-tests-")), "t.yaml");
  writeFileSync(path, "tests: [");
  const { faults } = await runTestFile(path, "tests: [", books);
  expect(faults.length).toBeGreaterThan(0);
});
