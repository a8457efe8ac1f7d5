import { describe, expect, it } from "vitest";
import { renderExplanation } from "../../engine/cli/render-explanation.ts";
import { plain } from "../../engine/cli/terminal.ts";
import type { Explanation } from "../../engine/decide/explain.ts";
import type { DecisionId, RulebookHash } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { record } from "../deliver/records.ts";

const place = { file: "actions/retention.yaml", line: 12, column: 9 };
const factors = {
  raw: 0.1,
  propensity: 0.123456,
  context: 1.5,
  value: 40,
  lever: 1,
  boost: 1,
  fatigue: 1,
  priority: 7.40736,
};

const explained: Explanation = {
  kind: "explained",
  decision: "AAAAAAAAAAAAAAAAAAAAAA" as DecisionId,
  now: 1_763_800_000_000 as Instant,
  rulebook: { hash: "ab".repeat(32) as RulebookHash, version: "7" },
  outcome: "act",
  reproduced: true,
  differences: [],
  arms: [],
  pressure: 0,
  spent: [],
  models: [{ name: "churn", sha256: "00", value: 0.61234, fallback: true }],
  funnel: [{ stage: "eligibility", dropped: 1 }],
  actions: [
    {
      action: "call-back",
      label: "Call back",
      issue: "retention",
      group: "care",
      place,
      outcome: "dropped",
      passed: ["availability"],
      fell: {
        stage: "eligibility",
        because: "false",
        rule: {
          id: "retention/at-risk",
          stage: "eligibility",
          text: "features.logins_30d < 3.0 && attributes.segment == 'gold'",
          place,
          verdict: "false",
          values: { "features.logins_30d": 12.25, "attributes.segment": null },
        },
      },
      rules: [],
      treatments: [],
    },
    {
      action: "keep-card",
      label: "Keep the card",
      issue: "retention",
      group: "cards",
      place,
      outcome: "offered",
      passed: [],
      rules: [],
      treatments: [
        { treatment: "keep-card:app", channel: "app", outcome: "not-asked", passed: [] },
        {
          treatment: "keep-card:contact-centre",
          channel: "contact-centre",
          outcome: "offered",
          passed: [],
          placement: "agent-desk",
          rank: 1,
          kept: true,
          factors,
        },
        {
          treatment: "keep-card:push",
          channel: "push",
          outcome: "dropped",
          passed: [],
          fell: { stage: "contact-limit", policy: "push-a-day", counted: 2, reopensAt: 1_763_886_400_000 as Instant },
        },
      ],
    },
  ],
};

describe("renderExplanation", () => {
  it("tells what was offered first, then every action with where it fell, the rule and what the rule read", () => {
    expect(renderExplanation(explained, plain)).toBe(`AAAAAAAAAAAAAAAAAAAAAA  act  2025-11-22T08:26:40.000Z
rulebook 7 (abababababab)  computed again: the same, bit for bit
models: churn 0.6123 (default)
dropped at: eligibility 1

offered
  keep-card  Keep the card  retention > cards
    keep-card:contact-centre: agent-desk #1, still live
      priority 7.407 from P 0.1235 (observed 0.1), C 1.5, V 40, L 1
    keep-card:push: contact-limit: push-a-day, 2 counted, until 2025-11-23T08:26:40.000Z

dropped
  call-back  Call back  retention > care
    eligibility: false
      retention/at-risk: features.logins_30d < 3.0 && attributes.segment == 'gold'  actions/retention.yaml:12:9
      where features.logins_30d = 12.25, attributes.segment = nothing`);
  });

  it("tells whose it is, what asked for it, and what was so around it", () => {
    const bare = record("AAAAAAAAAAAAAAAAAAAAAA" as DecisionId, { customer: "ana", channel: "app" });
    const trigger = { id: "salary", source: "transactions", event: "t-1" };
    const around = {
      ...explained,
      arms: [{ experiment: "cards", arm: "bold" }],
      pressure: 2.5,
      heldUntil: 1_763_886_400_000 as Instant,
      spent: [{ quota: "push-a-day", units: 1 }],
    };
    const told = renderExplanation(around, plain, { ...bare, trigger });
    expect(told).toContain(`arms: cards bold
pressure: 2.5
quotas: push-a-day 1
held: decided again at 2025-11-23T08:26:40.000Z
dropped at: eligibility 1
customer: ana, by trigger salary on transactions t-1
`);
    expect(renderExplanation(explained, plain, bare)).toContain("\ncustomer: ana\n\n");
  });

  it("does not pass over a replay that differs, nor another rulebook", () => {
    const differing = renderExplanation({ ...explained, reproduced: false, differences: ["slates"] }, plain);
    expect(differing).toContain("computed again: differs: slates");
    const other = renderExplanation(
      { kind: "other-rulebook", recorded: "aa".repeat(32), given: "bb".repeat(32) },
      plain,
    );
    expect(other).toBe("decided under rulebook aaaaaaaaaaaa, given was bbbbbbbbbbbb: not the same");
  });
});
