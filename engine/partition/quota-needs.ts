// What the candidates of a decision would take of each quota, if they won.
import type { Decider } from "../decide/decide.ts";
import type { Qualified } from "../decide/qualify.ts";
import type { QuotaIndex } from "../domain/ids.ts";
import type { Quota } from "../rulebook/policies.ts";
import { wholeUnits } from "./quota-ledger.ts";

export interface QuotaNeeds {
  readonly quota: Quota;
  /** Whole units: of the cheapest candidate, of the dearest, and of as many as there are slots. > 0 */
  least: number;
  need: number;
  wish: number;
}

/** By quota that any of the candidates needs. */
export function quotaNeeds(
  { rulebook, prepared }: Decider,
  { treatments, asked }: Qualified,
): ReadonlyMap<QuotaIndex, QuotaNeeds> {
  const needs = new Map<QuotaIndex, QuotaNeeds>();
  const slots = asked.reduce((sum, { limit }) => sum + limit, 0);
  for (const treatment of new Set(treatments)) {
    for (const { quota: index, units } of prepared.quotas[treatment] ?? []) {
      const quota = rulebook.quotas[index] as Quota;
      const whole = wholeUnits(quota, units);
      const found = needs.get(index) ?? { quota, least: whole, need: 0, wish: 0 };
      found.least = Math.min(found.least, whole);
      found.need = Math.max(found.need, whole);
      found.wish += whole;
      needs.set(index, found);
    }
  }
  for (const found of needs.values()) found.wish = Math.min(found.wish, found.need * slots);
  return needs;
}
