import { encodeActivation } from "../ingest/log-entry.ts";
import type { Log } from "../observe/log.ts";
import { type Activation, lastActivation } from "./activations.ts";
import type { Partition } from "./partition.ts";
import type { Session } from "./session.ts";

/**
 * Tells partitions of this process whose log was not told of the last activation. A log may just be long, so one is told
 * only where it lagged at the look before, too, and once: telling it again changes nothing.
 */
export function startActivationWatch(
  session: Session,
  everyMs: number,
  log: Log,
  onTrouble: (why: string) => void,
): () => void {
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
    const behind = session.partitions.filter(({ active }) => active.hash !== last.hash);
    for (const partition of behind) {
      if (isNew || !lagging.has(partition) || told.has(partition)) continue;
      told.add(partition);
      log.warn("a partition was not told of the last activation", { partition: partition.index, rulebook: last.hash });
      await session.journal.append(partition.index, encodeActivation(last.hash, last.by));
    }
    lagging = new Set(behind);
  };
  const timer = setInterval(() => {
    if (isLooking) return;
    isLooking = true;
    look()
      .catch((error: unknown) => onTrouble(error instanceof Error ? error.message : String(error)))
      .finally(() => {
        isLooking = false;
      });
  }, everyMs);
  return () => clearInterval(timer);
}
