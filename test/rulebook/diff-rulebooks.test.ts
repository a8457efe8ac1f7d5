import { expect, test } from "vitest";
import { diffRulebooks } from "../../engine/rulebook/diff-rulebooks.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { SMALL } from "./small-rules.ts";

function told(changes: RulebookFiles): readonly string[] {
  const diff = diffRulebooks(SMALL, { ...SMALL, ...changes });
  if (diff.kind === "faulty") return diff.faults.map(({ message }) => message);
  return diff.changes.map((change) => {
    const place = `${change.place.file}:${change.place.line}`;
    if (change.kind !== "changed") return `${change.kind} ${change.name} ${place}`;
    return `${change.name}: ${change.field}: ${change.before} -> ${change.after} ${place}`;
  });
}

const edited = (file: string, from: string, to: string): RulebookFiles => ({
  [file]: (SMALL[file] ?? "").replace(from, to),
});

test("layout, comments, the order of things and how long a duration is written are no difference", () => {
  expect(told(edited("contact-policy.yaml", "window: 1d", "window: 24h"))).toEqual([]);
  expect(told(edited("actions/sell.yaml", "label: Deal", "label: Deal # the one"))).toEqual([]);
  const moved = { "actions/sell.yaml": "", "actions/other.yaml": SMALL["actions/sell.yaml"] ?? "" };
  expect(told(moved)).toEqual([]);
});

test("a field that changed is told with both values and its place", () => {
  expect(told(edited("actions/sell.yaml", "value: 10", "value: 12"))).toEqual([
    "action deal: value: 10 -> 12 actions/sell.yaml:12",
  ]);
  expect(told(edited("contact-policy.yaml", "max: 2", "max: 3"))).toEqual([
    "limit daily: max: 2 -> 3 contact-policy.yaml:2",
  ]);
});

test("a rule put in between changes nothing of the others", () => {
  const text = "applicability:\n          - features.views_7d > 0";
  expect(told(edited("actions/sell.yaml", "applicability:", text))).toEqual([
    "action deal: applicability.features.views_7d > 0: undefined -> features.views_7d > 0 actions/sell.yaml:11",
  ]);
});

test("what is new and what is gone is told once, not field by field", () => {
  const limits = "limits:\n  - { id: weekly, max: 2, window: 7d }\n";
  expect(told({ "contact-policy.yaml": limits })).toEqual([
    "removed cool-down declined contact-policy.yaml:4",
    "removed limit daily contact-policy.yaml:2",
    "added limit weekly contact-policy.yaml:2",
  ]);
});

test("a file that is no YAML is told as a fault", () => {
  expect(told({ "rulebook.yaml": "version: [" }).length).toBeGreaterThan(0);
});
