// One turn of retention over one partition: what is over, unneeded and older than it has to be kept is archived, where there is
// an archive, and then trimmed. Bounded in what it reads and drops; says whether there is more to do.
//
// Never goes what recovery, dispatch or an answer may still need: entries and commits beyond the base of the checkpoint,
// commits that are not dispatched, commits with an item that somebody may still answer, and the newest commit.
import { DISPATCHED_FIELD } from "../deliver/dispatch-fields.ts";
import type { CommitSeq, PartitionIndex, Position } from "../domain/ids.ts";
import { comparePositions, positionMs } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { idAfter } from "../ingest/append-once.ts";
import { decodeBase, entriesOf } from "../journal/base.ts";
import type { Journal, RawEntry } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import type { Archive } from "./archive.ts";
import { archiveEntries } from "./archive-entries.ts";
import { boundLetters } from "./bound-letters.ts";
import { type OverCommits, type OverWanted, readOverCommits } from "./over-commits.ts";
import { RETENTION_MS_MIN, type Retention } from "./retention.ts";
import { type Trimmed, trimStreams } from "./trim-streams.ts";

export interface RetainContext {
  readonly connection: RedisConnection;
  /** On the same connection. */
  readonly journal: Pick<Journal, "head" | "entries" | "commits" | "logState">;
  readonly retention: Retention;
  /** How many there are: each has an even part of the bytes. */
  readonly partitions: number;
  /** Undefined: what is trimmed is gone. */
  readonly archive: Archive | undefined;
  /** Entries that do not fill a segment wait so long for others; 0: not at all. */
  readonly lingerMs: number;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
}

/** A partition that is owned here. */
export interface Retained {
  readonly index: PartitionIndex;
  readonly token: string;
  /** Its own time, which a replay may drive. */
  readonly now: Instant;
}

export interface Turn {
  readonly trimmed: Trimmed;
  readonly archivedBytes: number;
  /** In words why nothing was trimmed that should have been. */
  readonly refused: string | undefined;
  /** There is more to do at once. */
  readonly isMore: boolean;
  /** How much longer than wanted the oldest entry or commit is kept already, because something still needs it. */
  readonly lateMs: number;
  /** Bytes beyond the share of this partition that nothing could be trimmed for. */
  readonly excessBytes: number;
}

/** The archive does not take what has to go: nothing is trimmed. */
export class ArchiveTrouble extends Error {
  override readonly name = "ArchiveTrouble";
}

const NOTHING: Trimmed = { entries: 0, commits: 0, decisions: 0, dead: 0 };
/** One script drops at most about so many entries. */
const ENTRIES_PER_TURN_MAX = 10_000;
/** Fewer do not fill a node of a stream, which goes as a whole or not at all. */
const ENTRIES_PER_TURN_MIN = 256;
/** A node has 100 at most, as Redis comes. */
const ENTRIES_PER_NODE = 100;

export async function retainTurn(context: RetainContext, partition: Retained): Promise<Turn> {
  const { connection, retention } = context;
  const keys = partitionKeys(partition.index);
  const bytesMax = Math.floor(retention.bytes / context.partitions);
  const [head, dispatched, log, logBytes, journalBytes, letters] = await Promise.all([
    context.journal.head(partition.index),
    connection.command(["HGET", keys.checkpoint, DISPATCHED_FIELD]),
    context.journal.logState(partition.index),
    bytesOf(connection, keys.events),
    bytesOf(connection, keys.journal),
    boundLetters(connection, keys.dead, bytesMax, context.partitions),
  ]);
  const base = head.base === undefined ? undefined : decodeBase(head.base);
  const clockMs = context.clock();
  const excess = Math.max(0, logBytes + journalBytes + letters.bytes - bytesMax);
  const situation: Situation = {
    context,
    partition,
    clockMs,
    excess,
    entryBytes: log.length === 0 ? 1 : Math.max(1, logBytes / log.length),
    ordinal: log.added === undefined ? 0 : log.added - log.length,
    position: base?.position ?? ("0-0" as Position),
    safeEntries: base === undefined ? 0 : entriesOf(base.counts),
    lastSeq: Math.min(base?.seq ?? 0, Number(text(dispatched) || "0"), head.seq - 1) as CommitSeq,
  };
  const ofLog = await overEntries(situation);
  const ofJournal = await overCommits(situation, {
    partition: partition.index,
    last: situation.lastSeq,
    now: partition.now,
    olderThanMs: clockMs - retention.journalMs,
    youngestMs: clockMs - RETENTION_MS_MIN,
    excessBytes: Math.max(0, excess - ofLog.bytes),
  });
  const archivedBytes = await archiveAll(situation, ofLog.read, ofJournal.commits);
  const reply = await trimStreams(connection, {
    partition: partition.index,
    token: partition.token,
    seq: head.seq,
    clockMs,
    log: ofLog.keepFrom === undefined ? undefined : { keepFrom: ofLog.keepFrom, countMax: ofLog.countMax },
    journal: ofJournal.commits.length === 0 ? undefined : ofJournal,
    dead: { keepFromMs: clockMs - retention.journalMs, countMax: letters.countMax },
  });
  const trimmed = typeof reply === "string" ? NOTHING : reply;
  return {
    trimmed,
    archivedBytes,
    refused: typeof reply === "string" ? reply : undefined,
    isMore: trimmed.commits > 0 || trimmed.entries >= ENTRIES_PER_TURN_MIN,
    lateMs: Math.max(ofLog.lateMs, ofJournal.lateMs),
    excessBytes: trimmed.entries + trimmed.commits === 0 ? excess : 0,
  };
}

