// The rules that are delivered: no fault, and what others build on is there.
import { describe, expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { slotOf } from "../../engine/decide/prepared.ts";
import { compileRulebook, validateRulebook } from "../../engine/rulebook/compile.ts";
import { formatFault } from "../../engine/rulebook/fault.ts";
import { RULE_FALSE, RULE_TRUE, type Rulebook, type RuleScope } from "../../engine/rulebook/rulebook.ts";
import { MODELS, sha256 } from "./small-rules.ts";

const files = await readRulebookFolder(new URL("../../rules", import.meta.url).pathname);
const faults = validateRulebook({ files, models: MODELS, sha256 });

function demo(): Rulebook {
  const compiled = compileRulebook({ files, models: MODELS, sha256 });
  if (compiled.kind === "faulty") throw new Error(compiled.faults.map((fault) => formatFault(fault)).join("\n"));
  return compiled.rulebook;
}

/** A customer of whom everything is 0, unless said otherwise. */
function customer(
  rulebook: Rulebook,
  known: Readonly<Record<string, number | boolean | string | readonly string[]>>,
): RuleScope {
  return {
    features: Float64Array.from(rulebook.features, ({ name }) => (known[name] as number | undefined) ?? 0),
    attributes: rulebook.attributes.map(({ name }) => known[name]),
    context: {},
    models: Float64Array.from(rulebook.models, ({ name }) => (known[name] as number | undefined) ?? 0),
    openCases: 0,
    anonymous: false,
  };
}

/** Actions whose engagement policy holds. */
function allowed(rulebook: Rulebook, scope: RuleScope): readonly string[] {
  const out = new Uint8Array(rulebook.verdicts);
  rulebook.evaluateRules(scope, out);
  rulebook.evaluateModelRules(scope, out);
  return rulebook.actions
    .filter((action) =>
      [...action.eligibility, ...action.applicability, ...action.suitability].every(
        (rule) => out[slotOf(rulebook, rule)] === RULE_TRUE,
      ),
    )
    .map((action) => action.id);
}

describe("rules of the demo", () => {
  it("have no fault", () => {
    expect(faults.map((fault) => formatFault(fault, "rules"))).toEqual([]);
  });

  it("have at least 16 actions in 5 issues, on 5 channels and 4 placements", () => {
    const rulebook = demo();
    expect(rulebook.actions.length).toBeGreaterThanOrEqual(16);
    expect([...new Set(rulebook.actions.map((action) => action.issue.id))].toSorted()).toEqual([
      "cross-sell",
      "onboarding",
      "retention",
      "service",
      "up-sell",
    ]);
    expect(rulebook.channels.map((channel) => channel.name)).toEqual(["app", "web", "push", "email", "contact-centre"]);
    expect(rulebook.placements.map((placement) => placement.name)).toEqual([
      "app-home",
      "web-hero",
      "agent-desk",
      "outreach",
    ]);
    expect([...rulebook.triggersByType.keys()].toSorted()).toEqual([
      "account_closure_viewed",
      "call_started",
      "card_declined",
      "checkout_abandoned",
      "salary_received",
      "transfer_out",
    ]);
    for (const channel of rulebook.channels) {
      expect(rulebook.treatments.some((treatment) => treatment.channel === channel.index)).toBe(true);
    }
  });

  it("give agents a script and customers a call to action", () => {
    const rulebook = demo();
    const desk = rulebook.channels.find((channel) => channel.name === "contact-centre")?.index;
    for (const treatment of rulebook.treatments) {
      const fields = Object.keys(treatment.content);
      expect([treatment.id, fields]).toEqual([
        treatment.id,
        expect.arrayContaining(
          treatment.channel === desk ? ["title", "script", "talkingPoints"] : ["title", "text", "cta"],
        ),
      ]);
    }
    for (const action of rulebook.actions) expect(action.reasons.length, action.id).toBeGreaterThan(0);
  });

  it("are numbered in order of id, whatever the order of the files", () => {
    const rulebook = demo();
    const ids = rulebook.actions.map((action) => action.id);
    expect(ids).toEqual(ids.toSorted());
    const reversed = Object.fromEntries(Object.entries(files).toReversed());
    const again = compileRulebook({ files: reversed, models: MODELS, sha256 });
    expect(again.kind === "compiled" && again.rulebook.hash).toBe(rulebook.hash);
    expect(again.kind === "compiled" && again.rulebook.actions.map((action) => action.id)).toEqual(ids);
  });

  it("offer no credit to customers in arrears, or of whom that is not known", () => {
    const rulebook = demo();
    const good = { age: 40, balance: 900, loan_views_7d: 3, salary_last: 2_000, arrears: false };
    expect(allowed(rulebook, customer(rulebook, good))).toContain("personal-loan");
    expect(allowed(rulebook, customer(rulebook, { ...good, arrears: true }))).not.toContain("personal-loan");
    const { arrears: _, ...silent } = good;
    expect(allowed(rulebook, customer(rulebook, silent))).not.toContain("personal-loan");
  });

  it("sell nothing while a case is open, but help", () => {
    const rulebook = demo();
    const known = { age: 40, arrears: false, views_1h: 9, carts_24h: 1, declines_24h: 2 };
    expect(allowed(rulebook, customer(rulebook, known))).toEqual(
      expect.arrayContaining(["pay-later", "help-declined-card"]),
    );
    const open = allowed(rulebook, { ...customer(rulebook, known), openCases: 1 });
    expect(open).toContain("help-declined-card");
    expect(open).not.toContain("pay-later");
  });

  it("read the churn model in retention and the propensity model in the shop", () => {
    const rulebook = demo();
    const reads = (issue: string) => {
      const actions = rulebook.actions.filter((action) => action.issue.id === issue);
      return [...new Set(actions.flatMap((action) => action.needsModels))].map((model) => rulebook.models[model]?.name);
    };
    expect(reads("retention")).toContain("churn");
    expect(reads("cross-sell")).toContain("propensity");
    expect(allowed(rulebook, customer(rulebook, { churn: 0.9, tenure_months: 30 }))).toContain("retention-call");
    expect(allowed(rulebook, customer(rulebook, { churn: 0.1, tenure_months: 30 }))).not.toContain("retention-call");
  });

  it("need no number that may be missing in a weight of context, for an error there drops the action", () => {
    const rulebook = demo();
    const out = new Uint8Array(rulebook.verdicts);
    const unknown = customer(rulebook, {});
    const features = Float64Array.from(rulebook.features, ({ aggregate }) =>
      aggregate === "count" || aggregate === "sum" ? 0 : Number.NaN,
    );
    rulebook.evaluateRules({ ...unknown, features }, out);
    rulebook.evaluateModelRules({ ...unknown, features }, out);
    for (const action of rulebook.actions) {
      const passes = [...action.eligibility, ...action.applicability, ...action.suitability].every(
        (rule) => out[slotOf(rulebook, rule)] !== RULE_FALSE,
      );
      const failing = action.context.filter(({ when }) => (out[slotOf(rulebook, when)] as number) > RULE_TRUE);
      if (passes) expect(failing.map(({ when }) => rulebook.rules[when]?.id)).toEqual([]);
    }
  });
});
