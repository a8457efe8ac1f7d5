// An entry of an input log, to and from its fields in Redis: `s` source, `d` payload, `t` driven clock, `b` bytes that an
// engine sends along. A source that begins with `$` is the engine's own. What an entry means depends on nothing but the entry and its place.
import type { CustomerEvent, LogEntry, Props } from "../domain/event.ts";
import {
  type CustomerKey,
  type PartitionIndex,
  type Position,
  parseTrackingCode,
  positionMs,
  type RulebookHash,
  type TrackingCode,
} from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import { AHEAD_MS_MAX, BEHIND_MS_MAX, CUSTOMER_LENGTH_MAX, SET_MAX, SOURCE_LENGTH_MAX } from "./bounds.ts";
import { decodeEventBytes, parsePayload } from "./decode-event.ts";
import { eventPayload } from "./encode-event.ts";
import { dead, type Entry, isKey, placed, within } from "./entry-parts.ts";
import { decodeErasure, isErasure } from "./erase-entry.ts";
import { decodeJoin } from "./join-entry.ts";
import { nameOf } from "./known-names.ts";
import { pack } from "./messagepack.ts";
import { isRefused } from "./refused.ts";

export interface LogPlace {
  readonly partition: PartitionIndex;
  /** Number of partitions of this Redis. */
  readonly partitions: number;
  /** Added to the clock of Redis for the engine's own entries while a replay drives the clock. 0 in live operation. */
  readonly skewMs: number;
}

/** Flat field names and values for XADD. */
export type EntryFields = readonly (string | Buffer)[];

/** Source of the events that an engine reports itself: releases of what was not delivered. */
export const ENGINE_SOURCE = "engine";
const TIMER = "$timer";
const DELIVERED = "$delivered";
const CAMPAIGN = "$campaign";
/** Source of what is asked for once more: with the wish it is told apart from repetitions. */
export const AGAIN = "$again";
const ACTIVATE = "$activate";
const DRIVEN_CLOCK = /^\d{1,15}$/;
const RULEBOOK_HASH = /^[0-9a-f]{64}$/;
const NOTHING = new Uint8Array(0);

/** `fields` are flat names and values as XREAD gives them. Total: what is wrong is an entry of kind `dead`. */
export function decodeLogEntry(position: Position, fields: readonly Buffer[], place: LogPlace): LogEntry {
  const found = readFields(fields);
  const driven = found.t === undefined ? undefined : found.t.toString("latin1");
  const takenMs = positionMs(position);
  // Only ever back: a clock that was driven ahead could never be put right, for the time of deciding does not go back.
  const isDriven = driven !== undefined && DRIVEN_CLOCK.test(driven) && Number(driven) <= takenMs;
  const source = found.s === undefined ? "" : nameOf(found.s);
  const isOwn = source.startsWith("$") || source === ENGINE_SOURCE;
  const arrivedAt = (isDriven ? Number(driven) : takenMs + (isOwn ? place.skewMs : 0)) as Instant;
  const entry: Entry = {
    position,
    arrivedAt,
    movesClock: isDriven || !isOwn,
    source,
    bytes: found.d ?? NOTHING,
    sentAlong: found.b,
  };
  if (found.d === undefined) return dead(entry, "invalid", "field d, the payload, is missing");
  if (driven !== undefined && !isDriven)
    return dead(entry, "invalid", "field t must be milliseconds since 1970, not after the entry itself");
  if (entry.source === "") return dead(entry, "invalid", "field s, the source, is missing");
  if (entry.source.length > SOURCE_LENGTH_MAX) {
    return dead(entry, "invalid", `field s, the source, must have at most ${SOURCE_LENGTH_MAX} characters`);
  }
  return entry.source.startsWith("$") ? decodeInternal(entry, place) : decodeExternal(entry, place);
}

/** `arrivedAt` is what a replay drives the clock to. */
export function encodeEvent(event: CustomerEvent, arrivedAt?: Instant): EntryFields {
  const clock = arrivedAt === undefined ? [] : ["t", String(arrivedAt)];
  return ["s", event.source, "d", eventPayload(event), ...clock];
}

/** Something that the profile of `key` armed is due. */
export function encodeTimer(key: CustomerKey, due: Instant): EntryFields {
  return ["s", TIMER, "d", pack({ k: key, due })];
}

/** A channel took over what was decided. */
export function encodeDelivered(key: CustomerKey, code: TrackingCode): EntryFields {
  return ["s", DELIVERED, "d", pack({ k: key, c: code })];
}

/** The turn of one customer in the run of a campaign that began at `from`. */
export function encodeCampaign(key: CustomerKey, campaign: string, from: Instant): EntryFields {
  return ["s", CAMPAIGN, "d", pack({ k: key, campaign, from })];
}

/** What a trigger or campaign asked for is to be asked again, with what is known then; `again` names the wish, which is heard once. */
export function encodeAgain(key: CustomerKey, trigger: string, again: string, context: Props): EntryFields {
  return ["s", AGAIN, "d", pack({ k: key, trigger, again, context })];
}

/** From this entry on the partition decides by this rulebook; `by` says who asked for it. */
export function encodeActivation(hash: RulebookHash, by: string): EntryFields {
  return ["s", ACTIVATE, "d", pack({ hash, by })];
}

