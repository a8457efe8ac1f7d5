// How much waits: in the input logs of the partitions, in the named streams before the front door, for dispatch.
import { NAMED_STREAMS } from "../ingest/front-door.ts";
import type { Log } from "../observe/log.ts";
import type { Metrics } from "../observe/metrics.ts";
import type { Session } from "./session.ts";

const EVERY_MS = 2_000;

/** Looks every two seconds, on the connection of the session. Returns how to stop it. */
export function watchPending(metrics: Metrics, session: Session, dispatching: () => number, log: Log): () => void {
  const set = (partition: string, stream: string, count: number): void => {
    metrics.streamPending.set(metrics.streamPending.slot(partition, stream), count);
  };
  const look = async (): Promise<void> => {
    for (const { index, counts } of session.partitions) {
      const { added } = await session.journal.logState(index);
      const taken = counts.folded + counts.duplicate + counts.dead + counts.internal;
      if (added !== undefined) set(String(index), "events", Math.max(0, added - taken));
    }
    for (const stream of NAMED_STREAMS) set("", stream, Number(await session.connection.command(["XLEN", stream])));
    set("", "dispatch", dispatching());
  };
  const looking = setInterval(() => {
    look().catch((error: Error) => log.debug("what waits could not be counted", { why: error.message }));
  }, EVERY_MS);
  return () => clearInterval(looking);
}
