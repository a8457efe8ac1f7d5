// A walk over the journal of one partition: commit by commit its entries are told, then its decisions.
import type { DecisionRecord } from "../domain/decision.ts";
import type { LogEntry } from "../domain/event.ts";
import { type CommitSeq, type CustomerKey, comparePositions, type Position, positionMs } from "../domain/ids.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { type CommitRecord, decodeCommit, follows } from "../journal/commit-record.ts";
import type { RawEntry } from "../journal/journal.ts";
import type { BookShelf } from "./book-shelf.ts";
import { checkCommit } from "./check-commit.ts";
import type { Differ } from "./difference.ts";
import { knownFrom, newKnown } from "./known.ts";
import type { PartitionSource } from "./partition-source.ts";
import { readStored } from "./stored-profile.ts";
import { type EntryNeeds, keysOf, tellEntry } from "./tell-entry.ts";
import type { Telling } from "./telling.ts";

export interface Walk {
  readonly telling: Telling;
  /** The last commit that was told. */
  readonly seq: () => CommitSeq;
  /** Tells the next commit; false where there is none, or where the streams are broken and nothing more can be told. */
  readonly next: () => Promise<boolean>;
  readonly isBroken: () => boolean;
}

export interface WalkOptions {
  readonly source: PartitionSource;
  readonly shelf: BookShelf;
  readonly telling: Telling;
  readonly differ: Differ;
  /** Commits up to this one are reflected already. */
  readonly after: CommitSeq;
  /** Nothing is known of customers but what is stored of them: the streams do not go back to the beginning. */
  readonly isCut: boolean;
  /** Told after each commit. */
  readonly onCommit: (seq: CommitSeq, commit: CommitRecord) => void;
}

const COMMITS_PER_READ = 64;
const ENTRIES_PER_READ = 1_000;

export function createWalk(options: WalkOptions): Walk {
  const { source, telling, differ } = options;
  const log = createEntryReader(options);
  let page: readonly { readonly seq: CommitSeq; readonly payload: Buffer }[] = [];
  let at = 0;
  let seq: CommitSeq = options.after;
  let isBroken = false;
  const breakOff = (invariant: "S1" | "S2", field: string, found: unknown, expected: unknown): false => {
    differ(invariant, undefined, field, found, expected);
    isBroken = true;
    return false;
  };
  const next = async (): Promise<boolean> => {
    if (isBroken) return false;
    if (at >= page.length) {
      page = await source.journal.commits(source.index, (seq + 1) as CommitSeq, COMMITS_PER_READ);
      at = 0;
    }
    const read = page[at++];
    if (read === undefined) return false;
    const commit = decodeCommit(read.payload);
    if (!follows(seq, read.seq, commit)) {
      const before = commit.after ?? read.seq - 1;
      return breakOff("S2", "journal: next commit", `${read.seq} after ${before}`, `one after ${seq}`);
    }
    if (comparePositions(commit.position, telling.position) < 0) {
      return breakOff("S1", `commit ${read.seq}: position`, commit.position, `${telling.position} or later`);
    }
    telling.seq = read.seq;
    const entries = await log.upTo(commit.position);
    if (entries.at(-1)?.position !== commit.position && comparePositions(commit.position, telling.position) > 0) {
      return breakOff(
        "S1",
        `commit ${read.seq}: last entry of the input log`,
        entries.at(-1)?.position,
        commit.position,
      );
    }
    if (options.isCut) await learnStored(options, entries, commit.decisions);
    const needs = await needsOf(options.shelf, entries, commit.isolated ?? []);
    for (const entry of entries) tellEntry(telling, entry, needs);
    await checkCommit({ telling, source, shelf: options.shelf, differ }, read.seq, commit);
    seq = read.seq;
    options.onCommit(seq, commit);
    return true;
  };
  return { telling, seq: () => seq, next, isBroken: () => isBroken };
}

function createEntryReader({ source, telling }: WalkOptions): {
  readonly upTo: (position: Position) => Promise<readonly LogEntry[]>;
} {
  let page: readonly RawEntry[] = [];
  let at = 0;
  let read = telling.position;
  const decode = ({ position, fields }: RawEntry): LogEntry => {
    const { index, partitions, skewMs } = telling;
    const entry = decodeLogEntry(position, fields, { partition: index, partitions, skewMs });
    if (entry.movesClock) telling.skewMs = entry.arrivedAt - positionMs(position);
    return entry;
  };
  const upTo = async (position: Position): Promise<readonly LogEntry[]> => {
    const entries: LogEntry[] = [];
    while (comparePositions(read, position) < 0) {
      if (at >= page.length) {
        page = await source.journal.entries(source.index, read, position, ENTRIES_PER_READ);
        at = 0;
      }
      const raw = page[at++];
      if (raw === undefined) break;
      read = raw.position;
      entries.push(decode(raw));
    }
    return entries;
  };
  return { upTo };
}

/** Rulebooks and packed profiles that these entries name. */
export async function needsOf(
  shelf: BookShelf,
  entries: readonly LogEntry[],
  isolated: readonly Position[],
): Promise<EntryNeeds> {
  const books = new Map();
  const packed = new Map();
  for (const entry of entries) {
    if (entry.kind === "activation") books.set(entry.rulebook, await shelf.find(entry.rulebook));
    if (entry.kind === "merge" && entry.packed !== undefined) {
      packed.set(entry.position, await readStored(entry.packed, shelf));
    }
  }
  return { books, packed, isolated: new Set(isolated) };
}

/** Whoever comes up for the first time is known as stored, and told from the commit after that on. */
async function learnStored(
  { source, shelf, telling }: WalkOptions,
  entries: readonly LogEntry[],
  decisions: readonly DecisionRecord[],
): Promise<void> {
  const all = new Set<CustomerKey>([...entries.flatMap(keysOf), ...decisions.map(({ key }) => key)]);
  const keys = [...all].filter((key) => !telling.known.has(key) && (telling.only ?? key) === key);
  const found = await source.journal.profiles(source.index, keys);
  for (const [nth, key] of keys.entries()) {
    const bytes = found[nth];
    const stored = bytes === undefined ? undefined : await readStored(bytes, shelf);
    // Bytes that cannot be read are told of where the profile is compared.
    telling.known.set(key, stored === undefined || typeof stored === "string" ? newKnown(key) : knownFrom(key, stored));
  }
}
