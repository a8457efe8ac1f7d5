// Moves one named stream to the input logs, in order. What was moved is known from the watermarks beside the logs and from
// nothing else: after any failure it begins at the oldest entry that is left, and what was moved before is skipped. Where
// another engine moves the stream this one waits until that one's lease is over.
import type { DeadReason } from "../domain/event.ts";
import { comparePositions, type Position } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import { createPageSize, readPage } from "../journal/page-size.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { appendSorted } from "./append-sorted.ts";
import { generationOf } from "./mover-history.ts";
import { createMoverLease } from "./mover-lease.ts";
import { type SortedEntries, sortEntries } from "./sorted-entries.ts";
import { createStreamAccount, type StreamAccount } from "./stream-account.ts";
import { readStreams } from "./stream-reply.ts";
import { createTrimmer, type Trimmer } from "./trimmer.ts";

export interface MoverOptions {
  readonly stream: string;
  readonly partitions: number;
  /** The engine in which it runs. */
  readonly owner: string;
  /** Another engine takes over when nothing was heard for so long. */
  readonly leaseMs: number;
  /** An engine that runs no more, for certain: its lease is not waited for. */
  readonly isGone?: (owner: string) => boolean;
  /** One attempt. silenceMs of the connections must exceed a second, for which a read may block. */
  readonly connect: () => Promise<RedisConnection>;
  readonly onTrouble: (stream: string, why: string) => void;
  readonly onDead: (stream: string, reason: DeadReason) => void;
  /** So many entries were trimmed or deleted by somebody else before they were moved. */
  readonly onLost: (stream: string, entries: number) => void;
  /** Entries in one step. */
  readonly batchMax: number;
  /** While a log that was appended to holds more entries than this, nothing is moved. */
  readonly logLengthMax: number;
  /** Between two looks at what was lost while entries come without a pause; 5 s where left out. */
  readonly lookMs?: number;
}

export interface MovedCounts {
  readonly stream: string;
  /** Appended to input logs, since the start of this mover. */
  readonly appended: number;
  /** Appended to the dead letters without a key. */
  readonly dead: number;
  /** Found to have been moved before. */
  readonly skipped: number;
}

export interface Mover {
  /** Until stopped; never rejects. */
  readonly run: () => Promise<void>;
  /** Ends after the step under way, at once where it waits. */
  readonly stop: () => void;
  readonly moved: () => MovedCounts;
}

const BLOCK_MS = "1000";
const BACKOFF_MS_MAX = 500;
const LOOK_MS = 5_000;
/** After a read that failed; what was moved by then is not read again. */
const CAREFUL_MS = 5_000;
const CONGESTION_POLL_MS = 50;
/**
 * Connections over which it appends. Redis takes some 30 KB from each in one turn of its loop, and with appendfsync always syncs
 * the disk once a turn: over one connection that is a sync for every 200 entries.
 */
const LANES = 4;
/** A lease that was given back is noticed within this. */
const LEASE_POLL_MS = 250;
const BEGUN_ANEW = "the stream has begun anew, with lower ids";
/** The dead letters without a key are for looking at, and bounded. */
const DEAD_KEPT_MAX = 100_000;

