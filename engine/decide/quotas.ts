// Quotas and budgets in one decision: what is left here for it, and what it spends as it places.
import type { QuotaIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Quota } from "../rulebook/policies.ts";
import type { Action, Channel, Rulebook, Treatment } from "../rulebook/rulebook.ts";

export interface QuotaNeed {
  readonly quota: QuotaIndex;
  /** One contact, or its cost. > 0 */
  readonly units: number;
}

/** By TreatmentIndex: what one contact of it needs, in the order of the quotas. */
export type QuotaPlan = readonly (readonly QuotaNeed[])[];

export function planQuotas({ quotas, actions, channels, treatments }: Rulebook): QuotaPlan {
  return treatments.map((treatment) => {
    const action = actions[treatment.action] as Action;
    const channel = channels[treatment.channel] as Channel;
    return quotas
      .filter((quota) => matches(quota, action, channel))
      .map((quota) => ({ quota: quota.index, units: unitsOf(quota, treatment) }))
      .filter(({ units }) => units > 0);
  });
}

export interface QuotaShortage {
  readonly quota: QuotaIndex;
  readonly left: number;
  readonly needed: number;
}

/** What one decision may spend. Used again for the next one: `open` starts over. */
export interface Purse {
  /** `left` by QuotaIndex: units that may be spent here and now. It is not changed. */
  readonly open: (left: Float64Array) => void;
  /** The first quota that has not enough for one more contact of this treatment. */
  readonly shortage: (treatment: TreatmentIndex) => QuotaShortage | undefined;
  readonly spend: (treatment: TreatmentIndex) => void;
  readonly takeBack: (treatment: TreatmentIndex) => void;
}

export function createPurse(plan: QuotaPlan): Purse {
  let given = new Float64Array();
  /** By QuotaIndex: what this decision has placed so far. Counted, not subtracted: taking back restores it exactly. */
  let placed: QuotaNeed[] = [];

  function shortage(treatment: TreatmentIndex): QuotaShortage | undefined {
    for (const { quota, units } of plan[treatment] as readonly QuotaNeed[]) {
      const left = leftOf(quota);
      if (!(left >= units)) return { quota, left, needed: units };
    }
    return undefined;
  }

  function leftOf(quota: QuotaIndex): number {
    let left = given[quota] ?? 0;
    for (const need of placed) if (need.quota === quota) left -= need.units;
    return left;
  }

  return {
    open: (left) => {
      given = left as typeof given;
      if (placed.length > 0) placed = [];
    },
    shortage,
    spend: (treatment) => {
      placed.push(...(plan[treatment] as readonly QuotaNeed[]));
    },
    takeBack: (treatment) => {
      placed.length -= (plan[treatment] as readonly QuotaNeed[]).length;
    },
  };
}

function unitsOf({ unit }: Quota, { cost }: Treatment): number {
  return unit === "contacts" ? 1 : cost;
}

function matches({ channel, issue, group, action }: Quota, of: Action, by: Channel): boolean {
  return (
    (channel === undefined || channel === by.hash) &&
    (issue === undefined || issue === of.issue.hash) &&
    (group === undefined || group === of.group.hash) &&
    (action === undefined || action === of.hash)
  );
}
