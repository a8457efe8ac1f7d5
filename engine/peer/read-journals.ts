// Reads the journals of several partitions on a connection of its own: a blocking read holds it.

import type { RedisLane } from "../deliver/redis-lane.ts";
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { readStreams } from "../ingest/stream-reply.ts";
import { partitionKeys } from "../journal/keys.ts";
import type { RedisConnection } from "../journal/redis.ts";

export type JournalPage =
  | {
      readonly kind: "read";
      readonly partition: PartitionIndex;
      /** In order; empty where nothing came. */
      readonly commits: readonly { readonly seq: CommitSeq; readonly payload: Buffer }[];
      /** Nothing more was there when this was read. */
      readonly isLast: boolean;
    }
  /** This one could not be read now. */
  | { readonly kind: "trouble"; readonly partition: PartitionIndex; readonly error: unknown };

export interface JournalReader {
  /**
   * One page for each of them: what came after `after`, at most COMMITS_MAX; waits at most `blockMs` for the first commit of any,
   * 0: not at all. Never rejects.
   */
  readonly read: (journals: readonly Wanted[], blockMs: number) => Promise<readonly JournalPage[]>;
  readonly stop: () => void;
}

export interface Wanted {
  readonly partition: PartitionIndex;
  readonly after: CommitSeq;
}

const COMMITS_MAX = 64;
/** Where nothing can block, as in a cluster, journals without news are read again after this. */
const IDLE_MS = 20;

export function createJournalReader(lane: RedisLane): JournalReader {
  return {
    read: async (journals, blockMs) => {
      try {
        const connection = await lane.connection();
        const { command } = connection;
        if (connection.cluster === undefined) return await readTogether(command, journals, blockMs);
        const pages = await Promise.all(journals.map((wanted) => readOne(command, wanted)));
        const isIdle = pages.every((page) => page.kind === "read" && page.commits.length === 0);
        if (isIdle && blockMs > 0) await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
        return pages;
      } catch (error) {
        return journals.map(({ partition }) => ({ kind: "trouble", partition, error }));
      }
    },
    stop: () => lane.close(),
  };
}

type Command = RedisConnection["command"];

/** No read spans two slots of a cluster. */
async function readOne(command: Command, wanted: Wanted): Promise<JournalPage> {
  try {
    const [page] = await readTogether(command, [wanted], 0);
    return page as JournalPage;
  } catch (error) {
    return { kind: "trouble", partition: wanted.partition, error };
  }
}

async function readTogether(
  command: Command,
  journals: readonly Wanted[],
  blockMs: number,
): Promise<readonly JournalPage[]> {
  const keys = journals.map(({ partition }) => partitionKeys(partition).journal);
  const block = blockMs === 0 ? [] : ["BLOCK", String(blockMs)];
  const after = journals.map((each) => `${each.after}-0`);
  const reply = await command(["XREAD", "COUNT", String(COMMITS_MAX), ...block, "STREAMS", ...keys, ...after]);
  const found = new Map(readStreams(reply).map(({ stream, entries }) => [stream, entries]));
  return journals.map(({ partition }, at) => {
    const entries = found.get(keys[at] as string) ?? [];
    const commits = entries.map(({ position, fields }) => ({
      seq: Number.parseInt(position, 10) as CommitSeq,
      payload: fields[1] as Buffer,
    }));
    return { kind: "read", partition, commits, isLast: entries.length < COMMITS_MAX };
  });
}
