// The input log of a partition as it is read again: page by page, each entry in its turn, and whom it names in memory before it is folded.
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey, Position } from "../domain/ids.ts";
import { comparePositions, positionMs } from "../domain/ids.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import type { RawEntry } from "../journal/journal.ts";
import { loadProfiles } from "./load-profiles.ts";
import type { Partition } from "./partition.ts";
import type { RecoverContext } from "./recover.ts";

type LogCursorContext = Pick<RecoverContext, "journal" | "learnLayout" | "partitions">;

const PAGE = 1_000;

export interface LogCursor {
  /** Entries after the partition's position up to and including this one. */
  readonly upTo: (position: Position) => Promise<readonly LogEntry[]>;
}

export function createLogCursor(context: LogCursorContext, partition: Partition): LogCursor {
  let page: readonly RawEntry[] = [];
  let next = 0;
  let after = partition.position;
  const upTo = async (position: Position): Promise<readonly LogEntry[]> => {
    const entries: LogEntry[] = [];
    for (;;) {
      for (; next < page.length; next++) {
        const raw = page[next] as RawEntry;
        if (comparePositions(raw.position, position) > 0) return entries;
        entries.push(decodeInto(partition, raw, context.partitions));
        after = raw.position;
      }
      if (comparePositions(after, position) >= 0) return entries;
      page = await context.journal.entries(partition.index, after, undefined, PAGE);
      next = 0;
      if (page.length === 0) {
        throw new Error(
          `partition ${partition.index}: the input log ends at ${after}, but a commit reflects ${position}`,
        );
      }
      await loadNamed(context, partition, page);
    }
  };
  return { upTo };
}

/** The profiles that these entries name, at once. */
async function loadNamed(context: LogCursorContext, partition: Partition, page: readonly RawEntry[]): Promise<void> {
  const { index, skewMs } = partition;
  const keys = new Set<CustomerKey>();
  for (const { position, fields } of page) {
    addKey(keys, decodeLogEntry(position, fields, { partition: index, partitions: context.partitions, skewMs }));
  }
  await loadProfiles(context, partition, keys);
}

/** Decodes an entry and moves the partition's clock with it. Must see every entry, in order. */
export function decodeInto(partition: Partition, raw: RawEntry, partitions: number): LogEntry {
  const entry = decodeLogEntry(raw.position, raw.fields, {
    partition: partition.index,
    partitions,
    skewMs: partition.skewMs,
  });
  if (entry.movesClock) partition.skewMs = entry.arrivedAt - positionMs(entry.position);
  return entry;
}

/** As `addKey`, of whom nothing is in memory. Nearly every entry is an event of somebody who is. */
export function addMissing(keys: Set<CustomerKey>, { store }: Partition, entry: LogEntry): void {
  if (entry.kind !== "event") addKey(keys, entry);
  else if (!store.has(entry.event.key)) keys.add(entry.event.key);
}

export function addKey(keys: Set<CustomerKey>, entry: LogEntry): void {
  switch (entry.kind) {
    case "event":
      keys.add(entry.event.key);
      return;
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
    case "merge":
      keys.add(entry.key);
      return;
    case "seal":
      keys.add(entry.anonymous);
      return;
    case "erase":
      keys.add(entry.key);
      return;
    case "activation":
    case "erased":
    case "dead":
      return;
  }
}
