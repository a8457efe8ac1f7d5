// For producers that do not hash: named streams, each with one mover to the input logs, over all engines.
import type { DeadReason } from "../domain/event.ts";
import type { RedisConnection } from "../journal/redis.ts";
import { createMover, type MovedCounts } from "./mover.ts";

export const NAMED_STREAMS = ["clickstream", "transactions", "outcomes"] as const;

export interface FrontDoorOptions {
  /** One attempt; five connections for a stream that is moved here, one while another engine moves it. Their silenceMs must exceed a second, for which a read may block. */
  readonly connect: () => Promise<RedisConnection>;
  readonly partitions: number;
  /** The engine: it takes one lease for each stream. */
  readonly owner: string;
  readonly leaseMs: number;
  /** An engine that runs no more, for certain: its leases are not waited for. */
  readonly isGone?: (owner: string) => boolean;
  readonly streams?: readonly string[];
  readonly log: Record<"warn" | "error", (facts: object, message: string) => void>;
  readonly metrics?: {
    readonly dead: (stream: string, reason: DeadReason) => void;
    /** Entries that somebody else trimmed or deleted before they were moved. */
    readonly lost: (stream: string, entries: number) => void;
  };
  /** Entries in one step. */
  readonly batchMax?: number;
  /**
   * Backpressure: while a log that was appended to holds more entries than this, nothing more is moved. Retention must
   * keep logs shorter than that, or the door stays shut.
   */
  readonly logLengthMax?: number;
  /** Between two looks at what was lost, while entries come without a pause. */
  readonly lookMs?: number;
}

export interface FrontDoor {
  /** Once. */
  readonly start: () => void;
  /** Settles when nothing is being moved any more. */
  readonly stop: () => Promise<void>;
  /** One for each stream. */
  readonly moved: () => readonly MovedCounts[];
}

const BATCH_MAX = 1_000;
const LOG_LENGTH_MAX = 5_000_000;

export function createFrontDoor(options: FrontDoorOptions): FrontDoor {
  const movers = (options.streams ?? NAMED_STREAMS).map((stream) =>
    createMover({
      stream,
      partitions: options.partitions,
      owner: options.owner,
      leaseMs: options.leaseMs,
      ...(options.isGone === undefined ? {} : { isGone: options.isGone }),
      connect: options.connect,
      onTrouble: (name, why) => options.log.warn({ stream: name, why }, "front door: trying again"),
      onDead: (name, reason) => options.metrics?.dead(name, reason),
      onLost: (name, entries) => {
        options.metrics?.lost(name, entries);
        options.log.error(
          { stream: name, entries },
          "entries of a named stream were trimmed or deleted by somebody else before they were moved: they are lost",
        );
      },
      batchMax: options.batchMax ?? BATCH_MAX,
      logLengthMax: options.logLengthMax ?? LOG_LENGTH_MAX,
      ...(options.lookMs === undefined ? {} : { lookMs: options.lookMs }),
    }),
  );
  let running: readonly Promise<void>[] = [];
  return {
    start: () => {
      running = movers.map((mover) => mover.run());
    },
    stop: async () => {
      for (const mover of movers) mover.stop();
      await Promise.all(running);
    },
    moved: () => movers.map((mover) => mover.moved()),
  };
}
