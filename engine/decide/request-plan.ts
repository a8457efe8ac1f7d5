// Which treatments a request can be answered with: worked out once for each set of placements and channel that somebody asks for.
import type { DecisionRequest } from "../domain/decision.ts";
import type { PreparedAction } from "./prepared.ts";

/** By action: `first[action]` to `first[action + 1]` of `treatments`; of each of these: `firstPair[n]` to `firstPair[n + 1]` of `pairs`. */
export interface RequestPlan {
  readonly first: Int32Array;
  /** Treatments that are asked for, by action and then ascending. */
  readonly treatments: Int32Array;
  readonly firstPair: Int32Array;
  /** Placements that are asked for and show the treatment, ascending. */
  readonly pairs: Int32Array;
  /** By PlacementIndex: 1 where some treatment can stand there. */
  readonly isServed: Uint8Array;
}

/** Asked for by outside callers: placements and channels are few, their combinations need not be. */
const PLANS_MAX = 64;
/** Beyond so many placements a set of them is no small integer. */
const BITS = 24;

export interface RequestPlans {
  /** `isAsked` by PlacementIndex: 1 where it is. */
  readonly planOf: (channel: DecisionRequest["channel"], isAsked: Uint8Array) => RequestPlan;
}

export function createRequestPlans(actions: readonly PreparedAction[], channels: number): RequestPlans {
  const plans = new Map<number, RequestPlan>();
  return {
    planOf: (channel, isAsked) => {
      if (isAsked.length > BITS) return makePlan(actions, channel, isAsked);
      let asked = 0;
      for (let placement = 0; placement < isAsked.length; placement++)
        asked |= (isAsked[placement] as number) << placement;
      const key = asked * (channels + 1) + (channel ?? channels);
      const known = plans.get(key);
      if (known !== undefined) return known;
      if (plans.size === PLANS_MAX) plans.clear();
      const plan = makePlan(actions, channel, isAsked);
      plans.set(key, plan);
      return plan;
    },
  };
}

function makePlan(
  actions: readonly PreparedAction[],
  asking: DecisionRequest["channel"],
  isAsked: Uint8Array,
): RequestPlan {
  const first = [0];
  const treatments: number[] = [];
  const firstPair = [0];
  const pairs: number[] = [];
  const isServed = new Uint8Array(isAsked.length);
  for (const { treatments: own } of actions) {
    for (const { treatment, channel, placements } of own) {
      if (asking !== undefined && asking !== channel.index) continue;
      const shown = placements.filter((placement) => isAsked[placement] === 1);
      if (shown.length === 0) continue;
      treatments.push(treatment.index);
      for (const placement of shown) isServed[placement] = 1;
      firstPair.push(pairs.push(...shown));
    }
    first.push(treatments.length);
  }
  return {
    first: Int32Array.from(first),
    treatments: Int32Array.from(treatments),
    firstPair: Int32Array.from(firstPair),
    pairs: Int32Array.from(pairs),
    isServed,
  };
}
