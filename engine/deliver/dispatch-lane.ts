// What the lanes of dispatch share: one lane of a partition serves all its channels of kind `stream`, and one each channel of
// kind `webhook`.
import type { CommitSeq, CustomerKey, PartitionIndex, TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { NotDelivered } from "../partition/not-delivered.ts";
import type { Sendable } from "../partition/sendable.ts";
import type { DispatchFeed } from "./dispatch-feed.ts";
import type { DispatchItem } from "./dispatch-items.ts";
import type { DeliverMetrics, DeliveryResult, Log } from "./ports.ts";
import type { RedisLane } from "./redis-lane.ts";
import type { Halt } from "./waker.ts";

export interface LaneDeps {
  readonly redis: RedisLane;
  /** The time of this customer's partition: a replay may drive it. */
  readonly now: (key: CustomerKey) => Instant;
  /** Asked of what has waited, in the loop. */
  readonly sendable: (key: CustomerKey, code: TrackingCode) => Promise<Sendable>;
  /** Appends `$delivered` to the input log of the customer; settles when durable. */
  readonly delivered: (key: CustomerKey, code: TrackingCode) => Promise<void>;
  /** Appends that it was not delivered, which gives its reservation back; settles when durable. */
  readonly notDelivered: (report: {
    readonly key: CustomerKey;
    readonly trackingCode: TrackingCode;
    readonly at: Instant;
    readonly why: NotDelivered;
  }) => Promise<void>;
  /** Writes fields of the partition's checkpoint, unless another engine has taken the partition: then it rejects. */
  readonly note: (partition: PartitionIndex, fields: Readonly<Record<string, string>>) => Promise<void>;
  readonly metrics: Pick<DeliverMetrics, "onDelivery">;
  readonly log: Log;
}

export interface Lane {
  /** Every commit up to here is done with. */
  readonly done: () => CommitSeq;
  readonly wake: () => void;
  /** Resolves when it has ended after `stop`. */
  readonly run: () => Promise<void>;
  /** No further message is begun. */
  readonly stop: () => void;
}

/** What a lane knows of its partition. */
export interface LanePlace {
  readonly partition: PartitionIndex;
  readonly feed: DispatchFeed;
  /** Writes where a lane is into its field, and with it how far all of them are. Rejects as `LaneDeps.note`. */
  readonly note: (field: string, position: string) => Promise<void>;
}

/** How long a position waits to be noted after something was sent: that is sent again after a crash. */
const NOTE_EVERY_MS = 200;
/** The same where nothing was: nothing is sent again, and the journal can be trimmed that much later. */
const NOTE_IDLE_EVERY_MS = 2_000;

/**
 * When a change of a position that came now is to be noted, on the clock of `performance.now()`. At the same instants for all
 * lanes of a process: with appendfsync always, what is written in one turn of Redis costs one sync of the disk.
 */
export function noteDueAt(hasSent: boolean): number {
  const everyMs = hasSent ? NOTE_EVERY_MS : NOTE_IDLE_EVERY_MS;
  return (Math.floor(performance.now() / everyMs) + 1) * everyMs;
}

/** How long a message is sent without being looked at again, by its partition's time. */
const FRESH_MS = 2_000;
/** What is sent at the last moment must be known as sent before its place is given to another. */
const MARGIN_MS_MAX = 1_000;

/** May it be sent now, or why not? Rejects where the loop cannot tell just now. */
export async function verdictOf(
  deps: Pick<LaneDeps, "now" | "sendable">,
  item: DispatchItem,
): Promise<"send" | NotDelivered> {
  const { key, trackingCode, decidedAt } = item;
  const now = deps.now(key);
  if (now >= lastSending(item)) return "too-old";
  if (now - decidedAt < FRESH_MS) return "send";
  const found = await deps.sendable(key, trackingCode);
  switch (found.kind) {
    case "send":
      return "send";
    case "not":
      return found.why;
    case "moved":
      return "withdrawn";
  }
}

/** The last instant at which it may be sent, by its partition's time. */
export function lastSending({ decidedAt, sendBy }: DispatchItem): Instant {
  return (sendBy - Math.min(MARGIN_MS_MAX, (sendBy - decidedAt) / 10)) as Instant;
}

/** Tells the log of the customer that it was not sent, and why. */
export async function reportUnsent(deps: LaneDeps, item: DispatchItem, why: NotDelivered): Promise<void> {
  await deps.notDelivered({ key: item.key, trackingCode: item.trackingCode, at: item.decidedAt, why });
  deps.metrics.onDelivery(item.channel.name, resultOf(why), 1);
}

function resultOf(why: NotDelivered): DeliveryResult {
  switch (why) {
    case "deadline":
    case "too-old":
      return "late";
    case "refused":
      return "refused";
    case "withdrawn":
      return "withdrawn";
    case "quiet-hours":
      return "quiet";
  }
}

/** Turn after turn until it is halted; one that fails is said, and repeated after a pause that grows while they fail. */
export async function untilHalted(
  { log }: Pick<LaneDeps, "log">,
  halt: Halt,
  place: { readonly partition: PartitionIndex; readonly channel?: string },
  turn: () => Promise<void>,
): Promise<void> {
  for (let failures = 0; !halt.isHalted(); ) {
    try {
      await turn();
      failures = 0;
    } catch (error) {
      if (halt.isHalted()) return;
      log.warn("dispatch failed, will be repeated", { ...place, why: wordsOf(error) });
      await halt.sleep(backoffMs(failures++));
    }
  }
}

/** Doubles from 50 ms to 2 s. */
export function backoffMs(failures: number): number {
  return Math.min(2_000, 50 * 2 ** Math.min(failures, 10));
}

export function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
