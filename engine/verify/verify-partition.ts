// One partition: its streams told from their beginning, or from the checkpoint where they do not go back that far, and everything
// that Redis has stored of it compared on the way.

import { type CommitSeq, type CustomerKey, comparePositions, type Position, type RulebookHash } from "../domain/ids.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { type CommitRecord, decodeCommit, follows } from "../journal/commit-record.ts";
import type { BookShelf } from "./book-shelf.ts";
import { checkBase } from "./check-base.ts";
import { checkLetters } from "./check-letters.ts";
import { checkRegister } from "./check-register.ts";
import { openStored, type StoredCheck, type StoredTally } from "./check-stored.ts";
import type { Differ } from "./difference.ts";
import type { PartitionSource, StoredHead } from "./partition-source.ts";
import { createRecentIdentities } from "./recent-identities.ts";
import { startTelling, type Telling } from "./telling.ts";
import { createWalk, type Walk } from "./walk-partition.ts";

const ENTRIES_PER_READ = 1_000;

export interface PartitionPlace {
  readonly source: PartitionSource;
  readonly shelf: BookShelf;
  readonly partitions: number;
  readonly seed: number;
  readonly genesis: RulebookHash;
  readonly only: CustomerKey | undefined;
  readonly differ: Differ;
  /** Commits told, of how many. */
  readonly onProgress: (done: number, total: number) => void;
  /** Each commit in order, for what is compared over all partitions. */
  readonly onCommit: (seq: CommitSeq, commit: CommitRecord) => void;
}

export interface PartitionTold extends StoredTally {
  readonly commits: number;
  readonly entries: number;
  readonly decisions: number;
  readonly customers: number;
  /** Why the streams could not be told from their beginning; undefined where they were. */
  readonly cut: string | undefined;
  /** By line of a quota, as the journal says. */
  readonly ledger: Telling["ledger"];
  /** Tells on to the commit that is the last one now. */
  readonly walkOn: () => Promise<void>;
}

export async function verifyPartition(place: PartitionPlace): Promise<PartitionTold> {
  const { source, shelf, differ } = place;
  const head = await source.head();
  // S4: nothing stands in the journal behind the commit that the checkpoint says is the last one.
  const end = `${head.seq}-0`;
  if (head.last !== undefined && head.last !== end)
    differ("S4", undefined, "last commit of the journal", head.last, end);
  const cut = await whyCut(place, head);
  const after = cut === undefined ? (0 as CommitSeq) : (head.base?.seq ?? head.seq);
  const telling = await beginning(place, head, cut !== undefined);
  const from = telling.position;
  const stored = await openStored(source, shelf, telling, after, differ);
  const ids = new Set<string>();
  const done: CommitSeq[] = [];
  const walk = createWalk({
    source,
    shelf,
    telling,
    differ,
    after,
    isCut: cut !== undefined,
    onCommit: (seq, commit) => {
      for (const { id, key } of commit.decisions) {
        if (ids.has(id)) differ("S2", key, `decision ${id}`, "in two commits", "in one");
        ids.add(id);
      }
      place.onCommit(seq, commit);
      done.push(seq);
    },
  });
  const walkTo = async (seq: CommitSeq): Promise<void> => {
    while (walk.seq() < seq && (await walk.next())) {
      await stored.at(walk.seq());
      if (head.base?.seq === walk.seq()) atBase(telling, head, stored, differ);
      place.onProgress(walk.seq(), Math.max(head.seq, seq));
    }
  };
  await walkTo(head.seq);
  while (!walk.isBroken() && stored.lastDue() > walk.seq()) {
    const before = walk.seq();
    await walkTo(stored.lastDue());
    if (walk.seq() === before) break;
  }
  const left = stored.lastDue();
  if (!walk.isBroken() && left > 0)
    differ("S4", undefined, "stored profiles reflect commit", left, `${walk.seq()} at most`);
  if (!walk.isBroken()) {
    await checkRegister(source, walk, walkTo, stored, differ);
    await checkLetters(source, walk, walkTo, from, differ);
    await checkIndexWhole(source, walk, walkTo, ids, after, differ);
  }
  return {
    ...stored.tally(),
    commits: done.length,
    entries: Object.values(telling.counts).reduce((sum, count) => sum + count, 0),
    decisions: ids.size,
    customers: telling.known.size,
    cut,
    ledger: telling.ledger,
    walkOn: async () => walkTo((await source.head()).seq),
  };
}

