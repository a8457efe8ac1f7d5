// Keeps input logs and journals within RETENTION for as long as a session lasts, on a connection of its own: what is read to
// be archived never stands before a commit.
import type { PartitionIndex } from "../domain/ids.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import type { OneAtATime } from "../partition/one-at-a-time.ts";
import type { Archive } from "./archive.ts";
import { type Retained, retainTurn, type Turn } from "./retain-turn.ts";
import type { Retention } from "./retention.ts";

export interface RetentionOptions {
  /** One attempt at a connection. */
  readonly connect: () => Promise<RedisConnection>;
  readonly retention: Retention;
  /** How many there are, whoever owns them. */
  readonly partitions: number;
  readonly archive: Archive | undefined;
  /** Those that are owned here just now. */
  readonly owned: () => readonly Retained[];
  readonly clock: () => number;
  /** Runs a turn while nothing else changes the streams of the partition. */
  readonly alone?: OneAtATime;
  readonly onTurn: (partition: PartitionIndex, turn: Turn) => void;
  /** A turn failed: nothing was trimmed, or it is not known. Tried again. */
  readonly onFailure: (partition: PartitionIndex, error: unknown) => void;
  /** Between two looks at what is owned. */
  readonly pollMs?: number;
  /** Where there was nothing to do. */
  readonly restMs?: number;
  readonly lingerMs?: number;
}

const POLL_MS = 1_000;
const REST_MS = 5_000;
/** What is read to see whether it fills a segment is not read every few seconds. */
const REST_ARCHIVE_MS = 30_000;
const LINGER_MS = 3_600_000;

/** Returns how to stop it; settles when no turn is under way any more. */
export function startRetention(options: RetentionOptions): () => Promise<void> {
  const restMs = options.restMs ?? (options.archive === undefined ? REST_MS : REST_ARCHIVE_MS);
  const restsUntil = new Map<PartitionIndex, number>();
  const state = { stopped: false };
  let connection: RedisConnection | undefined;
  let passing: Promise<void> | undefined;

  const turnsOf = async (partition: Retained): Promise<void> => {
    for (let isMore = true; isMore && !state.stopped; ) {
      if (connection === undefined || connection.isClosed()) connection = await options.connect();
      const journal = createRedisJournal({ connection, owner: "retention", leaseMs: 0, address: "" });
      const { retention, partitions, archive, clock, lingerMs = LINGER_MS } = options;
      const context = { connection, journal, retention, partitions, archive, clock, lingerMs };
      const run = () => retainTurn(context, partition);
      const turn = await (options.alone?.(partition.index, run) ?? run());
      options.onTurn(partition.index, turn);
      isMore = turn.isMore;
    }
  };
  const pass = async (): Promise<void> => {
    for (const partition of options.owned()) {
      if (state.stopped) return;
      if (performance.now() < (restsUntil.get(partition.index) ?? 0)) continue;
      try {
        await turnsOf(partition);
      } catch (error) {
        if (!state.stopped) options.onFailure(partition.index, error);
      }
      restsUntil.set(partition.index, performance.now() + restMs);
    }
  };
  const polling = setInterval(() => {
    passing ??= pass().finally(() => {
      passing = undefined;
    });
  }, options.pollMs ?? POLL_MS);
  return async () => {
    state.stopped = true;
    clearInterval(polling);
    // A turn in doubt does no harm: it is fenced, and what it archived is found there by the next one.
    connection?.close();
    await passing;
    connection?.close();
  };
}
