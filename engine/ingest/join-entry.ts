// Entries that join an anonymous key to a customer: what one partition tells another (engine/partition/identity.ts).
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import { type CustomerKey, isAnonymous } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { SOURCE_LENGTH_MAX } from "./bounds.ts";
import { decodeEventBytes } from "./decode-event.ts";
import { eventPayload } from "./encode-event.ts";
import { dead, type Entry, isKey, placed, within } from "./entry-parts.ts";
import type { EntryFields } from "./log-entry.ts";
import { pack } from "./messagepack.ts";
import { isRefused } from "./refused.ts";

const SEAL = "$seal";
const MERGE = "$merge";
const FORWARD = "$forward";

/** To the log of the anonymous key: it is to be sealed, and its profile sent to the customer. */
export function encodeSeal(anonymous: CustomerKey, customer: CustomerKey): EntryFields {
  return ["s", SEAL, "d", pack({ k: anonymous, customer })];
}

/** The answer, to the log of the customer; `packed` is left out where there is nothing to merge. */
export function encodeMerge(
  customer: CustomerKey,
  anonymous: CustomerKey,
  isJoined: boolean,
  packed?: Uint8Array,
): EntryFields {
  const bytes = packed === undefined ? [] : ["b", Buffer.from(packed)];
  return ["s", MERGE, "d", pack({ k: customer, anonymous, joined: isJoined }), ...bytes];
}

/** An event of a sealed key, to the log of the customer; `arrivedAt` where a replay drove the clock to it. */
export function encodeForward(customer: CustomerKey, event: CustomerEvent, arrivedAt?: Instant): EntryFields {
  const clock = arrivedAt === undefined ? [] : ["t", String(arrivedAt)];
  return ["s", FORWARD, "d", pack({ k: customer, source: event.source }), "b", eventPayload(event), ...clock];
}

/** Undefined where the entry is none of these. */
export function decodeJoin(
  entry: Entry,
  key: CustomerKey,
  value: Readonly<Record<string, unknown>>,
): LogEntry | undefined {
  switch (entry.source) {
    case SEAL:
      return decodeSeal(entry, key, value);
    case MERGE:
      return decodeMerge(entry, key, value);
    case FORWARD:
      return decodeForward(entry, key, value);
  }
  return undefined;
}

function decodeSeal(entry: Entry, key: CustomerKey, { customer }: Readonly<Record<string, unknown>>): LogEntry {
  if (!isAnonymous(key) || !isCustomer(customer)) {
    return dead(entry, "invalid", "a seal needs k, an anonymous key, and customer, the key of a customer");
  }
  return { ...placed(entry), kind: "seal", anonymous: key, customer };
}

function decodeMerge(entry: Entry, key: CustomerKey, value: Readonly<Record<string, unknown>>): LogEntry {
  const { anonymous, joined } = value;
  const isWhole = isKey(anonymous) && isAnonymous(anonymous) && typeof joined === "boolean";
  if (isAnonymous(key) || !isWhole) {
    return dead(entry, "invalid", "a merge needs k, the key of a customer, anonymous, an anonymous key, and joined");
  }
  return { ...placed(entry), kind: "merge", key, anonymous, isJoined: joined, packed: entry.sentAlong };
}

/** It was judged where it came in; what is late by the detour stays within the bounds. */
function decodeForward(entry: Entry, key: CustomerKey, { source }: Readonly<Record<string, unknown>>): LogEntry {
  const isWhole = typeof source === "string" && source !== "" && source.length <= SOURCE_LENGTH_MAX;
  if (isAnonymous(key) || !isWhole || entry.sentAlong === undefined) {
    return dead(entry, "invalid", "a forwarded event needs k, the key of a customer, source, and field b, the event");
  }
  const event = decodeEventBytes(entry.sentAlong, source);
  if (isRefused(event)) return dead(entry, event.refused, event.unquoted);
  const ts = within(event.ts, entry.arrivedAt);
  return { ...placed(entry), kind: "event", event: { ...event, key, ts }, isForwarded: true };
}

function isCustomer(value: unknown): value is CustomerKey {
  return isKey(value) && !isAnonymous(value);
}