async function beginning(
  place: PartitionPlace,
  { base, seq, position, ring }: StoredHead,
  isCut: boolean,
): Promise<Telling> {
  const { source, partitions, only, seed, genesis, shelf } = place;
  const hash = isCut ? (base?.rulebook ?? genesis) : genesis;
  const book = await shelf.find(hash);
  if (book === undefined)
    throw new Error(`Redis does not hold rulebook ${hash}, which partition ${source.index} begins with`);
  const untold = new Set(base?.erasing.map(({ key }) => key));
  if (isCut) for (const key of await erasedLater(source, base?.position ?? position)) untold.add(key);
  const recent = isCut ? createRecentIdentities(seed, ring, base?.seenHead) : createRecentIdentities(seed);
  const telling = startTelling({ index: source.index, partitions, only, untold, book, recent });
  if (!isCut) return telling;
  telling.seq = base?.seq ?? seq;
  if (telling.dailySince !== undefined) telling.dailySince = telling.seq;
  telling.position = base?.position ?? position;
  if (base === undefined) return telling;
  telling.skewMs = base.skewMs;
  telling.lastNow = base.lastNow;
  telling.clock = base.lastNow;
  Object.assign(telling.counts, base.counts);
  for (const [treatment, trials, positives] of base.learned) telling.evidence.set(treatment, [trials, positives]);
  for (const [line, granted, spent] of base.quotas) telling.ledger.set(line, { granted, spent });
  for (const [run, asked, acted] of base.campaigns) telling.campaigns.set(run, [asked, acted]);
  return telling;
}

/** Their profiles are gone, so what came before cannot be told where the streams do not go back to their beginning. */
async function erasedLater({ index, journal }: PartitionSource, from: Position): Promise<readonly CustomerKey[]> {
  const keys: CustomerKey[] = [];
  for (let after = from; ; ) {
    const page = await journal.entries(index, after, undefined, ENTRIES_PER_READ);
    for (const { position, fields } of page) {
      const entry = decodeLogEntry(position, fields, { partition: index, partitions: 1, skewMs: 0 });
      if (entry.kind === "erase") keys.push(entry.key);
    }
    const last = page.at(-1);
    if (last === undefined) return keys;
    after = last.position;
  }
}

/** Undefined: log and journal are there from their first entry on. */
async function whyCut({ source, differ }: PartitionPlace, head: StoredHead): Promise<string | undefined> {
  const [first] = await source.journal.commits(source.index, 1 as CommitSeq, 1);
  const isFirst = first !== undefined && follows(0 as CommitSeq, first.seq, decodeCommit(first.payload));
  if (head.seq > 0 && !isFirst) return `the journal begins with commit ${first?.seq ?? "none"}`;
  const { added, length, lastDeleted } = await source.journal.logState(source.index);
  const [oldest] = await source.journal.entries(source.index, "0-0" as Position, undefined, 1);
  if (added === undefined) return undefined; // a server that does not count them
  if (oldest !== undefined && lastDeleted !== "0-0" && comparePositions(lastDeleted, oldest.position) > 0) {
    differ("S1", undefined, "input log", `entry ${lastDeleted} was deleted from its middle`, "no gaps");
  }
  return added > length ? `${added - length} entries of the input log are gone` : undefined;
}

/** What was changed up to the checkpoint is stored: it is never newer than a profile (W2). */
function atBase(telling: Telling, { base, ring }: StoredHead, stored: StoredCheck, differ: Differ): void {
  if (base === undefined) return;
  checkBase(telling, base, ring, differ);
  for (const { key, changed } of telling.known.values()) {
    const reflects = stored.reflectedBy(key);
    if (changed > reflects) differ("S5", key, "stored profile reflects commit", reflects, `${changed} or later`);
  }
}

/** Nothing is in the index that no commit says. */
async function checkIndexWhole(
  source: PartitionSource,
  walk: Walk,
  walkTo: (seq: CommitSeq) => Promise<void>,
  ids: ReadonlySet<string>,
  after: CommitSeq,
  differ: Differ,
): Promise<void> {
  for await (const page of source.decisionIndex()) {
    const foreign = page.filter(([id, value]) => !ids.has(id) && Number.parseInt(value, 10) > after);
    if (foreign.length === 0) continue;
    await walkTo((await source.head()).seq);
    for (const [id, value] of foreign) {
      if (!ids.has(id)) differ("S2", undefined, `decision index ${id}`, value, `nothing up to commit ${walk.seq()}`);
    }
  }
}
