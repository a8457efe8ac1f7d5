// What of an entry, a commit or a message is a trace of somebody who is to be erased, and what stays in its place. Pure.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import { anonymousKey, type CommitSeq, type CustomerKey, comparePositions, type Position } from "../domain/ids.ts";
import { decodeEventBytes } from "../ingest/decode-event.ts";
import { encodeErased } from "../ingest/erase-entry.ts";
import { AGAIN, decodeLogEntry, ENGINE_SOURCE, type EntryFields } from "../ingest/log-entry.ts";
import { isRefused } from "../ingest/refused.ts";
import { eventHash } from "../ingest/seen-window.ts";
import type { CommitRecord, ErasedCounts, Relay } from "../journal/commit-record.ts";
import type { RawEntry } from "../journal/journal.ts";
import { countDecisions } from "./campaign-counts.ts";
import { mayName, names } from "./erase-names.ts";
import type { CampaignCounts, Erasing, Partition } from "./partition.ts";
import { spend } from "./quota-ledger.ts";

export interface Traces {
  readonly all: readonly Erasing[];
  /** Keys of which everything goes. */
  readonly whole: ReadonlyMap<CustomerKey, Erasing>;
}

export function tracesOf(all: readonly Erasing[]): Traces {
  return { all, whole: new Map(all.flatMap((one) => (one.of === undefined ? [[one.key, one] as const] : []))) };
}

/** Everything that says where an entry stands but for the keys that are erased. */
export interface ScrubPlace {
  readonly partition: Partition["index"];
  readonly partitions: number;
  /** Of the duplicate hash. */
  readonly seed: number;
  /** Erased keys under which somebody has come again: notes of the engine about them are theirs. */
  readonly revived: ReadonlySet<CustomerKey>;
  /** Entries that can be read and were dead letters all the same, as far as the letters are still there. */
  readonly refused: ReadonlySet<Position>;
}

const hash = new Uint32Array(4);

/** What takes the place of this entry of the input log; undefined where it stays. */
export function scrubEntry(raw: RawEntry, traces: Traces, place: ScrubPlace): EntryFields | undefined {
  const entry = decodeLogEntry(raw.position, raw.fields, { ...place, skewMs: 0 });
  if (!isTrace(entry, traces, place.revived)) return undefined;
  if (entry.kind === "dead" || place.refused.has(raw.position)) return encodeErased("dead");
  if (entry.kind === "again")
    return encodeErased("again", seenOf({ key: entry.key, source: AGAIN, id: entry.again }, place));
  if (entry.kind !== "event") return encodeErased("internal");
  return encodeErased(entry.isForwarded === true ? "internal" : "folded", seenOf(entry.event, place));
}

/** What the duplicate window remembers of it. */
function seenOf({ key, source, id }: Pick<CustomerEvent, "key" | "source" | "id">, { seed }: ScrubPlace): Buffer {
  eventHash(key, source, id, seed, hash);
  const seen = Buffer.alloc(8);
  seen.writeUInt32LE(hash[0] as number, 0);
  seen.writeUInt32LE(hash[1] as number, 4);
  return seen;
}

/** Has somebody come again under this key after it was erased? */
export function revives(raw: RawEntry, traces: Traces, place: ScrubPlace): CustomerKey | undefined {
  const entry = decodeLogEntry(raw.position, raw.fields, { ...place, skewMs: 0 });
  if (entry.kind !== "event" || entry.event.source === ENGINE_SOURCE) return undefined;
  const found = traces.whole.get(entry.event.key);
  return found !== undefined && comparePositions(entry.position, found.upTo) > 0 ? entry.event.key : undefined;
}

/** A device that somebody who is erased had named: its log keeps the question for its profile, also where it is another's. */
export function namedBy(
  raw: RawEntry,
  traces: Traces,
  place: ScrubPlace,
): { readonly key: CustomerKey; readonly anonymous: CustomerKey } | undefined {
  const entry = decodeLogEntry(raw.position, raw.fields, { ...place, skewMs: 0 });
  if (entry.kind === "merge") return traces.whole.has(entry.key) ? entry : undefined;
  if (entry.kind !== "event" || entry.event.anonymousId === undefined || !traces.whole.has(entry.event.key))
    return undefined;
  return { key: entry.event.key, anonymous: anonymousKey(entry.event.anonymousId) };
}

