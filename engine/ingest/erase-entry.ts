// Entries of an erasure: what asks for it, and what is left of an entry that it concerned.
import type { LogEntry } from "../domain/event.ts";
import { type CustomerKey, isAnonymous } from "../domain/ids.ts";
import { dead, type Entry, isKey, placed } from "./entry-parts.ts";
import type { EntryFields } from "./log-entry.ts";
import { pack } from "./messagepack.ts";

type Erased = Extract<LogEntry, { kind: "erased" }>;

const ERASE = "$erase";
const ERASED = "$erased";
const ERASURE_ID = /^[0-9a-f]{32}$/;

/**
 * Everything of this key up to this entry is to be forgotten. `erasure`: which one it is part of. `joinedTo`: of an
 * anonymous key, whose trace is to go; the key itself goes only where it is joined to that customer.
 */
export function encodeErase(key: CustomerKey, erasure: string, joinedTo?: CustomerKey): EntryFields {
  return ["s", ERASE, "d", pack({ k: key, erasure, ...(joinedTo === undefined ? {} : { customer: joinedTo }) })];
}

/** In the place of an erased entry, under its id. `seen`: what the duplicate window remembers of an event, 8 bytes. */
export function encodeErased(was: Erased["was"], seen?: Buffer): EntryFields {
  return ["s", ERASED, "d", pack({ was }), ...(seen === undefined ? [] : ["b", seen])];
}

export function isErasure(source: string): boolean {
  return source === ERASE || source === ERASED;
}

export function decodeErasure(entry: Entry, value: Readonly<Record<string, unknown>>): LogEntry {
  if (entry.source === ERASED) {
    const seen = entry.sentAlong;
    if (seen !== undefined && seen.length !== 8)
      return dead(entry, "invalid", "field b of an erased entry has 8 bytes");
    const { was } = value;
    if (was !== "folded" && was !== "internal" && was !== "dead" && was !== "again")
      return dead(entry, "invalid", "an erased entry needs was: folded, internal, dead or again");
    const hash = seen === undefined ? undefined : ([seen.readUInt32LE(0), seen.readUInt32LE(4)] as const);
    return { ...placed(entry), kind: "erased", was, hash };
  }
  const { k, erasure, customer } = value;
  const isWhole = isKey(k) && typeof erasure === "string" && ERASURE_ID.test(erasure);
  const isOf = customer === undefined || (isKey(customer) && !isAnonymous(customer) && isKey(k) && isAnonymous(k));
  if (!isWhole || !isOf) {
    return dead(
      entry,
      "invalid",
      "an erasure needs k, a key, erasure, 32 hexadecimal digits, and of an anonymous key customer",
    );
  }
  return { ...placed(entry), kind: "erase", key: k, erasure, joinedTo: customer as CustomerKey | undefined };
}
