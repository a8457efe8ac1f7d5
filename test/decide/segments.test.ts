// Segments, as rules of a compiled rulebook read them.
import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { explain } from "../../engine/decide/explain.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { changed, ruleset } from "../rulebook/small-rules.ts";
import { dropOf, inputFor, shown } from "./build.ts";

const rulebook = ruleset({
  "segments.yaml": `segments:
  - { id: grown_up, label: Grown-ups, rule: attributes.age >= 18 }
  - { id: keen, label: Keen grown-ups, rule: segments.grown_up && features.buys_30d > 1 }
`,
  ...changed("actions/sell.yaml", "features.buys_30d > 1", "segments.keen"),
  ...changed("channels.yaml", "reserveFor: 30m }", "reserveFor: 30m, consentDefault: granted }"),
});
const decider = createDecider(rulebook);

/** What a customer of this age with so many purchases is shown. */
function decided(age: number | undefined, buys: number) {
  const input = inputFor(rulebook, {
    features: [buys, 0, 0],
    profile: { attributes: ["Ana", age, undefined] },
  });
  const decision = decide(decider, input, []);
  return { input, decision, shown: shown(rulebook, decision), drop: dropOf(rulebook, decision.dropped, "deal") };
}

describe("segments", () => {
  test("SEG-1 stand for their expression, at each decision anew", () => {
    expect(decided(30, 2).shown).toEqual(["home: deal:app"]);
    expect(decided(30, 1).shown).toEqual(["home:"]);
    expect(decided(17, 2).drop).toMatchObject({ stage: "applicability", because: "false" });
    expect(decided(undefined, 2).drop).toMatchObject({ stage: "applicability", because: "rule-error" });
    expect(decided(undefined, 1).drop, "false && error is false").toMatchObject({ because: "false" });
  });

  test("SEG-2 are told by an explanation, with the values that they read", () => {
    const { input, decision } = decided(17, 2);
    const told = explain(decider, recordOf(decider, input, decision, { models: [], degraded: [] }));
    if (told.kind !== "explained") throw new Error(told.kind);
    expect(told.actions[0]?.fell?.rule).toMatchObject({
      text: "segments.keen",
      values: {
        "attributes.age": 17,
        "features.buys_30d": 2,
        "segments.grown_up": false,
        "segments.keen": false,
      },
    });
  });
});
