// Outbound channels of kind `stream`: what a commit decided goes to `nba:channel:NAME`, which a gateway reads. One pump for
// each partition, in order of its commits: so in order per customer and channel. Sending again is harmless (append once),
// so a pump in doubt repeats, and after a restart it goes on from the position that it noted last.
import type { CommitSeq, CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import { appendOnce, channelTarget } from "../ingest/append-once.ts";
import { partitionKeys } from "../journal/keys.ts";
import { text } from "../journal/redis.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { DispatchCommit, DispatchItem } from "./dispatch-items.ts";
import { dispatchCommit } from "./dispatch-items.ts";
import type { DeliverMetrics, Log } from "./ports.ts";
import type { RedisLane } from "./redis-lane.ts";

export interface DispatchDeps {
  readonly redis: RedisLane;
  readonly rulebook: () => Rulebook;
  /** Commits with a seq above `after`, oldest first, at most `countMax`; empty where there are none. */
  readonly journalFrom: (
    partition: PartitionIndex,
    after: CommitSeq,
    countMax: number,
  ) => Promise<readonly Committed[]>;
  /** Appends `$delivered` to the input log of the customer; settles when durable. */
  readonly delivered: (key: CustomerKey, code: TrackingCode) => Promise<void>;
  readonly metrics: Pick<DeliverMetrics, "onDelivery">;
  readonly log: Log;
  /** About how many entries a channel's stream keeps. */
  readonly streamEntriesMax?: number;
}

export interface Dispatch {
  /** Goes on from the noted position; resolves when it is known. */
  readonly start: (partitions: readonly PartitionIndex[]) => Promise<void>;
  /** Another engine goes on with it. */
  readonly give: (partition: PartitionIndex) => void;
  readonly onCommitted: (committed: Committed) => void;
  /** Commits that are known of and not yet dispatched. */
  readonly pending: () => number;
  /** Ends after the batch under way, at most `waitMs` later. */
  readonly stop: (waitMs: number) => Promise<void>;
}

export const STREAM_ENTRIES_MAX = 1_000_000;
const WAITING_COMMITS_MAX = 4_096;
const BATCH_COMMITS_MAX = 256;
const NOTE_EVERY_COMMITS = 64;
const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 2_000;
/** Field of the checkpoint of a partition: every commit up to it is dispatched. */
export const DISPATCHED_FIELD = "dispatched";

interface Pump {
  readonly partition: PartitionIndex;
  /** Every commit up to here is dispatched. */
  done: CommitSeq;
  noted: CommitSeq;
  /** Newest commits, without gaps; emptied where they are too many: the journal has them. */
  waiting: DispatchCommit[];
  newest: CommitSeq;
  /** The journal may hold more than `waiting`. */
  isBehind: boolean;
  isGiven: boolean;
  wake: () => void;
}

export function createDispatch(deps: DispatchDeps): Dispatch {
  const pumps = new Map<PartitionIndex, Pump>();
  const running: Promise<void>[] = [];
  const state = { stopped: false };
  return {
    start: async (partitions) => {
      const positions = await Promise.all(partitions.map((partition) => readPosition(deps, partition, state)));
      partitions.forEach((partition, index) => {
        const done = positions[index] ?? (0 as CommitSeq);
        const pump = pumps.get(partition) ?? newPump(partition);
        Object.assign(pump, { done, noted: done });
        pumps.set(partition, pump);
        running.push(run(deps, pump, state));
      });
    },
    give: (partition) => {
      const pump = pumps.get(partition);
      pumps.delete(partition);
      if (pump === undefined) return;
      pump.isGiven = true;
      pump.wake();
    },
    onCommitted: (committed) => {
      const pump = pumps.get(committed.partition) ?? newPump(committed.partition);
      pumps.set(committed.partition, pump);
      take(pump, dispatchCommit(committed, deps.rulebook()));
    },
    pending: () => {
      let count = 0;
      for (const pump of pumps.values()) count += Math.max(0, pump.newest - pump.done);
      return count;
    },
    stop: async (waitMs) => {
      state.stopped = true;
      for (const pump of pumps.values()) pump.wake();
      let timer: NodeJS.Timeout | undefined;
      const patience = new Promise((resolve) => {
        timer = setTimeout(resolve, waitMs);
      });
      await Promise.race([Promise.all(running), patience]);
      clearTimeout(timer);
    },
  };
}

function newPump(partition: PartitionIndex): Pump {
  const zero = 0 as CommitSeq;
  return {
    partition,
    done: zero,
    noted: zero,
    waiting: [],
    newest: zero,
    isBehind: true,
    isGiven: false,
    wake: () => {},
  };
}

function take(pump: Pump, commit: DispatchCommit): void {
  if (commit.seq <= pump.newest) return;
  if (commit.seq !== pump.newest + 1 || pump.waiting.length >= WAITING_COMMITS_MAX) {
    pump.waiting = [];
    pump.isBehind = true;
  }
  pump.newest = commit.seq;
  pump.waiting.push(commit);
  pump.wake();
}

async function run(deps: DispatchDeps, pump: Pump, state: { readonly stopped: boolean }): Promise<void> {
  for (let failures = 0; !state.stopped && !pump.isGiven; ) {
    try {
      const batch = await nextBatch(deps, pump);
      if (batch.length > 0) await dispatchBatch(deps, pump, batch);
      const isIdle = batch.length === 0;
      if (pump.done > pump.noted && (isIdle || pump.done - pump.noted >= NOTE_EVERY_COMMITS)) await note(deps, pump);
      failures = 0;
      if (isIdle && !state.stopped && !pump.isGiven) await sleepUntilWoken(pump);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      deps.log.warn("dispatch failed, will be repeated", { partition: pump.partition, why });
      await sleep(Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures++));
    }
  }
  if (pump.done > pump.noted)
    await note(deps, pump).catch(() => deps.log.warn("the position of dispatch was not noted"));
}

