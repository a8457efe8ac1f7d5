// A batch of a named stream, by where each of its entries goes.
import type { DeadReason } from "../domain/event.ts";
import type { PartitionIndex } from "../domain/ids.ts";
import type { RawEntry } from "../journal/journal.ts";
import type { SourceEntry } from "./append-once.ts";
import { routeEntry } from "./route.ts";

/** In the order of the stream within each log, and among the letters. */
export interface SortedEntries {
  /** Their fields follow those that `logFields` gives. */
  readonly logs: ReadonlyMap<PartitionIndex, readonly SourceEntry[]>;
  readonly letters: readonly SourceEntry[];
  /** One for each letter. */
  readonly reasons: readonly DeadReason[];
}

export function sortEntries(entries: readonly RawEntry[], stream: string, partitions: number): SortedEntries {
  const logs = new Map<PartitionIndex, SourceEntry[]>();
  const letters: SourceEntry[] = [];
  const reasons: DeadReason[] = [];
  for (const entry of entries) {
    const route = routeEntry(entry, stream, partitions);
    const moved = { id: entry.position, fields: route.fields };
    if (route.kind === "dead") {
      letters.push(moved);
      reasons.push(route.reason);
      continue;
    }
    const log = logs.get(route.partition);
    if (log === undefined) logs.set(route.partition, [moved]);
    else log.push(moved);
  }
  return { logs, letters, reasons };
}
