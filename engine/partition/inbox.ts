// What was read from the input logs and not folded yet: bounded, so that a backlog stays in Redis.
import type { PartitionIndex } from "../domain/ids.ts";
import type { LogReader } from "../ingest/log-reader.ts";
import type { RawEntry } from "../journal/journal.ts";

export interface Inbox {
  /** About `entriesMax` entries, whole reads, by partition, each in the order of its log. */
  readonly take: (entriesMax: number) => ReadonlyMap<PartitionIndex, readonly RawEntry[]>;
  /** What was taken last and has to wait for the next step. */
  readonly giveBack: (entries: ReadonlyMap<PartitionIndex, readonly RawEntry[]>) => void;
  /** Clock of the process when this partition last had an entry; when the inbox was made, before that. */
  readonly lastEntryAt: (partition: PartitionIndex) => number;
}

export interface InboxOptions {
  readonly reader: LogReader;
  /** Where more than this wait, nothing more is read. */
  readonly entriesMax: number;
  readonly clock: () => number;
  readonly wake: () => void;
  readonly onTrouble: (why: string) => void;
}

export function createInbox({ reader, entriesMax, clock, wake, onTrouble }: InboxOptions): Inbox {
  let batches: { partition: PartitionIndex; entries: readonly RawEntry[] }[] = [];
  let waiting = 0;
  let resume: (() => void) | undefined;
  const madeAt = clock();
  const lastEntryAt = new Map<PartitionIndex, number>();
  const pump = async (): Promise<void> => {
    for (;;) {
      const read = await reader.next();
      for (const batch of read) {
        batches.push(batch);
        waiting += batch.entries.length;
        lastEntryAt.set(batch.partition, clock());
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
  const giveBack: Inbox["giveBack"] = (left) => {
    for (const [partition, entries] of left) {
      batches.unshift({ partition, entries });
      waiting += entries.length;
    }
  };
  return { take, giveBack, lastEntryAt: (partition) => lastEntryAt.get(partition) ?? madeAt };
}
