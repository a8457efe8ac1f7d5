import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { DecisionInput, ModelScore } from "../../engine/domain/decision.ts";
import type { ModelIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import {
  type ActionDraft,
  broken,
  buildRulebook,
  dropOf,
  inputFor,
  NOW,
  no,
  type RuleDraft,
  shown,
  yes,
} from "./build.ts";

const HOME = [{ channel: "app", placements: ["home"] }];

function run(rulebook: Rulebook, input: DecisionInput, scores: readonly ModelScore[] = []) {
  const decision = decide(createDecider(rulebook), input, scores);
  return { decision, shown: shown(rulebook, decision), drop: (id: string) => dropOf(rulebook, decision.dropped, id) };
}

function runOne(draft: Omit<ActionDraft, "id" | "treatments">) {
  const rulebook = buildRulebook({ actions: [{ id: "a", treatments: HOME, ...draft }] });
  return { rulebook, ...run(rulebook, inputFor(rulebook)) };
}

function ruleId(rulebook: Rulebook, drop: ReturnType<typeof dropOf>): string | undefined {
  return drop !== undefined && "rule" in drop ? rulebook.rules[drop.rule]?.id : undefined;
}

describe("availability", () => {
  const rulebook = buildRulebook({
    actions: [
      { id: "both", treatments: [...HOME, { channel: "email", placements: ["outreach"] }] },
      // Names the placement, but the placement shows no e-mail.
      { id: "misplaced", treatments: [{ channel: "email", placements: ["home"] }] },
    ],
  });

  test("AVL-1 drops an action without a treatment for the placements asked", () => {
    const home = run(rulebook, inputFor(rulebook));
    expect(home.shown).toEqual(["home: both:app"]);
    expect(home.drop("misplaced")).toEqual({ stage: "availability", action: 1, because: "no-treatment" });
    expect(run(rulebook, inputFor(rulebook, { placements: ["hero"] })).drop("both")).toMatchObject({
      because: "no-treatment",
    });
  });

  test("AVL-1 counts only the channel that asks", () => {
    const byEmail = run(rulebook, inputFor(rulebook, { placements: ["home", "outreach"], channel: "email" }));
    expect(byEmail.shown).toEqual(["home:", "outreach: both:email"]);
    const byPush = run(rulebook, inputFor(rulebook, { placements: ["home", "outreach"], channel: "push" }));
    expect(byPush.drop("both")).toMatchObject({ stage: "availability", because: "no-treatment" });
  });

  test("AVL-2 drops what is switched off", () => {
    expect(runOne({ enabled: false }).drop("a")).toEqual({ stage: "availability", action: 0, because: "switched-off" });
  });

  test.each([
    [NOW, NOW + 1, undefined],
    [NOW + 1, NOW + 2, "not-yet"],
    [NOW - 1, NOW, "no-longer"],
    [NOW - 1, NOW + 1, undefined],
  ])("AVL-3 is on offer from %d to %d, the end excluded: %s", (from, to, because) => {
    const { drop } = runOne({ from, to });
    if (because === undefined) expect(drop("a")).toBeUndefined();
    else expect(drop("a")).toEqual({ stage: "availability", action: 0, because });
  });
});

describe("treatments of their own", () => {
  const BOTH = [{ name: "home", channels: ["app", "email"], slots: 2 }];
  const withApp = (app: object, models: string[] = []) =>
    buildRulebook({
      models,
      placements: BOTH,
      actions: [
        {
          id: "a",
          treatments: [
            { channel: "app", placements: ["home"], ...app },
            { channel: "email", placements: ["home"] },
          ],
        },
      ],
    });

  test.each([
    [{ enabled: false }, "switched-off"],
    [{ from: (NOW + 1) as Instant }, "not-yet"],
    [{ to: NOW }, "no-longer"],
  ])("AVL-4 %j drops the treatment alone, as %s", (parts, because) => {
    const rulebook = withApp({ parts });
    const { shown: slates, decision } = run(rulebook, inputFor(rulebook));
    expect(slates).toEqual(["home: a:email"]);
    expect([...decision.dropped]).toEqual([{ stage: "availability", treatment: 0, because }]);
  });

  test("AVL-4 is tested after what its action must pass", () => {
    const rulebook = buildRulebook({
      actions: [
        { id: "a", eligibility: [no()], treatments: HOME.map((home) => ({ ...home, parts: { enabled: false } })) },
      ],
    });
    expect([...run(rulebook, inputFor(rulebook)).decision.dropped]).toMatchObject([
      { stage: "eligibility", action: 0 },
    ]);
  });

  test.each([
    ["eligibility", { eligibility: [no("own")], applicability: [no()] }, "false"],
    ["applicability", { applicability: [broken("own")], suitability: [no()] }, "rule-error"],
    ["suitability", { eligibility: [yes()], suitability: [no("own")] }, "false"],
  ])("ELG-5 drops at the treatment's own %s, and not the other one", (stage, own, because) => {
    const rulebook = withApp(own);
    const { shown: slates, drop } = run(rulebook, inputFor(rulebook));
    expect(slates).toEqual(["home: a:email"]);
    expect(drop("a:app")).toMatchObject({ stage, treatment: 0, because });
    expect(ruleId(rulebook, drop("a:app"))).toBe("own");
  });

  test("ELG-5 a treatment's rule may read a model", () => {
    const risky: RuleDraft = { id: "risky", needs: ["churn"], test: ({ models }) => (models[0] as number) > 0.5 };
    const rulebook = withApp({ suitability: [risky] }, ["churn"]);
    const input = inputFor(rulebook);
    expect(createDecider(rulebook).qualify(input).needsModels).toEqual([0]);
    const churn = (value: number) => [{ model: 0 as ModelIndex, value, fallback: false }];
    expect(run(rulebook, input, churn(0.9)).shown).toEqual(["home: a:app"]);
    const low = run(rulebook, input, churn(0.1));
    expect(low.shown).toEqual(["home: a:email"]);
    expect(low.drop("a:app")).toMatchObject({ stage: "suitability", treatment: 0, because: "false" });
  });
});

describe("engagement policy", () => {
  test("ELG-1 drops at the first rule that is not true, and names it", () => {
    const result = runOne({ eligibility: [yes(), no("first"), no("second")] });
    expect(result.drop("a")).toMatchObject({ stage: "eligibility", because: "false" });
    expect(ruleId(result.rulebook, result.drop("a"))).toBe("first");
  });

  test("ELG-2 drops at a rule that fails with an error", () => {
    const result = runOne({ eligibility: [broken("unclear")] });
    expect(result.drop("a")).toMatchObject({ stage: "eligibility", because: "rule-error" });
  });

  test("APP-1 tests applicability after eligibility", () => {
    expect(runOne({ eligibility: [no()], applicability: [no()] }).drop("a")).toMatchObject({ stage: "eligibility" });
    expect(runOne({ eligibility: [yes()], applicability: [no()] }).drop("a")).toMatchObject({ stage: "applicability" });
  });

  test("SUI-1 tests suitability after applicability", () => {
    expect(runOne({ applicability: [no()], suitability: [no()] }).drop("a")).toMatchObject({ stage: "applicability" });
    expect(runOne({ applicability: [yes()], suitability: [broken()] }).drop("a")).toMatchObject({
      stage: "suitability",
      because: "rule-error",
    });
  });
});

describe("rules that read models", () => {
  const risky = (stage: string): RuleDraft => ({
    id: `${stage}/risky`,
    needs: ["churn"],
    test: ({ models }) => (Number.isNaN(models[0]) ? "error" : (models[0] as number) > 0.5),
  });
  const churn = (value: number): ModelScore[] => [{ model: 0 as ModelIndex, value, fallback: false }];

  test("ELG-3 go on undecided until the models answered, then keep the stage of their tier", () => {
    const rulebook = buildRulebook({
      models: ["churn", "unused"],
      actions: [
        { id: "a", eligibility: [risky("eligibility")], suitability: [yes()], treatments: HOME },
        { id: "b", eligibility: [no()], suitability: [risky("suitability")], treatments: HOME },
        { id: "c", treatments: HOME },
      ],
    });
    const decider = createDecider(rulebook);
    const input = inputFor(rulebook);
    expect(decider.qualify(input).needsModels).toEqual([0]);
    expect(run(rulebook, input, churn(0.9)).shown).toEqual(["home: a:app c:app"]);
    expect(run(rulebook, input, churn(0.1)).drop("a")).toMatchObject({ stage: "eligibility", because: "false" });
    expect(run(rulebook, input, []).drop("a")).toMatchObject({ stage: "eligibility", because: "rule-error" });
    expect(run(rulebook, input, churn(0.9)).drop("b")).toMatchObject({ stage: "eligibility", because: "false" });
  });

  test("ELG-3 asks for no model where no survivor needs one", () => {
    const rulebook = buildRulebook({
      models: ["churn"],
      actions: [
        { id: "a", eligibility: [no(), risky("eligibility")], treatments: HOME },
        { id: "b", eligibility: [risky("eligibility")], floor: 0.9, treatments: HOME },
        { id: "c", treatments: HOME },
      ],
    });
    const qualified = createDecider(rulebook).qualify(inputFor(rulebook));
    expect(qualified.needsModels).toEqual([]);
    expect(run(rulebook, inputFor(rulebook)).shown).toEqual(["home: c:app"]);
  });

  test("ELG-4 leaves one drop for an action that falls as a whole", () => {
    const rulebook = buildRulebook({
      models: ["churn"],
      channels: [{ name: "app" }, { name: "email", consentDefault: "denied" }],
      placements: [{ name: "home", channels: ["app", "email"], slots: 2 }],
      actions: [
        {
          id: "a",
          eligibility: [risky("eligibility")],
          treatments: [...HOME, { channel: "email", placements: ["home"] }],
        },
      ],
    });
    const { decision } = run(rulebook, inputFor(rulebook), churn(0.1));
    expect([...decision.dropped]).toEqual([{ stage: "eligibility", action: 0, rule: 0, because: "false" }]);
    const kept = run(rulebook, inputFor(rulebook), churn(0.9));
    expect([...kept.decision.dropped]).toEqual([{ stage: "consent", treatment: 1, because: "not-given" }]);
  });
});
