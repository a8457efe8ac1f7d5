// Retention of what a session owns, with its metrics and its lines in the log.
import type { PartitionIndex } from "../domain/ids.ts";
import type { RedisConnection } from "../journal/redis.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import { nowOf } from "../partition/recover.ts";
import type { Session } from "../partition/session.ts";
import { createArchive } from "./archive.ts";
import { ArchiveTrouble, type Turn } from "./retain-turn.ts";
import type { Retention } from "./retention.ts";
import { type RetentionOptions, startRetention } from "./start-retention.ts";

export interface RetainSessionOptions extends Pick<RetentionOptions, "alone" | "pollMs" | "restMs" | "lingerMs"> {
  readonly connect: () => Promise<RedisConnection>;
  readonly retention: Retention;
  /** Undefined: what is trimmed is gone. */
  readonly archiveDir: string | undefined;
  readonly clock: () => number;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "trimmed" | "archiveBytes" | "archiveFailures" | "retentionLateSeconds">;
}

const TELL_EVERY_MS = 60_000;

/** Returns how to stop it; settles when no turn is under way any more. */
export function retainSession(
  session: Pick<Session, "context" | "partitions">,
  options: RetainSessionOptions,
): () => Promise<void> {
  const { archiveDir, clock, log, metrics } = options;
  const { seed, partitions } = session.context;
  const archive = archiveDir === undefined ? undefined : createArchive(archiveDir, { seed, partitions });
  const lateMs = new Map<PartitionIndex, number>();
  const tell = createTelling(log);
  const onTurn = (partition: PartitionIndex, turn: Turn): void => {
    const { trimmed, archivedBytes, refused, excessBytes } = turn;
    const count = (stream: "events" | "journal" | "decisions" | "dead", dropped: number): void =>
      metrics.trimmed.add(metrics.trimmed.slot(stream), dropped);
    count("events", trimmed.entries);
    count("journal", trimmed.commits);
    count("decisions", trimmed.decisions);
    count("dead", trimmed.dead);
    metrics.archiveBytes.add(metrics.archiveBytes.slot(), archivedBytes);
    lateMs.set(partition, turn.lateMs);
    for (const known of lateMs.keys())
      if (!session.partitions.some(({ index }) => index === known)) lateMs.delete(known);
    metrics.retentionLateSeconds.set(metrics.retentionLateSeconds.slot(), Math.max(0, ...lateMs.values()) / 1_000);
    if (refused !== undefined) tell("nothing was trimmed", { partition, why: refused });
    if (excessBytes > 0) {
      tell("a partition holds more bytes than RETENTION gives it, and needs all of them still", {
        partition,
        excessBytes,
      });
    }
  };
  const { connect, retention, alone, pollMs, restMs, lingerMs } = options;
  return startRetention({
    connect,
    retention,
    partitions,
    archive,
    owned: () =>
      session.partitions.map((partition) => {
        const { index, token } = partition;
        return { index, token, now: nowOf(partition, clock) };
      }),
    clock,
    onTurn,
    onFailure: (partition, error) => {
      const why = error instanceof Error ? error.message : String(error);
      if (error instanceof ArchiveTrouble) {
        metrics.archiveFailures.add(metrics.archiveFailures.slot(), 1);
        tell("the archive takes nothing, so nothing is trimmed: Redis grows until it does", { partition, why });
      } else tell("nothing was trimmed", { partition, why });
    },
    ...(alone === undefined ? {} : { alone }),
    ...(pollMs === undefined ? {} : { pollMs }),
    ...(restMs === undefined ? {} : { restMs }),
    ...(lingerMs === undefined ? {} : { lingerMs }),
  });
}

/** The same message once a minute at most: what goes wrong here goes wrong for each partition and turn. */
function createTelling(log: Log): (message: string, facts: Record<string, string | number>) => void {
  const toldAt = new Map<string, number>();
  return (message, facts) => {
    const at = performance.now();
    if (at - (toldAt.get(message) ?? Number.NEGATIVE_INFINITY) < TELL_EVERY_MS) return;
    toldAt.set(message, at);
    log.warn(message, facts);
  };
}