export function createMover(options: MoverOptions): Mover {
  const { stream, partitions } = options;
  const stopping = new AbortController();
  const counts = { appended: 0, dead: 0, skipped: 0 };
  const progress = { failures: 0, isAnew: false };
  const lease = createMoverLease(options);
  const { lookMs = LOOK_MS } = options;
  const size = createPageSize({ carefulMs: CAREFUL_MS });

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      try {
        await session();
      } catch (error) {
        if (stopping.signal.aborted) return;
        options.onTrouble(stream, error instanceof Error ? error.message : String(error));
        await pause(Math.min(50 * 2 ** progress.failures++, BACKOFF_MS_MAX));
      }
    }
  }

  async function session(): Promise<void> {
    const opened: RedisConnection[] = [];
    const open = async (): Promise<RedisConnection> => {
      const connection = await options.connect();
      opened.push(connection);
      return connection;
    };
    try {
      const writer = await open();
      await untilHeld(writer);
      if (stopping.signal.aborted) return;
      const reader = await open();
      const lanes = [writer];
      while (lanes.length < LANES) lanes.push(await open());
      await underLease({ reader, writer, lanes });
    } finally {
      for (const each of opened) each.close();
    }
  }

  async function underLease(lines: Lines): Promise<void> {
    const { reader, writer, lanes } = lines;
    const closeReader = (): void => reader.close();
    // Whatever was behind a node that is lost may come back as something else: all of it is looked at anew.
    for (const each of [reader, ...lanes]) each.onClosed(closeReader);
    stopping.signal.addEventListener("abort", closeReader);
    const renewal = setInterval(() => void keep(writer, closeReader), options.leaseMs / 4);
    const account = createStreamAccount(stream);
    const trimmer = createTrimmer({ connection: writer, stream, onTrimmed });
    const way: Way = { account, trimmer, moving: Promise.resolve([]) };
    try {
      const generation = await generationOf({ stream, partitions, lease, reader, writer, isAnew: progress.isAnew });
      progress.isAnew = false;
      await move(lines, generation, way);
    } finally {
      clearInterval(renewal);
      stopping.signal.removeEventListener("abort", closeReader);
      reader.close();
      await Promise.allSettled([way.moving]);
      if (!writer.isClosed()) await leave(writer, way);
      trimmer.stop();
    }
  }

  async function untilHeld(writer: RedisConnection): Promise<void> {
    while (!stopping.signal.aborted) {
      const leftMs = await lease.hold(writer);
      if (leftMs === 0) return;
      await pause(Math.min(leftMs + 5, LEASE_POLL_MS));
    }
  }

  /** Where the lease is another's, or Redis does not answer, this mover ends and waits for its turn. */
  async function keep(writer: RedisConnection, end: () => void): Promise<void> {
    const leftMs = await lease.hold(writer).catch(() => Number.NaN);
    if (leftMs !== 0) end();
  }

  async function leave(writer: RedisConnection, way: Way): Promise<void> {
    if (stopping.signal.aborted) {
      await look(writer, way);
      await way.account.close(writer);
    }
    await lease.giveBack(writer);
  }

  /** What is gone and was not taken was lost. While the stream may have been another's nothing can be said. */
  async function look(writer: RedisConnection, { account, trimmer }: Way): Promise<Position> {
    await trimmer.flush();
    const { lost, lastId } = await account.look(writer);
    if (lease.wasSure()) tellLost(lost);
    return lastId;
  }

  function tellLost(lost: number): void {
    if (lost > 0) options.onLost(stream, lost);
  }

  async function move(lines: Lines, generation: number, way: Way): Promise<void> {
    const { reader, writer } = lines;
    const readOn = (after: Position, ...block: readonly string[]): Promise<readonly RawEntry[]> => {
      const read = async (count: number): Promise<readonly RawEntry[]> => {
        const reply = await reader.command(["XREAD", "COUNT", String(count), ...block, "STREAMS", stream, after]);
        return readStreams(reply)[0]?.entries ?? [];
      };
      return handled(readPage(size, options.batchMax, read).then(({ entries }) => entries));
    };
    let position = "0-0" as Position;
    // A mover before this one may still trim what it has moved: that is among what is read now.
    let reading: Promise<readonly RawEntry[]> | undefined = readOn(position);
    await reading;
    tellLost(await way.account.open(writer));
    // Redis works on one step while the next one is read and sorted. Only to look at what was lost nothing may be under way.
    let lookAt = performance.now() + lookMs;
    while (!stopping.signal.aborted) {
      const entries: readonly RawEntry[] = await (reading ?? readOn(position, "BLOCK", BLOCK_MS));
      position = entries.at(-1)?.position ?? position;
      const isLook = entries.length === 0 || performance.now() >= lookAt;
      reading = isLook ? undefined : readOn(position, "BLOCK", BLOCK_MS);
      const sorted = sortEntries(entries, stream, partitions);
      await untilMoved(writer, way);
      if (stopping.signal.aborted) return;
      way.moving = handled(moveOn(lines, entries, sorted, generation, way));
      if (!isLook) continue;
      await untilMoved(writer, way);
      if (comparePositions(position, await look(writer, way)) > 0) throw begunAnew();
      lookAt = performance.now() + lookMs;
    }
  }

  /** The step under way is done, and no log is too long after it. */
  async function untilMoved(writer: RedisConnection, way: Way): Promise<void> {
    for (const log of await way.moving) await untilShorter(writer, log);
  }

  /** One step. Answers the logs that are too long now. */
  async function moveOn(
    { writer, lanes }: Lines,
    entries: readonly RawEntry[],
    sorted: SortedEntries,
    generation: number,
    way: Way,
  ): Promise<readonly string[]> {
    const last = entries.at(-1);
    if (last === undefined) return [];
    const { appended, buried, skipped, logs } = await appendSorted(lanes, stream, sorted, generation);
    counts.appended += appended;
    counts.skipped += skipped;
    if (sorted.letters.length > 0) await recordDead(writer, buried, sorted.reasons);
    way.trimmer.moved(last.position, entries.length);
    way.account.took(entries.length);
    progress.failures = 0;
    return logs.filter(({ length }) => length > options.logLengthMax).map(({ log }) => log);
  }

  function onTrimmed(trimmed: number | "anew", moved: number): void {
    if (trimmed === "anew") throw begunAnew();
    // No more than these can have been there: unless the stream was made anew, and has come as far by now.
    tellLost(trimmed - moved);
  }

  /** The watermarks beside the logs say nothing of it, also where its ids have become higher again by the next look. */
  function begunAnew(): Error {
    progress.isAnew = true;
    return new Error(BEGUN_ANEW);
  }

  async function recordDead(writer: RedisConnection, appended: number, reasons: readonly DeadReason[]): Promise<void> {
    counts.dead += appended;
    for (const reason of reasons.slice(reasons.length - appended)) options.onDead(stream, reason);
    await writer.command(["XTRIM", "nba:dead", "MAXLEN", "~", String(DEAD_KEPT_MAX)]);
  }

  async function untilShorter(writer: RedisConnection, log: string): Promise<void> {
    while (!stopping.signal.aborted && Number(await writer.command(["XLEN", log])) > options.logLengthMax) {
      await pause(CONGESTION_POLL_MS);
    }
  }

  /** Cut short by stop. */
  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        stopping.signal.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      if (stopping.signal.aborted) end();
      else stopping.signal.addEventListener("abort", end);
    });
  }

  return { run, stop: () => stopping.abort(), moved: () => ({ stream, ...counts }) };
}

/** While it holds the lease. */
interface Lines {
  readonly reader: RedisConnection;
  /** For all but reading and appending. */
  readonly writer: RedisConnection;
  /** The writer and others. */
  readonly lanes: readonly RedisConnection[];
}

/** What a mover has done since it holds the lease. */
interface Way {
  readonly account: StreamAccount;
  /** The step under way: the logs that are too long after it. */
  moving: Promise<readonly string[]>;
  /** Of what was moved. */
  readonly trimmer: Trimmer;
}

/** Awaited later: until then a rejection must not count as unhandled. */
function handled<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
