// Reads the journals of several partitions on a connection of its own: a blocking read holds it.

import type { RedisLane } from "../deliver/redis-lane.ts";
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { readStreams } from "../ingest/stream-reply.ts";
import { partitionKeys } from "../journal/keys.ts";

export interface JournalPage {
  readonly partition: PartitionIndex;
  /** In order; empty where nothing came. */
  readonly commits: readonly { readonly seq: CommitSeq; readonly payload: Buffer }[];
  /** Nothing more was there when this was read. */
  readonly isLast: boolean;
}

export interface JournalReader {
  /**
   * One page for each of them: what came after `after`, at most COMMITS_MAX; waits at most `blockMs` for the first commit of any,
   * 0: not at all. Rejects with RedisTrouble.
   */
  readonly read: (
    journals: readonly { readonly partition: PartitionIndex; readonly after: CommitSeq }[],
    blockMs: number,
  ) => Promise<readonly JournalPage[]>;
  readonly stop: () => void;
}

const COMMITS_MAX = 64;

export function createJournalReader(lane: RedisLane): JournalReader {
  return {
    read: async (journals, blockMs) => {
      const { command } = await lane.connection();
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
        return { partition, commits, isLast: entries.length < COMMITS_MAX };
      });
    },
    stop: () => lane.close(),
  };
}
