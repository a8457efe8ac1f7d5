// How much waits: in the input logs of the partitions, in the named streams before the front door, for dispatch.
import { comparePositions } from "../domain/ids.ts";
import { NAMED_STREAMS } from "../ingest/front-door.ts";
import { entriesOf } from "../journal/base.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Partition } from "./partition.ts";
import type { Session } from "./session.ts";

const EVERY_MS = 2_000;

/** Looks every two seconds, on the connection of the session. Returns how to stop it. */
export function watchPending(
  metrics: Metrics,
  session: Session,
  dispatching: () => number,
  log: Log,
  everyMs = EVERY_MS,
): () => void {
  const set = (partition: string, stream: string, count: number): void => {
    metrics.streamPending.set(metrics.streamPending.slot(partition, stream), count);
  };
  const look = async (): Promise<void> => {
    for (const partition of session.partitions) {
      const { added } = await session.journal.logState(partition.index);
      if (added === undefined) continue;
      if (added > entriesOf(partition.counts)) await countLost(session, partition, added, metrics, log);
      set(String(partition.index), "events", Math.max(0, added - entriesOf(partition.counts)));
    }
    for (const stream of NAMED_STREAMS) set("", stream, Number(await session.connection.command(["XLEN", stream])));
    set("", "dispatch", dispatching());
  };
  const looking = setInterval(() => {
    look().catch((error: Error) => log.debug("what waits could not be counted", { why: error.message }));
  }, everyMs);
  return () => clearInterval(looking);
}

/**
 * Where all is folded up to the end of a log, and still fewer entries were than it ever took, somebody else has trimmed or
 * deleted them under the engine. Nobody can bring them back; it is said, and counted, so that the number of those to come is right.
 */
async function countLost(
  { journal, owned }: Session,
  partition: Partition,
  added: number,
  metrics: Metrics,
  log: Log,
): Promise<void> {
  const end = await journal.lastEntry(partition.index);
  const lost = added - entriesOf(partition.counts);
  if (lost <= 0 || comparePositions(end, partition.position) > 0 || owned(partition.index) !== partition) return;
  partition.counts.lost = (partition.counts.lost ?? 0) + lost;
  metrics.entriesLost.add(metrics.entriesLost.slot(String(partition.index), "events"), lost);
  log.error("entries of an input log were trimmed or deleted by somebody else before they were folded: they are lost", {
    partition: partition.index,
    entries: lost,
    upTo: partition.position,
  });
}
