// Somebody is to be forgotten: the profile begins anew, what is on screens leaves them, and the traces in logs and journal
// are noted for erase-pass.ts. The fold reads no traces, so it comes to the same whether they are still there or not.
import type { LogEntry, OutcomeReport } from "../domain/event.ts";
import { type CustomerKey, isAnonymous } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { encodeErase } from "../ingest/erase-entry.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import type { EntryResult, FoldContext } from "./fold-entry.ts";
import type { Erasing, Partition } from "./partition.ts";

/** Of one whose notes are gone already: nobody asks for it by its number. */
const UNKNOWN_ERASURE = "0".repeat(32);

export function foldErase(
  partition: Partition,
  entry: Extract<LogEntry, { kind: "erase" }>,
  context: FoldContext,
): void {
  const { key, erasure, joinedTo, position } = entry;
  const { store, draft, ordinal } = partition;
  if (partition.damaged.delete(key)) store.load(key, undefined);
  const { sealedTo, absorbed } = store.state(key);
  // Of an anonymous key that is not joined to who is erased only what names that customer is a trace.
  const isJoined = context.forgot === undefined ? sealedTo === joinedTo : context.forgot.has(key);
  const isWhole = joinedTo === undefined || isJoined || context.isReflected(key);
  note(partition, { key, erasure, upTo: position, seq: context.seq, ordinal, of: isWhole ? undefined : joinedTo });
  draft.urgent = true;
  if (!isWhole || context.isReflected(key)) return;
  forget(partition, key);
  if (isAnonymous(key)) return;
  for (const anonymous of absorbed) {
    draft.relays.push({ to: partitionOf(anonymous, context.partitions), fields: encodeErase(anonymous, erasure, key) });
  }
}

/**
 * A profile that comes to a customer who does not wait for one: whoever asked for it was erased meanwhile. What it brings, and
 * the device that it comes from, belong to the one who was erased.
 */
export function eraseMerge(
  partition: Partition,
  { key, anonymous, position, arrivedAt, movesClock }: Extract<LogEntry, { kind: "merge" }>,
  context: FoldContext,
): void {
  const erasure = partition.erasing.find((erasing) => erasing.key === key)?.erasure ?? UNKNOWN_ERASURE;
  foldErase(partition, { kind: "erase", key, erasure, joinedTo: undefined, position, arrivedAt, movesClock }, context);
  const to = partitionOf(anonymous, context.partitions);
  partition.draft.relays.push({ to, fields: encodeErase(anonymous, erasure, key) });
}

/**
 * A timer or a report of the engine's own about somebody who was erased meanwhile. Only who is in the register has timers, and
 * only who has a contact can have missed it.
 */
export function isTooLate(partition: Partition, entry: LogEntry): boolean {
  if (entry.kind === "timer") return partition.unregistered.has(entry.key) && !partition.dirty.has(entry.key);
  if (entry.kind !== "event" || entry.event.source !== ENGINE_SOURCE || entry.event.type !== "outcome") return false;
  const { trackingCode } = entry.event.props as unknown as OutcomeReport; // checked where the event was decoded
  return !partition.store.state(entry.event.key).contacts.some((contact) => contact.trackingCode === trackingCode);
}

/** Nothing is left but what it counted as, and that it was there. */
export function foldErased({ seen }: Partition, { hash, was }: Extract<LogEntry, { kind: "erased" }>): EntryResult {
  const isRepeated = hash !== undefined && seen.check(...hash);
  if (was === "again") return "internal";
  return isRepeated ? "duplicate" : was;
}

/** The later one covers the earlier. */
function note({ erasing }: Partition, added: Erasing): void {
  const at = erasing.findIndex(({ key, of }) => key === added.key && of === added.of);
  erasing.splice(at < 0 ? erasing.length : at, at < 0 ? 0 : 1, added);
}

function forget(partition: Partition, key: CustomerKey): void {
  const { store, draft } = partition;
  for (const { live, shadow, trackingCode } of store.state(key).contacts) {
    if (live && !shadow) draft.withdrawals.push({ key, trackingCode, because: "erased" });
  }
  store.load(key, undefined);
  partition.dirty.delete(key);
  partition.armed.delete(key);
  partition.unregistered.add(key); // whoever comes again under this id is new
  const waiting = draft.triggered.filter((one) => one.key !== key);
  draft.triggered.splice(0, draft.triggered.length, ...waiting);
  draft.rearm.delete(key);
  draft.fired.delete(key);
  draft.armed.delete(key);
  draft.forgotten.add(key);
}
