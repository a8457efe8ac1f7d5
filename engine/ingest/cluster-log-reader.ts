// Reads the input logs of the owned partitions where each lies in a slot of its own: one read cannot span slots, and one that
// blocks would hold up all the others of its node. So each log is asked by itself, without blocking and all in one go, again
// at once where there was something and after up to ten milliseconds where there was nothing.
import type { PartitionIndex, Position } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import { partitionKeys } from "../journal/keys.ts";
import { createPageSize, type PageSize, readPage } from "../journal/page-size.ts";
import type { RedisConnection } from "../journal/redis.ts";
import type { Batch, LogReader } from "./log-reader.ts";
import { readStreams } from "./stream-reply.ts";

export interface ClusterLogReaderOptions {
  readonly connection: RedisConnection;
  /** Entries of each partition in one read. */
  readonly countMax: number;
}

interface Tail {
  readonly partition: PartitionIndex;
  position: Position;
  /** One read ahead: what was found waits until it is taken. */
  state: "idle" | "reading" | "found";
  /** After a read that failed; its owner is told by the connection and drops the partition, or the next read succeeds. */
  restsUntil: number;
  readonly size: PageSize;
}

const IDLE_MS_MAX = 10;
const FAILED_MS = 50;

export function createClusterLogReader({ connection, countMax }: ClusterLogReaderOptions): LogReader {
  const tails = new Map<PartitionIndex, Tail>();
  let found: { readonly tail: Tail; readonly batch: Batch }[] = [];
  let idleMs = 1;
  let timer: NodeJS.Timeout | undefined;
  let resume: (() => void) | undefined;
  let isStopped = false;

  async function read(tail: Tail): Promise<void> {
    tail.state = "reading";
    const { events } = partitionKeys(tail.partition);
    try {
      const { entries } = await readPage(tail.size, countMax, async (count) => {
        const reply = await connection.command(["XREAD", "COUNT", String(count), "STREAMS", events, tail.position]);
        return readStreams(reply)[0]?.entries ?? [];
      });
      tail.state = entries.length === 0 ? "idle" : "found";
      if (entries.length === 0) return;
      const after = tail.position;
      tail.position = (entries.at(-1) as RawEntry).position;
      found.push({ tail, batch: { partition: tail.partition, after, entries } });
      idleMs = 1;
      resume?.();
    } catch {
      tail.state = "idle";
      tail.restsUntil = performance.now() + FAILED_MS;
    }
  }

  function poll(): void {
    clearTimeout(timer);
    if (isStopped || tails.size === 0) return;
    const now = performance.now();
    for (const tail of tails.values()) if (tail.state === "idle" && tail.restsUntil <= now) void read(tail);
    timer = setTimeout(poll, idleMs);
    idleMs = Math.min(idleMs * 2, IDLE_MS_MAX);
  }

  function pollSoon(): void {
    idleMs = 1;
    poll();
  }

  return {
    next: async () => {
      while (found.length === 0 && !isStopped) await new Promise<void>((resolve) => (resume = resolve));
      const taken = found;
      found = [];
      for (const { tail } of taken) tail.state = "idle";
      pollSoon();
      // A partition that went and came again begins anew, at a position of its own.
      return taken.filter(({ tail }) => tails.get(tail.partition) === tail).map(({ batch }) => batch);
    },
    add: (partition, after) => {
      tails.set(partition, { partition, position: after, state: "idle", restsUntil: 0, size: createPageSize() });
      pollSoon();
    },
    isRead: (partition) => tails.has(partition),
    remove: (partition) => void tails.delete(partition),
    appended: (partition) => {
      const tail = tails.get(partition);
      if (tail?.state === "idle" && tail.restsUntil === 0) void read(tail);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
      resume?.();
      connection.close();
    },
  };
}