/** From memory where that follows on what is done, else from the journal. */
async function nextBatch(deps: DispatchDeps, pump: Pump): Promise<readonly DispatchCommit[]> {
  pump.waiting = pump.waiting.filter((commit) => commit.seq > pump.done);
  const first = pump.waiting[0];
  if (first !== undefined && first.seq === pump.done + 1) {
    pump.isBehind = false;
    return pump.waiting.slice(0, BATCH_COMMITS_MAX);
  }
  if (first === undefined && !pump.isBehind) return [];
  const rulebook = deps.rulebook();
  const read = await deps.journalFrom(pump.partition, pump.done, BATCH_COMMITS_MAX);
  if (read.length > 0) return read.map((committed) => dispatchCommit(committed, rulebook));
  pump.isBehind = false;
  if (first === undefined) return [];
  // Commits are numbered without gaps: what is missing here was trimmed by someone else.
  deps.log.error("the journal lost commits before they were dispatched", { partition: pump.partition });
  pump.done = (first.seq - 1) as CommitSeq;
  return pump.waiting.slice(0, BATCH_COMMITS_MAX);
}

async function dispatchBatch(deps: DispatchDeps, pump: Pump, batch: readonly DispatchCommit[]): Promise<void> {
  const items = batch.flatMap((commit) => commit.items);
  const byChannel = new Map<string, DispatchItem[]>();
  for (const item of items) byChannel.set(item.channel, [...(byChannel.get(item.channel) ?? []), item]);
  for (const [channel, ofChannel] of byChannel) await append(deps, pump.partition, channel, ofChannel);
  await Promise.all(items.map((item) => deps.delivered(item.key, item.trackingCode)));
  pump.done = (batch.at(-1) as DispatchCommit).seq;
}

async function append(
  deps: DispatchDeps,
  partition: PartitionIndex,
  channel: string,
  items: readonly DispatchItem[],
): Promise<void> {
  try {
    const connection = await deps.redis.connection();
    const target = channelTarget(channel, partition);
    const entries = items.map((item) => ({ id: item.id, fields: ["d", item.message] }));
    const { appended, length } = await appendOnce(connection, target, entries);
    deps.metrics.onDelivery(channel, "delivered", appended);
    const keep = deps.streamEntriesMax ?? STREAM_ENTRIES_MAX;
    if (length > keep * 1.01 + 100) await connection.command(["XTRIM", target.stream, "MAXLEN", "~", String(keep)]);
  } catch (error) {
    deps.metrics.onDelivery(channel, "retried", items.length);
    throw error;
  }
}

async function readPosition(
  deps: DispatchDeps,
  partition: PartitionIndex,
  state: { readonly stopped: boolean },
): Promise<CommitSeq | undefined> {
  for (let failures = 0; !state.stopped; failures++) {
    try {
      const connection = await deps.redis.connection();
      const noted = text(await connection.command(["HGET", partitionKeys(partition).checkpoint, DISPATCHED_FIELD]));
      return Number(noted === "" ? 0 : noted) as CommitSeq;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      deps.log.warn("the position of dispatch cannot be read yet", { partition, why });
      await sleep(Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures));
    }
  }
  return undefined;
}

async function note(deps: DispatchDeps, pump: Pump): Promise<void> {
  const { done } = pump;
  const connection = await deps.redis.connection();
  await connection.command(["HSET", partitionKeys(pump.partition).checkpoint, DISPATCHED_FIELD, String(done)]);
  pump.noted = done;
}

function sleepUntilWoken(pump: Pump): Promise<void> {
  return new Promise((resolve) => {
    pump.wake = () => {
      pump.wake = () => {};
      resolve();
    };
    if (pump.isBehind || pump.waiting.some((commit) => commit.seq > pump.done)) pump.wake();
  });
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
