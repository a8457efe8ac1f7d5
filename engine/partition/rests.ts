// Partitions that are not to be tried just now, and those that could not be taken at all.
import type { PartitionIndex } from "../domain/ids.ts";

export interface Rests {
  readonly isResting: (index: PartitionIndex) => boolean;
  readonly pause: (index: PartitionIndex, ms: number) => void;
  /** Rests the longer, the more often in a row. `why`: what is wrong with it; undefined: it was lost, and may well be whole. */
  readonly fail: (index: PartitionIndex, why: string | undefined) => void;
  /** Why Redis would not let any be taken; it counts for a few seconds, and until the next one is taken. */
  readonly refuse: (why: string) => void;
  readonly refusal: () => string | undefined;
  readonly succeed: (index: PartitionIndex) => void;
  /** What Redis holds of these cannot be put together, and why: tried again now and then. */
  readonly broken: () => ReadonlyMap<PartitionIndex, string>;
}

const FIRST_MS = 50;
const LAST_MS = 5_000;
/** Trouble of the surroundings is over as soon as they are. */
const LOST_MS_MAX = 1_000;
/** Who was held for so long has not failed in a row. */
const FORGOTTEN_AFTER_MS = 10_000;

const REFUSAL_COUNTS_MS = 5_000;

interface Rest {
  readonly until: number;
  readonly failures: number;
  readonly takenAt: number | undefined;
}

export function createRests(clock: () => number): Rests {
  const rests = new Map<PartitionIndex, Rest>();
  let refused: { readonly why: string; readonly at: number } | undefined;
  const broken = new Map<PartitionIndex, string>();
  const restOf = (index: PartitionIndex): Rest => rests.get(index) ?? { until: 0, failures: 0, takenAt: undefined };
  return {
    isResting: (index) => restOf(index).until > clock(),
    pause: (index, ms) => void rests.set(index, { ...restOf(index), until: clock() + ms }),
    fail: (index, why) => {
      const { failures: before, takenAt } = restOf(index);
      const failures = takenAt !== undefined && clock() - takenAt > FORGOTTEN_AFTER_MS ? 1 : before + 1;
      const ms = Math.min(FIRST_MS * 2 ** (failures - 1), why === undefined ? LOST_MS_MAX : LAST_MS);
      rests.set(index, { until: clock() + ms, failures, takenAt: undefined });
      if (why !== undefined) broken.set(index, why);
    },
    refuse: (why) => {
      refused = { why, at: clock() };
    },
    refusal: () => (refused !== undefined && clock() - refused.at < REFUSAL_COUNTS_MS ? refused.why : undefined),
    succeed: (index) => {
      refused = undefined;
      rests.set(index, { ...restOf(index), takenAt: clock() });
      broken.delete(index);
    },
    broken: () => broken,
  };
}
