// Quotas, slate rules, fatigue, boosts and experiments for the tests of decide, as the compiler would make them. Actions are
// numbered by their ids in order, so a draft names them by position.
import { nameHash } from "../../engine/domain/hash.ts";
import type { ActionIndex, PolicyIndex, QuotaIndex, RuleIndex, TreatmentIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, LONG_AGO, NEVER } from "../../engine/domain/time.ts";
import type { Arm, Experiment } from "../../engine/rulebook/experiments.ts";
import type { Boost, Bundle, Fatigue, Quota, SlateLimit } from "../../engine/rulebook/policies.ts";

export const PLACE = { file: "rules/test.yaml", line: 300, column: 1 };

export function quota(index: number, draft: Partial<Quota> = {}): Quota {
  const id = draft.id ?? `quota-${index}`;
  return {
    index: index as QuotaIndex,
    id,
    hash: nameHash("quota", id),
    place: PLACE,
    channel: undefined,
    issue: undefined,
    group: undefined,
    action: undefined,
    unit: "contacts",
    max: 100,
    per: "day",
    timeZone: "UTC",
    pacing: "none",
    ...draft,
  };
}

export function atMost(index: number, max: number, per: SlateLimit["per"], actions: readonly number[]): SlateLimit {
  const of = new Set(actions as ActionIndex[]);
  return { index: index as PolicyIndex, id: `at-most-${index}`, place: PLACE, max, per, actions: of };
}

/** `index` counts on from the slate limits. */
export function bundle(index: number, actions: readonly number[]): Bundle {
  return {
    index: index as PolicyIndex,
    id: `bundle-${index}`,
    place: PLACE,
    actions: actions as ActionIndex[],
  };
}

export function fatigue(draft: Partial<Fatigue> = {}): Fatigue {
  return {
    halfLifeMs: DAY_MS,
    weights: [1, 1, 1],
    otherWeight: 1,
    answered: 0.5,
    otherChannels: 0.5,
    halvesAt: 1,
    ...draft,
  };
}

export function boost(draft: Partial<Boost> = {}): Boost {
  const base = { id: "boost", place: PLACE, after: "clicked", scope: "group", only: undefined } as const;
  return { ...base, weight: 2, halfLifeMs: DAY_MS, ...draft };
}

export interface ArmDraft {
  readonly id: string;
  readonly upTo: number;
  readonly levers?: Readonly<Record<number, number>>;
  readonly off?: readonly number[];
  readonly variant?: string;
}

export function experiment(
  id: string,
  arms: readonly ArmDraft[],
  draft: Partial<Omit<Experiment, "when">> & { readonly when?: number } = {},
): Experiment {
  const { when, ...rest } = draft;
  return {
    id,
    hash: nameHash("experiment", id),
    place: PLACE,
    layer: "main",
    salt: id,
    firstBucket: 0,
    lastBucket: 99,
    from: LONG_AGO,
    to: NEVER,
    when: when as RuleIndex | undefined,
    ...rest,
    arms: arms.map(
      ({ id: arm, upTo, levers, off, variant }): Arm => ({
        id: arm,
        upTo,
        levers: new Map(Object.entries(levers ?? {}).map(([index, lever]) => [Number(index) as ActionIndex, lever])),
        treatmentsOff: new Set((off ?? []) as TreatmentIndex[]),
        variant,
      }),
    ),
  };
}

/** Everybody is in it. */
export const EVERYBODY = { share: 1, salt: "test", place: PLACE };
