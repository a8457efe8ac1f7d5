// What a decision may not do, whatever was drawn: told by names and counts, without the engine's own arrangements.

import type { Decision, DecisionInput, Item, Slate } from "../../engine/domain/decision.ts";
import { drawOf } from "../../engine/domain/hash.ts";
import type { Quota } from "../../engine/rulebook/policies.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";

/** The first rule that the decision breaks, in words; undefined where it breaks none. */
export function brokenRule(rulebook: Rulebook, input: DecisionInput, decision: Decision): string | undefined {
  return (
    overspent(rulebook, input, decision) ??
    crowded(rulebook, decision) ??
    torn(rulebook, decision) ??
    tooLow(rulebook, decision) ??
    leaked(rulebook, input, decision)
  );
}

function allItems({ slates, withheld }: Decision): readonly { slate: Slate; item: Item; isWithheld: boolean }[] {
  const of = (isWithheld: boolean) => (slate: Slate) => slate.items.map((item) => ({ slate, item, isWithheld }));
  return [...slates.flatMap(of(false)), ...withheld.flatMap(of(true))];
}

function overspent(rulebook: Rulebook, input: DecisionInput, decision: Decision): string | undefined {
  for (const quota of rulebook.quotas) {
    let needed = 0;
    let spent = 0;
    for (const { item, isWithheld } of allItems(decision)) {
      if (item.kept) continue;
      const units = unitsOf(rulebook, quota, item);
      needed += units;
      if (!isWithheld) spent += units;
    }
    const left = input.quotas[quota.index] as number;
    if (needed > left) return `${quota.id}: ${needed} placed, ${left} left`;
    const told = decision.spent.find((each) => each.quota === quota.index)?.units ?? 0;
    if (told !== spent) return `${quota.id}: ${spent} spent, ${told} told`;
  }
  return undefined;
}

function unitsOf(rulebook: Rulebook, quota: Quota, { action: index, treatment: at }: Item): number {
  const action = rulebook.actions[index];
  const treatment = rulebook.treatments[at];
  const scope = {
    channel: rulebook.channels[treatment?.channel ?? -1]?.hash,
    issue: action?.issue.hash,
    group: action?.group.hash,
    action: action?.hash,
  };
  const kinds = ["channel", "issue", "group", "action"] as const;
  if (kinds.some((kind) => quota[kind] !== undefined && quota[kind] !== scope[kind])) return 0;
  return quota.unit === "contacts" ? 1 : (treatment?.cost ?? 0);
}

function crowded(rulebook: Rulebook, decision: Decision): string | undefined {
  for (const { id, max, per, actions } of rulebook.slateLimits) {
    const counts = new Map<number, number>();
    for (const { slate, item } of allItems(decision)) {
      if (!actions.has(item.action)) continue;
      const where = per === "slate" ? slate.placement : -1;
      counts.set(where, (counts.get(where) ?? 0) + 1);
    }
    for (const count of counts.values()) if (count > max) return `${id}: ${count} > ${max}`;
  }
  return undefined;
}

/** Members of a bundle stand together in one slate, on one channel. */
function torn(rulebook: Rulebook, decision: Decision): string | undefined {
  for (const { id, actions } of rulebook.bundles) {
    const found = allItems(decision).filter(({ item }) => actions.includes(item.action));
    if (found.length === 0) continue;
    if (found.length !== actions.length) return `${id}: ${found.length} of ${actions.length}`;
    if (new Set(found.map(({ slate }) => slate.placement)).size > 1) return `${id}: in two slates`;
    const ranks = found.map(({ item }) => item.rank);
    const isMixed = new Set(found.map(({ isWithheld }) => isWithheld)).size > 1;
    if (!isMixed && !found[0]?.isWithheld && Math.max(...ranks) - Math.min(...ranks) >= actions.length) {
      return `${id}: ranks ${ranks}`;
    }
  }
  return undefined;
}

function tooLow(rulebook: Rulebook, decision: Decision): string | undefined {
  for (const { slate, item } of allItems(decision)) {
    const least = rulebook.placements[slate.placement]?.minPriority ?? 0;
    const follows = rulebook.bundles.some(({ actions }) => actions.indexOf(item.action) > 0);
    if (!item.kept && !follows && !(item.factors.priority >= least)) return `${item.factors.priority} < ${least}`;
  }
  return undefined;
}

function leaked(rulebook: Rulebook, { profile }: DecisionInput, decision: Decision): string | undefined {
  const { holdout } = rulebook;
  const isHeldOut = holdout !== undefined && drawOf(`holdout\n${holdout.salt}\n${profile.key}`) < holdout.share;
  for (const { item, isWithheld } of allItems(decision)) {
    const name = rulebook.treatments[item.treatment]?.id;
    if (isWithheld !== (isHeldOut && rulebook.actions[item.action]?.exempt === false))
      return `${name}: shown or withheld`;
    const contact =
      decision.contacts.find(({ trackingCode }) => trackingCode === item.trackingCode) ??
      profile.contacts.find(({ trackingCode }) => trackingCode === item.trackingCode);
    if (contact?.shadow !== isWithheld) return `${name}: shadow ${contact?.shadow}`;
    if (isWithheld && contact?.state !== "confirmed") return `${name}: ${contact?.state} in the shadow`;
  }
  return undefined;
}
