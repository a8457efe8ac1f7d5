// Availability and the three tiers of the engagement policy: is it on offer, allowed, relevant, good for them?
import type { ActionDrop, TreatmentDrop } from "../domain/drop.ts";
import type { Instant } from "../domain/time.ts";
import { type Action, RULE_ERROR, RULE_TRUE, type Treatment } from "../rulebook/rulebook.ts";
import type { TierRule } from "./prepared.ts";

/** Why the action or treatment is not on offer to anyone now; undefined where it is. */
export function unavailable(
  { enabled, from, to }: Pick<Action | Treatment, "enabled" | "from" | "to">,
  now: Instant,
): "switched-off" | "not-yet" | "no-longer" | undefined {
  if (!enabled) return "switched-off";
  if (now < from) return "not-yet";
  if (now >= to) return "no-longer";
  return undefined;
}

/** The first rule of the action, in order of the tiers, that is not true. `verdicts` by VerdictSlot. */
export function firstFailure(action: Action, rules: readonly TierRule[], verdicts: Uint8Array): ActionDrop | undefined {
  const failed = failedRule(rules, verdicts);
  if (failed === undefined) return undefined;
  return { stage: failed.stage, action: action.index, rule: failed.rule, because: why(failed, verdicts) };
}

/** The same of a treatment. */
export function firstTreatmentFailure(
  treatment: Treatment,
  rules: readonly TierRule[],
  verdicts: Uint8Array,
): TreatmentDrop | undefined {
  const failed = failedRule(rules, verdicts);
  if (failed === undefined) return undefined;
  return { stage: failed.stage, treatment: treatment.index, rule: failed.rule, because: why(failed, verdicts) };
}

/** Are all of them true? */
export function isAllowed(rules: readonly TierRule[], verdicts: Uint8Array): boolean {
  return failedRule(rules, verdicts) === undefined;
}

function failedRule(rules: readonly TierRule[], verdicts: Uint8Array): TierRule | undefined {
  for (const tested of rules) if (verdicts[tested.slot] !== RULE_TRUE) return tested;
  return undefined;
}

function why({ slot }: TierRule, verdicts: Uint8Array): "false" | "rule-error" {
  return verdicts[slot] === RULE_ERROR ? "rule-error" : "false";
}