/** The commit without its traces; undefined where it has none. `gone`: decisions that it does not hold any more. */
export function scrubCommit(
  seq: CommitSeq,
  record: CommitRecord,
  traces: Traces,
  place: ScrubPlace,
): { readonly record: CommitRecord; readonly gone: readonly DecisionRecord[] } | undefined {
  // What the commit that forgot somebody decided for the same key was decided for whoever came next.
  const isOver = (key: CustomerKey, isDecision: boolean): boolean => {
    const found = traces.whole.get(key);
    return found !== undefined && (seq < found.seq || (seq === found.seq && !isDecision));
  };
  const gone = record.decisions.filter(({ key }) => isOver(key, true));
  const withdrawals = record.withdrawals.filter(({ key }) => !isOver(key, false));
  const relays = (record.relays ?? []).map((relay) => scrubRelay(relay, seq, traces, place));
  const forgot = (record.forgot ?? []).filter((key) => !isOver(key, false));
  const isSame =
    forgot.length === (record.forgot ?? []).length &&
    gone.length === 0 &&
    withdrawals.length === record.withdrawals.length &&
    relays.every((relay, index) => relay === record.relays?.[index]);
  if (isSame) return undefined;
  const decisions = record.decisions.filter((decision) => !gone.includes(decision));
  return { gone, record: { ...record, decisions, withdrawals, relays, forgot, erased: leftOf(record.erased, gone) } };
}

/** A commit that was scrubbed still says what its decisions had spent and how often campaigns had come. */
export function countErased(partition: Partition, { erased, now }: Pick<CommitRecord, "erased" | "now">): void {
  if (erased === undefined) return;
  spend(partition.quotas, partition.active.rulebook.quotas, now, erased.spent);
  for (const { run, asked, acted } of erased.turns) {
    const known = partition.campaigns.get(run) ?? { asked: 0, acted: 0 };
    partition.campaigns.set(run, { asked: known.asked + asked, acted: known.acted + acted });
  }
}

/** The customer of an event, as far as it can be told from its bytes. */
export function keyIn(bytes: Uint8Array, source: string): CustomerKey | undefined {
  const event = decodeEventBytes(bytes, source);
  return isRefused(event) ? undefined : event.key;
}

function isTrace(entry: LogEntry, traces: Traces, revived: ReadonlySet<CustomerKey>): boolean {
  const isGone = (key: CustomerKey, isOwnNote: boolean): boolean => {
    const found = traces.whole.get(key);
    if (found === undefined) return false;
    return comparePositions(entry.position, found.upTo) <= 0 || (isOwnNote && !revived.has(key));
  };
  switch (entry.kind) {
    case "event":
      return isGone(entry.event.key, entry.event.source === ENGINE_SOURCE);
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
      return isGone(entry.key, true);
    case "merge":
    case "erase":
      return isGone(entry.key, false) || (entry.kind === "erase" && isOf(entry.key, entry.joinedTo, traces));
    case "seal":
      return isGone(entry.anonymous, false) || isOf(entry.anonymous, entry.customer, traces);
    case "dead": {
      const key = keyIn(entry.bytes, entry.source);
      if (key !== undefined) return isGone(key, false);
      const gone = [...traces.whole.keys()].filter((known) => isGone(known, false));
      return mayName(entry.bytes, gone);
    }
    case "activation":
    case "erased":
      return false;
  }
}

/** An anonymous key lives on, but who asked for it is to be forgotten. */
function isOf(anonymous: CustomerKey, customer: CustomerKey | undefined, traces: Traces): boolean {
  return customer !== undefined && traces.all.some(({ key, of }) => key === anonymous && of === customer);
}

function scrubRelay(relay: Relay, seq: CommitSeq, traces: Traces, place: ScrubPlace): Relay {
  const gone = traces.all.filter(({ seq: until }) => seq <= until).map(({ key, of }) => of ?? key);
  if (gone.length === 0) return relay;
  const bytes = relay.fields.map((field) => Buffer.from(field as string));
  const entry = decodeLogEntry("0-1" as RawEntry["position"], bytes, { ...place, partition: relay.to, skewMs: 0 });
  if (entry.kind === "erased") return relay;
  return bytes.some((field) => names(field, gone)) ? { to: relay.to, fields: encodeErased("internal") } : relay;
}

function leftOf(before: ErasedCounts | undefined, gone: readonly DecisionRecord[]): ErasedCounts {
  const turns: CampaignCounts = new Map((before?.turns ?? []).map(({ run, ...counts }) => [run, counts]));
  countDecisions(turns, gone);
  return {
    decisions: (before?.decisions ?? 0) + gone.length,
    spent: [...(before?.spent ?? []), ...gone.flatMap(({ spent }) => spent)],
    turns: [...turns].map(([run, { asked, acted }]) => ({ run, asked, acted })),
  };
}
