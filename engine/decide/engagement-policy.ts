// Availability and the three tiers of the engagement policy: is the action on offer, allowed, relevant, good for them?
import type { Drop } from "../domain/drop.ts";
import type { Instant } from "../domain/time.ts";
import { type Action, RULE_ERROR, RULE_TRUE } from "../rulebook/rulebook.ts";
import type { TierRule } from "./prepared.ts";

/** Why the action is not on offer to anyone now; undefined where it is. */
export function unavailable(action: Action, now: Instant): "switched-off" | "not-yet" | "no-longer" | undefined {
  if (!action.enabled) return "switched-off";
  if (now < action.from) return "not-yet";
  if (now >= action.to) return "no-longer";
  return undefined;
}

/** The first rule, in order of the tiers, that is not true. `verdicts` by RuleIndex. */
export function firstFailure(action: Action, rules: readonly TierRule[], verdicts: Uint8Array): Drop | undefined {
  for (const { stage, rule } of rules) {
    const verdict = verdicts[rule];
    if (verdict === RULE_TRUE) continue;
    return { stage, action: action.index, rule, because: verdict === RULE_ERROR ? "rule-error" : "false" };
  }
  return undefined;
}
