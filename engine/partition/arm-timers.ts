// A customer has one timer, at the earliest of all that falls due. Redis is told only where it must go off earlier than it
// is armed: what falls due later is found by a timer that goes off for nothing and is armed anew (W20 in engine/README.md).
import type { CustomerKey } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import { nextDaily } from "../profile/daily.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Partition } from "./partition.ts";

/** Puts into the draft what the next commit has to arm. */
export function armTimers(partition: Partition): void {
  const { draft } = partition;
  for (const key of draft.rearm) {
    // The day alone is worth no commit: it is armed when the profile is written back.
    const due = partition.store.soonestDue(key);
    if (due < armedAt(partition, key)) arm(partition, key, Math.min(due, daily(partition, key)) as Instant);
  }
  for (const key of draft.fired) arm(partition, key, dueOf(partition, key));
  draft.rearm.clear();
  draft.fired.clear();
}

/** A profile that is written back is in the register from then on, and its timer goes off in time. */
export function armWritten(partition: Partition, key: CustomerKey): void {
  const due = dueOf(partition, key);
  if (partition.unregistered.has(key) || due < armedAt(partition, key)) arm(partition, key, due);
}

/** Whoever was first seen by now is in the register after this commit; somebody who was only looked at is not known. */
export function registerNew(partition: Partition): void {
  for (const key of partition.unregistered) if (partition.dirty.has(key)) armWritten(partition, key);
}

function arm(partition: Partition, key: CustomerKey, due: Instant): void {
  partition.draft.armed.set(key, due);
  partition.unregistered.delete(key);
  if (due === NEVER) partition.armed.delete(key);
  else partition.armed.set(key, due);
  if (due < partition.nextDue) partition.nextDue = due;
}

function armedAt(partition: Partition, key: CustomerKey): Instant {
  return partition.armed.get(key) ?? NEVER;
}

function dueOf(partition: Partition, key: CustomerKey): Instant {
  return Math.min(partition.store.soonestDue(key), daily(partition, key)) as Instant;
}

function daily({ store, active, lastNow }: Partition, key: CustomerKey): Instant {
  if (!hasDaily(active.rulebook)) return NEVER;
  const from = store.dailyFrom(key);
  return nextDaily(key, from === LONG_AGO ? lastNow : from);
}

export function hasDaily(rulebook: Rulebook): boolean {
  return rulebook.triggers.some(({ kind }) => kind === "daily");
}
