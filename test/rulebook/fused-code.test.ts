import { describe, expect, it } from "vitest";
import { ruleNames } from "../../engine/rulebook/cel-names.ts";
import { createExpressionTable } from "../../engine/rulebook/expressions.ts";
import { createFaultLog, formatFault } from "../../engine/rulebook/fault.ts";
import type { RuleScope } from "../../engine/rulebook/rulebook.ts";

/** Each of a shape of its own, with a number (and a feature) to be exchanged. */
const SHAPES = [
  "features.FEATURE > NUMBER",
  "features.FEATURE > NUMBER && features.buys_30d < 100",
  "features.views_7d > 3 || !(features.FEATURE == NUMBER)",
  "features.FEATURE / (NUMBER - 4) > 1.5e-7",
  "features.FEATURE in [NUMBER, 17.25, 1e21]",
  'context.page == "page 3 of F[9]" && features.FEATURE >= -NUMBER',
  "(features.FEATURE > 2 ? NUMBER : features.buys_30d) > 3",
];
const FEATURES = ["views_7d", "buys_30d"];

/** `count` expressions of each shape. */
function written(count: number): string[] {
  return SHAPES.flatMap((shape) =>
    Array.from({ length: count }, (_, number) =>
      shape.replace("NUMBER", String(number / 2)).replace("FEATURE", FEATURES[number % 2] as string),
    ),
  );
}

function compiled(texts: readonly string[]) {
  const faults = createFaultLog();
  const table = createExpressionTable(ruleNames({ features: FEATURES, attributes: [], models: [] }), faults);
  texts.forEach((text, index) => {
    table.addRule(`r-${index}`, { text, placeAt: () => ({ file: "rules", line: index, column: 1 }) });
  });
  expect(faults.sorted().map((fault) => formatFault(fault))).toEqual([]);
  return table.build();
}

const SCOPES: readonly RuleScope[] = [
  [Number.NaN, Number.NaN],
  [0, 1],
  [2, 3],
  [7, 0],
  [-1, 4.5],
].flatMap(([first = 0, second = 0]) =>
  [{}, { page: "page 3 of F[9]" }].map((context) => ({
    features: Float64Array.of(first, second),
    attributes: [],
    context,
    models: new Float64Array(0),
    openCases: 0,
    anonymous: false,
  })),
);

describe("fused code", () => {
  // One alone is written out, and so are five; six of a shape and more become a loop over columns.
  it.each([1, 5, 6, 40])("gives for %i rules of each shape what each gives by itself", (count) => {
    const rulebook = compiled(written(count));
    expect(rulebook.verdicts).toBe(SHAPES.length * count);
    for (const scope of SCOPES) {
      const out = new Uint8Array(rulebook.verdicts).fill(9);
      rulebook.evaluateRules(scope, out);
      expect(rulebook.rules.map(({ slot }) => out[slot])).toEqual(
        rulebook.rules.map(({ index }) => rulebook.evaluateRule(index, scope)),
      );
    }
  });

  it("does not mistake digits in names and texts for numbers of a shape", () => {
    const texts = ["a1", "a2", "a3", "a4", "a5", "a6", "a7"];
    const rulebook = compiled(texts.map((text) => `context.page == "${text}"`));
    const scope: RuleScope = { ...(SCOPES[0] as RuleScope), context: { page: "a4" } };
    const out = new Uint8Array(rulebook.verdicts);
    rulebook.evaluateRules(scope, out);
    const found = rulebook.rules.filter(({ slot }) => out[slot] === 1);
    expect(found.map(({ text }) => text)).toEqual(['context.page == "a4"']);
  });
});
