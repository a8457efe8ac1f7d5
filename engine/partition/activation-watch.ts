import { encodeActivation } from "../ingest/log-entry.ts";
import type { Log } from "../observe/log.ts";
import { type Activation, lastActivation } from "./activations.ts";
import type { Partition } from "./partition.ts";
import { sayUnlessClosed } from "./say-unless-closed.ts";
import type { Session } from "./session.ts";

/**
 * Tells partitions of this process whose log was not told of the last activation. A log may just be long, so one is told
 * only where it lagged at the look before, too, and once: telling it again changes nothing.
 */
export function startActivationWatch(session: Session, everyMs: number, log: Log): () => void {
  let lagging: ReadonlySet<Partition> = new Set();
  let seen: Activation["entry"];
  const told = new Set<Partition>();
  let isLooking = false;
  const look = async (): Promise<void> => {
    const last = await lastActivation(session.connection);
    if (last === undefined) return;
    const isNew = last.entry !== seen;
    seen = last.entry;
    if (isNew) told.clear();
    if (last.hash !== session.latest.active.hash) session.latest.active = await session.library.get(last.hash);
    const behind = session.partitions.filter(({ active }) => active.hash !== last.hash);
    for (const partition of behind) {
      if (isNew || !lagging.has(partition) || told.has(partition)) continue;
      log.warn("a partition was not told of the last activation", { partition: partition.index, rulebook: last.hash });
      await session.journal.append(partition.index, encodeActivation(last.hash, last.by));
      told.add(partition);
    }
    lagging = new Set(behind);
  };
  const timer = setInterval(() => {
    if (isLooking || session.connection.isClosed()) return;
    isLooking = true;
    look()
      .catch((error: unknown) => sayUnlessClosed(session, log, "the last activation could not be looked up", error))
      .finally(() => {
        isLooking = false;
      });
  }, everyMs);
  return () => clearInterval(timer);
}
