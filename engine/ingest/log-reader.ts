// Reads the input logs of all owned partitions in one blocking read, one ahead of what is being worked on.
import type { PartitionIndex, Position } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { readStreams } from "./stream-reply.ts";

export interface Batch {
  readonly partition: PartitionIndex;
  /** At least one, in the order of the log. */
  readonly entries: readonly RawEntry[];
}

export interface LogReaderOptions {
  /** Of its own: a blocking read holds it. Its silenceMs must exceed blockMs. */
  readonly connection: RedisConnection;
  /** At least one. */
  readonly partitions: readonly PartitionIndex[];
  /** Reads what comes after these; from the beginning where a partition is absent. */
  readonly from: ReadonlyMap<PartitionIndex, Position>;
  /** Entries of each partition in one read. */
  readonly countMax: number;
  /** How long a read waits where nothing is there. */
  readonly blockMs?: number;
}

export interface LogReader {
  /**
   * What came next, one batch for each partition that had something; empty after blockMs of silence and once stopped. One
   * call at a time. Rejects with RedisTrouble when the connection is lost: make another reader from the last positions.
   */
  readonly next: () => Promise<readonly Batch[]>;
  /** Closes the connection. */
  readonly stop: () => void;
}

const BEGINNING = "0-0" as Position;
const BLOCK_MS = 1_000;

export function createLogReader(options: LogReaderOptions): LogReader {
  const { connection, partitions, countMax } = options;
  const keys = partitions.map((partition) => partitionKeys(partition).events);
  const partitionByKey = new Map(partitions.map((partition) => [partitionKeys(partition).events, partition]));
  const positions = new Map(partitions.map((each) => [each, options.from.get(each) ?? BEGINNING]));
  const head = ["XREAD", "COUNT", String(countMax), "BLOCK", String(options.blockMs ?? BLOCK_MS), "STREAMS", ...keys];
  let ahead: Promise<readonly Batch[]> | undefined;
  let isStopped = false;

  async function read(): Promise<readonly Batch[]> {
    const args = [...head, ...partitions.map((partition) => positions.get(partition) as Position)];
    const streams = readStreams(await connection.command(args));
    return streams.map(({ stream, entries }) => {
      const partition = partitionByKey.get(stream) as PartitionIndex;
      positions.set(partition, (entries.at(-1) as RawEntry).position);
      return { partition, entries };
    });
  }

  function readAhead(): Promise<readonly Batch[]> {
    const reading = read();
    // Whoever calls next() hears of it; until then it must not count as unhandled.
    reading.catch(() => undefined);
    return reading;
  }

  async function next(): Promise<readonly Batch[]> {
    if (isStopped) return [];
    try {
      const batches = await (ahead ?? readAhead());
      ahead = isStopped ? undefined : readAhead();
      return batches;
    } catch (error) {
      if (isStopped) return [];
      throw error;
    }
  }

  function stop(): void {
    isStopped = true;
    connection.close();
  }

  return { next, stop };
}
