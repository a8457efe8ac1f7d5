// What was read from the input logs and not folded yet: bounded, so that a backlog stays in Redis.
import type { PartitionIndex } from "../domain/ids.ts";
import type { LogReader } from "../ingest/log-reader.ts";
import type { RawEntry } from "../journal/journal.ts";

export interface Inbox {
  /** About `entriesMax` entries, whole reads, by partition, each in the order of its log. */
  readonly take: (entriesMax: number) => ReadonlyMap<PartitionIndex, readonly RawEntry[]>;
  /** Clock of the process when this partition last had an entry; when the inbox was made, before that. */
  readonly lastEntryAt: (partition: PartitionIndex) => number;
}

export function createInbox(
  reader: LogReader,
  entriesMax: number,
  wake: () => void,
  onTrouble: (why: string) => void,
): Inbox {
  let batches: { partition: PartitionIndex; entries: readonly RawEntry[] }[] = [];
  let waiting = 0;
  let resume: (() => void) | undefined;
  const madeAt = Date.now();
  const lastEntryAt = new Map<PartitionIndex, number>();
  const pump = async (): Promise<void> => {
    for (;;) {
      const read = await reader.next();
      for (const batch of read) {
        batches.push(batch);
        waiting += batch.entries.length;
        lastEntryAt.set(batch.partition, Date.now());
      }
      if (read.length > 0) wake();
      if (waiting >= entriesMax) await new Promise<void>((resolve) => (resume = resolve));
    }
  };
  pump().catch((error: unknown) => onTrouble(error instanceof Error ? error.message : String(error)));
  const take = (countMax: number): ReadonlyMap<PartitionIndex, readonly RawEntry[]> => {
    const taken = new Map<PartitionIndex, RawEntry[]>();
    let count = 0;
    let at = 0;
    for (; at < batches.length && count < countMax; at++) {
      const { partition, entries } = batches[at] as (typeof batches)[number];
      const list = taken.get(partition);
      if (list === undefined) taken.set(partition, [...entries]);
      else for (const entry of entries) list.push(entry);
      count += entries.length;
    }
    batches = at === batches.length ? [] : batches.slice(at);
    waiting -= count;
    if (waiting < entriesMax) resume?.();
    return taken;
  };
  return { take, lastEntryAt: (partition) => lastEntryAt.get(partition) ?? madeAt };
}
