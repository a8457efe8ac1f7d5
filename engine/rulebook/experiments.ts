// What rules/experiments.yaml means, compiled. Who is in which arm is a hash of the customer's key, so it sticks and needs no
// memory: bucket = hash(layer's salt, key) mod 100 chooses the experiment, hash(experiment's salt, key) the arm.
import type { ActionIndex, NameHash, RuleIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Place } from "./place.ts";

export interface Arm {
  readonly id: string;
  /** Cumulative share in (0, 1]; the last arm's is 1. */
  readonly upTo: number;
  /** Multiplies the lever of an action; 1 where not named. By ActionIndex. */
  readonly levers: ReadonlyMap<ActionIndex, number>;
  readonly treatmentsOff: ReadonlySet<TreatmentIndex>;
  /** Name of a rulebook under rules/variants/ that decides for this arm. */
  readonly variant: string | undefined;
}

export interface Experiment {
  readonly id: string;
  readonly hash: NameHash;
  readonly place: Place;
  readonly layer: string;
  readonly salt: string;
  /** Buckets of its layer, of 100: first..last included. Experiments of one layer do not share any. */
  readonly firstBucket: number;
  readonly lastBucket: number;
  /** [from, to) */
  readonly from: Instant;
  readonly to: Instant;
  /** Reads no model; undefined: everybody. Not where an arm has a variant. */
  readonly when: RuleIndex | undefined;
  readonly arms: readonly Arm[];
}

/** Customers from whom everything is withheld that is not exempt. */
export interface Holdout {
  /** In [0, 1). */
  readonly share: number;
  readonly salt: string;
  readonly place: Place;
}