function decodeExternal(entry: Entry, place: LogPlace): LogEntry {
  const event = decodeEventBytes(entry.bytes, entry.source);
  if (isRefused(event)) return dead(entry, event.refused, event.unquoted);
  if (partitionOf(event.key, place.partitions) !== place.partition) return misplaced(entry, event.key, place);
  const { arrivedAt } = entry;
  // The clock may have been driven on since the engine wrote this; refused, it would leave its reservation standing.
  if (entry.source === ENGINE_SOURCE) {
    return { ...placed(entry), kind: "event", event: { ...event, ts: within(event.ts, arrivedAt) } };
  }
  const ahead = event.ts - arrivedAt;
  if (ahead > AHEAD_MS_MAX) return dead(entry, "too-far-ahead", `ts is ${ahead} ms ahead: at most ${AHEAD_MS_MAX}`);
  if (-ahead > BEHIND_MS_MAX) return dead(entry, "too-old", `ts is ${-ahead} ms behind: at most ${BEHIND_MS_MAX}`);
  // Each event comes by here: names behind a spread are written one by one, and cost more than all of them in one literal.
  return { position: entry.position, arrivedAt, movesClock: entry.movesClock, kind: "event", event };
}

function decodeInternal(entry: Entry, place: LogPlace): LogEntry {
  const parsed = parsePayload(entry.bytes);
  if (isRefused(parsed)) return dead(entry, parsed.refused, parsed.unquoted);
  const { k, due, c, hash, by, campaign, from, trigger, again, context } = parsed.value;
  if (entry.source === ACTIVATE) {
    if (typeof hash !== "string" || !RULEBOOK_HASH.test(hash) || typeof by !== "string") {
      return dead(entry, "invalid", "an activation needs hash, 64 hexadecimal digits, and by");
    }
    return { ...placed(entry), kind: "activation", rulebook: hash as RulebookHash, by };
  }
  if (isErasure(entry.source)) {
    const erasure = decodeErasure(entry, parsed.value);
    const isMisplaced = erasure.kind === "erase" && partitionOf(erasure.key, place.partitions) !== place.partition;
    return isMisplaced ? misplaced(entry, erasure.key, place) : erasure;
  }
  if (!isKey(k))
    return dead(entry, "invalid", `k, the key, must be a string of 1 to ${CUSTOMER_LENGTH_MAX} characters`);
  const key = k;
  if (partitionOf(key, place.partitions) !== place.partition) return misplaced(entry, key, place);
  if (entry.source === TIMER) {
    if (typeof due !== "number" || !Number.isSafeInteger(due)) {
      return dead(entry, "invalid", "a timer needs due, in milliseconds since 1970");
    }
    return { ...placed(entry), kind: "timer", key, due: due as Instant };
  }
  if (entry.source === DELIVERED) {
    if (typeof c !== "string" || parseTrackingCode(c) === undefined) {
      return dead(entry, "invalid", "a delivery needs c, a tracking code");
    }
    return { ...placed(entry), kind: "delivered", key, trackingCode: c as TrackingCode };
  }
  if (entry.source === CAMPAIGN) {
    if (typeof campaign !== "string" || typeof from !== "number" || !Number.isSafeInteger(from)) {
      return dead(entry, "invalid", "a campaign needs its id and from, in milliseconds since 1970");
    }
    return { ...placed(entry), kind: "campaign", key, campaign, from: from as Instant };
  }
  if (entry.source === AGAIN) {
    if (!isName(trigger) || !isName(again) || !isPlain(context)) {
      return dead(entry, "invalid", "to ask again needs trigger and again, names, and context, an object");
    }
    return { ...placed(entry), kind: "again", key, trigger, again, context };
  }
  return (
    decodeJoin(entry, key, parsed.value) ??
    dead(entry, "invalid", "field s, the source, begins with $: such names are the engine's own")
  );
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "" && value.length <= CUSTOMER_LENGTH_MAX;
}

/** Values as events have them. */
function isPlain(value: unknown): value is Props {
  const isValue = (one: unknown): boolean =>
    ["string", "number", "boolean"].includes(typeof one) ||
    (Array.isArray(one) && one.length <= SET_MAX && one.every((text) => typeof text === "string"));
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(isValue);
}

function misplaced(entry: Entry, key: CustomerKey, place: LogPlace): LogEntry {
  const right = partitionOf(key, place.partitions);
  return dead(entry, "wrong-partition", `in partition ${place.partition}, but its key belongs to partition ${right}`);
}

const S = 0x73;
const D = 0x64;
const T = 0x74;
const B = 0x62;

interface Fields {
  s: Buffer | undefined;
  d: Buffer | undefined;
  t: Buffer | undefined;
  b: Buffer | undefined;
}

/** The last one counts where a field is given twice. */
function readFields(fields: readonly Buffer[]): Readonly<Fields> {
  const found: Fields = { s: undefined, d: undefined, t: undefined, b: undefined };
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const name = fields[index] as Buffer;
    if (name.length !== 1) continue;
    const value = fields[index + 1] as Buffer;
    if (name[0] === S) found.s = value;
    else if (name[0] === D) found.d = value;
    else if (name[0] === T) found.t = value;
    else if (name[0] === B) found.b = value;
  }
  return found;
}
