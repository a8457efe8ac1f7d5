import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { type Explanation, explain } from "../../engine/decide/explain.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { replay } from "../../engine/decide/replay.ts";
import { DAY_MS, type Instant } from "../../engine/domain/time.ts";
import { buildRulebook, contactOf, inputFor, NOW, type RuleDraft, yes } from "./build.ts";

const HOME = [{ channel: "app", placements: ["home"] }];
const richEnough: RuleDraft = {
  id: "loans/rich-enough",
  reads: ["features.spend", "attributes.segment", "context.page", "model.churn", "customer.open_cases"],
  test: ({ features }) => (features[0] as number) > 100,
};
const rulebook = buildRulebook({
  models: ["churn"],
  features: ["spend"],
  attributes: ["segment"],
  placements: [{ name: "home", channels: ["app", "email"], slots: 1 }],
  actions: [
    { id: "card", value: 9, treatments: [...HOME, { channel: "email", placements: ["home"] }] },
    { id: "loan", eligibility: [yes("loans/adult"), richEnough], suitability: [yes("unread")], treatments: HOME },
    { id: "save", treatments: HOME },
    { id: "tired", treatments: HOME },
  ],
  limits: [{ id: "two-a-day", max: 1, windowMs: DAY_MS, action: "tired" }],
});
const decider = createDecider(rulebook);
const input = inputFor(rulebook, {
  channel: "app",
  features: [40],
  context: { page: "loans" },
  profile: { attributes: ["gold"], contacts: [contactOf(rulebook, { of: "tired:app", at: (NOW - 1000) as Instant })] },
});
const record = recordOf(decider, input, decide(decider, input, []), { models: [], degraded: [] });

function explained(): Extract<Explanation, { kind: "explained" }> {
  const explanation = explain(decider, record);
  if (explanation.kind !== "explained") throw new Error(`not explained: ${explanation.kind}`);
  return explanation;
}

describe("explain", () => {
  test("EXP-1 names every action and treatment, and the stages that it passed", () => {
    const { actions, outcome, reproduced, funnel } = explained();
    expect({ outcome, reproduced }).toEqual({ outcome: "act", reproduced: true });
    expect(actions.map(({ action, outcome: became }) => `${action} ${became}`)).toEqual([
      "card offered",
      "loan dropped",
      "save dropped",
      "tired dropped",
    ]);
    expect(actions[0]?.treatments.map(({ treatment, outcome: became }) => `${treatment} ${became}`)).toEqual([
      "card:app offered",
      "card:email not-asked",
    ]);
    expect(actions[2]?.treatments[0]).toMatchObject({
      outcome: "dropped",
      passed: [
        "availability",
        "eligibility",
        "applicability",
        "suitability",
        "consent",
        "suppression",
        "contact-limit",
        "quota",
        "propensity",
        "arbitration",
        "content",
      ],
      fell: { stage: "slots", placement: "home", lostTo: "card:app", priority: 0.5 },
    });
    expect(funnel).toEqual([
      { stage: "eligibility", dropped: 1 },
      { stage: "contact-limit", dropped: 1 },
      { stage: "slots", dropped: 1 },
    ]);
  });

  test("EXP-2 tells a failed rule with its text, place and what it read", () => {
    const loan = explained().actions[1];
    expect(loan).toMatchObject({ passed: ["availability"], fell: { stage: "eligibility", because: "false" } });
    expect(loan?.rules.map(({ id, verdict }) => `${id} ${verdict}`)).toEqual([
      "loans/adult true",
      "loans/rich-enough false",
    ]);
    expect(loan?.fell?.rule).toEqual({
      id: "loans/rich-enough",
      stage: "eligibility",
      text: String(richEnough.test),
      place: { file: "rules/test.yaml", line: 11, column: 1 },
      verdict: "false",
      values: {
        "features.spend": 40,
        "attributes.segment": "gold",
        "context.page": "loans",
        "model.churn": null,
        "customer.open_cases": 0,
      },
    });
  });

  test("EXP-3 tells a policy with its place, and the factors of what was offered", () => {
    const { actions } = explained();
    expect(actions[3]?.treatments[0]?.fell).toEqual({
      stage: "contact-limit",
      policy: "two-a-day",
      policyPlace: { file: "rules/test.yaml", line: 100, column: 1 },
      counted: 1,
      max: 1,
      windowMs: DAY_MS,
      reopensAt: NOW - 1000 + DAY_MS,
    });
    expect(actions[0]?.treatments[0]).toMatchObject({
      placement: "home",
      rank: 1,
      kept: false,
      factors: { propensity: 0.5, context: 1, value: 9, lever: 1, priority: 4.5 },
    });
  });
});

describe("replay", () => {
  test("DET-2 tells what differs where a record was changed", () => {
    const [slate] = record.slates;
    if (slate === undefined) throw new Error("no slate");
    const items = slate.items.map((item) => ({ ...item, factors: { ...item.factors, priority: 4.6 } }));
    const changed = { ...record, slates: [{ ...slate, items }], droppedDigest: "0" };
    expect(replay(decider, record)).toMatchObject({ reproduced: true, differences: [] });
    expect(replay(decider, changed)).toMatchObject({
      reproduced: false,
      differences: [
        "slates.0.items.0.factors.priority: recorded 4.6, computed 4.5",
        `droppedDigest: recorded "0", computed "${record.droppedDigest}"`,
      ],
    });
  });

  test("DET-6 refuses the record of another rulebook", () => {
    const other = { ...record, rulebook: "another" as typeof record.rulebook };
    expect(replay(decider, other)).toEqual({
      decision: undefined,
      reproduced: false,
      differences: ['rulebook: recorded "another", given "test-rulebook"'],
    });
    expect(explain(decider, other)).toEqual({ kind: "other-rulebook", recorded: "another", given: "test-rulebook" });
  });
});
