// When the profiles of a partition are written back, and which are forgotten.
import type { WriteBack } from "./close-draft.ts";
import type { Inbox } from "./inbox.ts";
import type { Partition } from "./partition.ts";

export interface WriteBackBounds {
  /** Profiles of this process in memory. */
  readonly profilesMax: number;
  /** Entries to fold again after a kill, over all partitions. */
  readonly recoveryEntriesMax: number;
  readonly profilesPerCommitMax: number;
  /** What changed is written back after so long, and what was folded again by a recovery at once. */
  readonly writeBackAfterMs: number;
  /** A partition without entries and asks for this long writes back what is left. */
  readonly idleMs: number;
}

/** However few partitions share the bound: one of them is folded again by one lane. */
const PARTITION_ENTRIES_MAX = 16_000;
/** Profiles, over all partitions: nobody is answered while a step packs them. */
const AGED_PER_STEP_MAX = 1_024;

/** `share`: partitions of this process, which have an even part of its bounds each. */
export function writeBackOf(
  bounds: WriteBackBounds,
  share: number,
  inbox: Inbox,
  partition: Partition,
  nowMs: number,
  isFlushing: boolean,
): WriteBack {
  const isIdle = nowMs - inbox.lastWorkAt(partition.index) > bounds.idleMs;
  const isFull = partition.store.size > bounds.profilesMax / share && partition.dirty.size > 0;
  return {
    entriesMax: Math.min(PARTITION_ENTRIES_MAX, Math.ceil(bounds.recoveryEntriesMax / share)),
    agedOrdinal: agedOrdinal(partition, nowMs, bounds.writeBackAfterMs),
    agedMax: Math.ceil(AGED_PER_STEP_MAX / share),
    profilesMax: bounds.profilesPerCommitMax,
    flush: isFlushing || isIdle || isFull || partition.isBaseWanted,
  };
}

/**
 * Where few entries come it takes long until so many have come that a profile must be written; but whoever recovers would have to
 * fold all of them again. So every `afterMs` a mark is set, and what changed before the last one goes. What was folded again by a recovery has waited
 * long enough: else a process that is killed every few seconds would fold more each time.
 */
function agedOrdinal(partition: Partition, nowMs: number, afterMs: number): number {
  const { mark } = partition;
  if (mark === undefined || nowMs - mark.atMs >= afterMs) {
    partition.agedOrdinal = (mark ?? partition).ordinal;
    partition.mark = { ordinal: partition.ordinal, atMs: nowMs };
  }
  return partition.agedOrdinal;
}

/** More than one step can bring in: memory must not grow by what is not forgotten in time. */
const EVICTED_PER_STEP_MAX = 2_048;

/** Forgets profiles that were not touched for longest and are stored as they are, while there are too many. */
export function evict(bounds: WriteBackBounds, share: number, partition: Partition): void {
  const { store, dirty, committed } = partition;
  const excess = Math.floor(store.size - bounds.profilesMax / share);
  if (excess <= 0) return;
  for (const key of store.oldest(Math.min(excess, EVICTED_PER_STEP_MAX))) {
    const isErasing = partition.erasing.some((erasing) => erasing.key === key);
    if (dirty.has(key) || isErasing || store.reflects(key) > committed) continue;
    store.evict(key);
    partition.armed.delete(key);
    partition.unregistered.delete(key);
  }
}