interface Situation {
  readonly context: RetainContext;
  readonly partition: Retained;
  readonly clockMs: number;
  /** Bytes that this partition holds beyond its share. */
  readonly excess: number;
  readonly entryBytes: number;
  /** Entries that were trimmed so far. */
  readonly ordinal: number;
  /** Up to here the log is safe in profiles and checkpoint. */
  readonly position: Position;
  /** Entries up to there, ever. */
  readonly safeEntries: number;
  /** The last commit that nothing needs any more, but for its age and its items. */
  readonly lastSeq: CommitSeq;
}

interface OverEntries {
  /** First entry to keep; undefined: all. */
  readonly keepFrom: Position | undefined;
  readonly countMax: number;
  /** About what the entries that go hold. */
  readonly bytes: number;
  /** The entries that go, where they have to be archived. */
  readonly read: readonly RawEntry[];
  readonly lateMs: number;
}

async function overEntries(situation: Situation): Promise<OverEntries> {
  const { context, partition, clockMs, excess, position } = situation;
  const none = { keepFrom: undefined, countMax: 0, bytes: 0, read: [], lateMs: 0 };
  const [oldest] = await context.journal.entries(partition.index, "0-0" as Position, undefined, 1);
  if (oldest === undefined) return none;
  const { logMs } = context.retention;
  // Where there is too much it goes sooner, down to what somebody may be about to read.
  const cutMs = Math.floor(clockMs - (excess > 0 ? RETENTION_MS_MIN : logMs));
  const byAge = `${Math.max(0, cutMs)}-0` as Position;
  const byBase = idAfter(position);
  const keepFrom = comparePositions(byAge, byBase) < 0 ? byAge : byBase;
  const lateMs = Math.max(0, clockMs - logMs - positionMs(oldest.position));
  if (comparePositions(oldest.position, keepFrom) >= 0) return { ...none, lateMs };
  const wanted = excess > 0 ? Math.ceil(excess / situation.entryBytes) : ENTRIES_PER_TURN_MAX;
  const countMax = Math.min(ENTRIES_PER_TURN_MAX, Math.max(ENTRIES_PER_TURN_MIN, wanted));
  if (context.archive === undefined) {
    // What does not fill a node stays: else a journal would wait for ever for a log that has nothing to give.
    const trimmable = Math.max(0, situation.safeEntries - situation.ordinal - ENTRIES_PER_NODE);
    return { keepFrom, countMax, bytes: Math.min(countMax, trimmable) * situation.entryBytes, read: [], lateMs: 0 };
  }
  const read = await readEntries(context.journal, partition.index, keepFrom, countMax);
  const last = read.at(-1);
  const bytes = read.length * situation.entryBytes;
  const isPutOff = !isWorthIt(situation, bytes, positionMs(oldest.position), clockMs - logMs);
  if (last === undefined || isPutOff) return none;
  return {
    keepFrom: idAfter(last.position),
    countMax: 0,
    bytes,
    read,
    lateMs: 0,
  };
}

async function overCommits(situation: Situation, wanted: OverWanted): Promise<OverCommits> {
  const over = await readOverCommits(situation.context.journal, wanted);
  const bytes = over.commits.reduce((sum, { payload }) => sum + payload.length, 0);
  return isWorthIt(situation, bytes, over.oldestMs, wanted.olderThanMs)
    ? over
    : { ...over, commits: [], decisions: [] };
}

/** A file for each few entries would be many files: they wait for others, for a while. */
function isWorthIt({ context, excess }: Situation, bytes: number, oldestMs: number, olderThanMs: number): boolean {
  if (context.archive === undefined || excess > 0 || bytes >= SEGMENT_BYTES_MIN) return true;
  return olderThanMs - oldestMs >= context.lingerMs;
}

const SEGMENT_BYTES_MIN = 2 ** 18;
const SEGMENT_BYTES_MAX = 4 * 2 ** 20;
const ENTRIES_PER_READ = 256;

/** The oldest entries before `keepFrom`: at most `countMax`, and not many more bytes than a segment may have. */
async function readEntries(
  journal: Pick<Journal, "entries">,
  index: PartitionIndex,
  keepFrom: Position,
  countMax: number,
): Promise<readonly RawEntry[]> {
  const found: RawEntry[] = [];
  for (let bytes = 0; bytes < SEGMENT_BYTES_MAX && found.length < countMax; ) {
    const after = found.at(-1)?.position ?? ("0-0" as Position);
    const page = await journal.entries(index, after, keepFrom, Math.min(ENTRIES_PER_READ, countMax - found.length));
    const over = page.filter(({ position }) => comparePositions(position, keepFrom) < 0);
    found.push(...over);
    for (const { fields } of over) for (const field of fields) bytes += field.length;
    if (over.length < page.length || page.length === 0) break;
  }
  return found;
}

async function archiveAll(
  { context, partition, ordinal }: Situation,
  entries: readonly RawEntry[],
  commits: readonly { readonly seq: CommitSeq; readonly payload: Buffer }[],
): Promise<number> {
  const { archive } = context;
  if (archive === undefined) return 0;
  const place = { archive, partition: partition.index };
  const ofLog = entries.map(({ position, fields }) => [Buffer.from(position), ...fields]);
  const ofJournal = commits.map(({ seq, payload }) => [Buffer.from(String(seq)), payload]);
  const before = (commits[0]?.seq ?? 1) - 1;
  try {
    return (
      (await archiveEntries({ ...place, kind: "log", ordinal }, ofLog)) +
      (await archiveEntries({ ...place, kind: "journal", ordinal: before }, ofJournal))
    );
  } catch (error) {
    throw new ArchiveTrouble(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

async function bytesOf({ command }: RedisConnection, key: string): Promise<number> {
  return Number((await command(["MEMORY", "USAGE", key])) ?? 0);
}
