// What was read from the input logs and not folded yet: bounded, so that a backlog stays in Redis. Of each partition it holds
// an unbroken run behind the position at which the partition joined, whatever a reader brings late, twice or of before.
import { comparePositions, type PartitionIndex, type Position } from "../domain/ids.ts";
import type { LogReader } from "../ingest/log-reader.ts";
import type { RawEntry } from "../journal/journal.ts";
import { bytesOf } from "../journal/page-size.ts";

export interface Inbox {
  /** Reads what comes after this position of its log. */
  readonly join: (partition: PartitionIndex, after: Position) => void;
  /** What is appended to its log now comes at once. */
  readonly isRead: (partition: PartitionIndex) => boolean;
  /** Of this partition nothing is read or taken any more. */
  readonly forget: (partition: PartitionIndex) => void;
  /** About `entriesMax` entries, whole reads, by partition, each in the order of its log. */
  readonly take: (entriesMax: number) => ReadonlyMap<PartitionIndex, readonly RawEntry[]>;
  /** What was taken last and has to wait for the next step. */
  readonly giveBack: (entries: ReadonlyMap<PartitionIndex, readonly RawEntry[]>) => void;
  /** It was asked to decide just now. */
  readonly onAsked: (partition: PartitionIndex) => void;
  /** Clock of the process when this partition last had an entry or an ask; when it joined, before that. */
  readonly lastWorkAt: (partition: PartitionIndex) => number;
}

export interface InboxOptions {
  readonly reader: LogReader;
  /** Where more than this wait, nothing more is read. */
  readonly entriesMax: number;
  /** The same, in bytes of their fields. */
  readonly bytesMax: number;
  readonly clock: () => number;
  readonly wake: () => void;
  readonly onTrouble: (why: string) => void;
}

interface Waiting {
  readonly partition: PartitionIndex;
  readonly entries: readonly RawEntry[];
  readonly bytes: number;
}

export function createInbox({ reader, entriesMax, bytesMax, clock, wake, onTrouble }: InboxOptions): Inbox {
  let batches: Waiting[] = [];
  let waiting = 0;
  let waitingBytes = 0;
  const isFull = (): boolean => waiting >= entriesMax || waitingBytes >= bytesMax;
  let resume: (() => void) | undefined;
  const readUpTo = new Map<PartitionIndex, Position>();
  const lastWorkAt = new Map<PartitionIndex, number>();
  const put = (partition: PartitionIndex, after: Position, entries: readonly RawEntry[]): void => {
    const upTo = readUpTo.get(partition);
    if (upTo === undefined || comparePositions(after, upTo) > 0) return;
    const first = entries[0];
    const isAllFresh = first !== undefined && comparePositions(first.position, upTo) > 0;
    const fresh = isAllFresh ? entries : entries.filter(({ position }) => comparePositions(position, upTo) > 0);
    const last = fresh.at(-1);
    if (last === undefined) return;
    readUpTo.set(partition, last.position);
    const bytes = bytesOf(fresh);
    batches.push({ partition, entries: fresh, bytes });
    waiting += fresh.length;
    waitingBytes += bytes;
    lastWorkAt.set(partition, clock());
  };
  const pump = async (): Promise<void> => {
    for (;;) {
      const read = await reader.next();
      for (const { partition, after, entries } of read) put(partition, after, entries);
      if (waiting > 0) wake();
      if (isFull()) await new Promise<void>((resolve) => (resume = resolve));
    }
  };
  pump().catch((error: unknown) => onTrouble(error instanceof Error ? error.message : String(error)));
  const recount = (): void => {
    waiting = batches.reduce((sum, { entries }) => sum + entries.length, 0);
    waitingBytes = batches.reduce((sum, { bytes }) => sum + bytes, 0);
    if (!isFull()) resume?.();
  };
  const take = (countMax: number): ReadonlyMap<PartitionIndex, readonly RawEntry[]> => {
    const taken = new Map<PartitionIndex, RawEntry[]>();
    let count = 0;
    let at = 0;
    for (; at < batches.length && count < countMax; at++) {
      const { partition, entries } = batches[at] as Waiting;
      const list = taken.get(partition);
      if (list === undefined) taken.set(partition, [...entries]);
      else for (const entry of entries) list.push(entry);
      count += entries.length;
    }
    batches = at === batches.length ? [] : batches.slice(at);
    recount();
    return taken;
  };
  return {
    join: (partition, after) => {
      readUpTo.set(partition, after);
      lastWorkAt.set(partition, clock());
      reader.add(partition, after);
    },
    isRead: reader.isRead,
    forget: (partition) => {
      reader.remove(partition);
      readUpTo.delete(partition);
      lastWorkAt.delete(partition);
      batches = batches.filter((batch) => batch.partition !== partition);
      recount();
    },
    take,
    giveBack: (left) => {
      for (const [partition, entries] of left) {
        batches.unshift({ partition, entries, bytes: bytesOf(entries) });
      }
      recount();
    },
    onAsked: (partition) => void lastWorkAt.set(partition, clock()),
    lastWorkAt: (partition) => lastWorkAt.get(partition) ?? 0,
  };
}
