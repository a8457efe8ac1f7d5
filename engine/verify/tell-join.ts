// Joining an anonymous key to a customer, by IDN-1 to IDN-9: the note that asks for its profile, the answer, what is forwarded.
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import { anonymousKey, type CustomerKey, isAnonymous, positionMs, type TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import { NEVER } from "../domain/time.ts";
import { encodeForward, encodeMerge, encodeSeal } from "../ingest/join-entry.ts";
import { type EntryFields, encodeDelivered } from "../ingest/log-entry.ts";
import { ABSORBED_MAX, TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import { askForHeld, askForPatterns, momentOf } from "./ask-for.ts";
import { joinKnown } from "./join-known.ts";
import { type Known, newKnown } from "./known.ts";
import type { StoredProfile } from "./stored-profile.ts";
import { noteWritten, type Telling, withdraw } from "./telling.ts";

/** At the customer's end: each identify asks for the anonymous key, unless it is known to be joined. */
export function startJoining(telling: Telling, known: Known, event: CustomerEvent): void {
  if (event.type !== "identify" || event.anonymousId === undefined || isAnonymous(known.key)) return;
  const anonymous = anonymousKey(event.anonymousId);
  if (known.absorbed.includes(anonymous)) return;
  known.joining++;
  noteWritten(telling, known, true);
  send(telling, anonymous, encodeSeal(anonymous, known.key));
}

/** At the anonymous end: the first to ask gets everything, and nothing is left here. */
export function tellSeal(telling: Telling, known: Known, customer: CustomerKey): void {
  const { key, sealedTo } = known;
  if (sealedTo !== undefined) {
    send(telling, customer, encodeMerge(customer, key, sealedTo === customer));
    return;
  }
  send(telling, customer, encodeMerge(customer, key, true), known);
  for (const contact of known.contacts) if (contact.live) withdraw(telling, key, contact, "joined");
  const { since, reflected } = known;
  const sealed: Known = { ...newKnown(key), sealedTo: customer, since, reflected };
  telling.known.set(key, sealed);
  noteWritten(telling, sealed, true);
}

/** At the customer's end again; `packed`: the profile that came along, or what is wrong with it. */
export function tellMerge(
  telling: Telling,
  known: Known,
  { anonymous, isJoined, packed: bytes, arrivedAt }: Extract<LogEntry, { kind: "merge" }>,
  packed: StoredProfile | string | undefined,
): void {
  noteWritten(telling, known, true);
  if (bytes !== undefined && packed !== undefined && typeof packed !== "string") {
    joinKnown(telling, known, packed, arrivedAt);
  }
  known.joining = Math.max(0, known.joining - 1);
  if (isJoined) {
    known.absorbed = [...known.absorbed.filter((key) => key !== anonymous), anonymous].slice(-ABSORBED_MAX);
  }
  const moment = momentOf(telling, known, arrivedAt);
  askForPatterns(moment, arrivedAt);
  if (known.joining > 0) return;
  const { awaiting } = known;
  known.awaiting = [];
  for (const message of awaiting) {
    const isHeld = message.until !== NEVER;
    const isOver = isHeld ? arrivedAt > message.dropAfter : arrivedAt - message.at > TRIGGER_FRESH_MS;
    if (!isOver) askForHeld(moment, message, isHeld ? message : undefined);
  }
}

/** IDN-2: what comes in under a joined key goes on to the customer, with the clock where that is driven. */
export function forwardEvent(telling: Telling, customer: CustomerKey, event: CustomerEvent, entry: LogEntry): void {
  const { movesClock, arrivedAt, position } = entry;
  const isDriven = movesClock && arrivedAt !== positionMs(position);
  send(telling, customer, encodeForward(customer, event, isDriven ? arrivedAt : undefined));
}

export function forwardDelivered(telling: Telling, customer: CustomerKey, code: TrackingCode): void {
  send(telling, customer, encodeDelivered(customer, code));
}

function send(telling: Telling, to: CustomerKey, fields: EntryFields, packed?: Known): void {
  telling.brought.relays.push({ to: partitionOf(to, telling.partitions), fields, packed });
}
