// Reads the input logs of all owned partitions in one blocking read, one ahead of what is being worked on. Partitions come
// and go: a read that waits for the logs of before is woken, and what it brings of a partition that went is not given out.
import type { PartitionIndex, Position } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { text } from "../journal/redis.ts";
import { createReadCount } from "./read-count.ts";
import { readStreams } from "./stream-reply.ts";

export interface Batch {
  readonly partition: PartitionIndex;
  /** Nothing of the log lies between this position and the entries. */
  readonly after: Position;
  /** At least one, in the order of the log. */
  readonly entries: readonly RawEntry[];
}

export interface LogReaderOptions {
  /** Of its own: a blocking read holds it. Its silenceMs must exceed blockMs. */
  readonly connection: RedisConnection;
  /** Another one to the same server, over which a blocking read is woken. */
  readonly waker: Pick<RedisConnection, "command">;
  /** Entries of each partition in one read. */
  readonly countMax: number;
  /** How long a read waits where nothing is there. */
  readonly blockMs?: number;
}

export interface LogReader {
  /** From now on what comes after this position of its log is read, too. */
  readonly add: (partition: PartitionIndex, after: Position) => void;
  /** Has a read begun that tells of its entries? Before that they may be some milliseconds late. */
  readonly isRead: (partition: PartitionIndex) => boolean;
  /** Nothing of it is given out by a `next` that begins after this. */
  readonly remove: (partition: PartitionIndex) => void;
  /**
   * What came next, one batch for each partition that had something; empty after blockMs of silence, where a partition
   * came, and once stopped. Waits while there is no partition. One call at a time. Rejects with RedisTrouble when the
   * connection is lost: make another reader from the last positions.
   */
  readonly next: () => Promise<readonly Batch[]>;
  /** Closes the connection. */
  readonly stop: () => void;
  /** This process has appended to the log: nobody need wait for the next look. Only where logs are looked at now and then. */
  readonly appended?: (partition: PartitionIndex) => void;
}

const BLOCK_MS = 1_000;
const WAKE_AGAIN_MS = 10;
/**
 * About so much comes with one read, however many logs have a backlog. More than a step takes: so its entries are of few
 * partitions, which need few commits and loads.
 */
const ENTRIES_PER_READ_MAX = 8_192;
const BYTES_PER_READ_MAX = 16_777_216;

interface Tail {
  readonly partition: PartitionIndex;
  position: Position;
  isRead: boolean;
}

export function createLogReader(options: LogReaderOptions): LogReader {
  const { connection, waker, countMax } = options;
  const counts = createReadCount({ countMax, entriesMax: ENTRIES_PER_READ_MAX, bytesMax: BYTES_PER_READ_MAX });
  const block = ["BLOCK", String(options.blockMs ?? BLOCK_MS), "STREAMS"];
  const tails = new Map<PartitionIndex, Tail>();
  /** Grows with each partition that came: a read from before is to be woken. */
  let version = 0;
  let readVersion = 0;
  let clientId: Promise<string> | undefined;
  let ahead: Promise<readonly Found[]> | undefined;
  let resume: (() => void) | undefined;
  let isWaking = false;
  let isStopped = false;

  async function read(): Promise<readonly Found[]> {
    // Before the first read: behind one that blocks it would wait as long.
    clientId ??= connection.command(["CLIENT", "ID"]).then(text);
    await clientId;
    while (tails.size === 0 && !isStopped) await new Promise<void>((resolve) => (resume = resolve));
    if (isStopped) return [];
    const reading = new Map([...tails.values()].map((tail) => [partitionKeys(tail.partition).events, tail]));
    readVersion = version;
    const positions = [...reading.values()].map(({ position }) => position);
    for (const tail of reading.values()) tail.isRead = true;
    const head = ["XREAD", "COUNT", String(counts.of(reading.size)), ...block];
    const streams = readStreams(await connection.command([...head, ...reading.keys(), ...positions]));
    counts.learn(streams.flatMap(({ entries }) => entries));
    return streams.map(({ stream, entries }) => {
      const tail = reading.get(stream) as Tail;
      const after = tail.position;
      tail.position = (entries.at(-1) as RawEntry).position;
      return { tail, after, entries };
    });
  }

  function readAhead(): Promise<readonly Found[]> {
    const reading = read();
    // Whoever calls next() hears of it; until then it must not count as unhandled.
    reading.catch(() => undefined);
    return reading;
  }

  async function next(): Promise<readonly Batch[]> {
    if (isStopped) return [];
    try {
      ahead ??= readAhead();
      const found = await ahead;
      ahead = isStopped ? undefined : readAhead();
      // A partition that went and came again begins anew, at a position of its own.
      const current = found.filter(({ tail }) => tails.get(tail.partition) === tail);
      return current.map(({ tail, after, entries }) => ({ partition: tail.partition, after, entries }));
    } catch (error) {
      if (isStopped) return [];
      throw error;
    }
  }

  /** The read under way may not have reached Redis yet, or be over: tried until one of the present partitions is under way. */
  async function wake(): Promise<void> {
    if (isWaking || clientId === undefined) return;
    isWaking = true;
    try {
      const id = await clientId;
      while (!isStopped && ahead !== undefined && readVersion !== version && tails.size > 0) {
        await waker.command(["CLIENT", "UNBLOCK", id]);
        await new Promise((resolve) => setTimeout(resolve, WAKE_AGAIN_MS));
      }
    } finally {
      isWaking = false;
    }
  }

  return {
    next,
    add: (partition, after) => {
      tails.set(partition, { partition, position: after, isRead: false });
      version++;
      resume?.();
      wake().catch(() => undefined); // of a connection that is lost, which its owner is told of; the read ends by itself
    },
    isRead: (partition) => tails.get(partition)?.isRead === true,
    remove: (partition) => void tails.delete(partition),
    stop: () => {
      isStopped = true;
      resume?.();
      connection.close();
    },
  };
}

interface Found {
  readonly tail: Tail;
  readonly after: Position;
  readonly entries: readonly RawEntry[];
}
