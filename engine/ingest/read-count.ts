// How many entries of each log one read may ask for: XREAD counts by stream, and memory is one. So that a backlog of large
// entries in all logs at once stays in Redis.
import type { RawEntry } from "../journal/journal.ts";

export interface ReadCountBounds {
  /** Of one log. */
  readonly countMax: number;
  /** About, of all logs together. */
  readonly entriesMax: number;
  readonly bytesMax: number;
}

export interface ReadCount {
  readonly of: (logs: number) => number;
  /** What a read has brought: the next one reckons with entries of that size. */
  readonly learn: (entries: readonly RawEntry[]) => void;
}

/** A log among very many still gets so many. */
const COUNT_MIN = 8;

export function createReadCount({ countMax, entriesMax, bytesMax }: ReadCountBounds): ReadCount {
  let entryBytes = 1;
  return {
    of: (logs) => {
      const byEntries = Math.max(COUNT_MIN, Math.floor(entriesMax / logs));
      const byBytes = Math.max(1, Math.floor(bytesMax / (logs * entryBytes)));
      return Math.min(countMax, byEntries, byBytes);
    },
    learn: (entries) => {
      if (entries.length === 0) return;
      const mean = bytesOf(entries) / entries.length;
      // Up at once, down by and by.
      entryBytes = Math.max(1, mean, entryBytes * 0.9);
    },
  };
}

export function bytesOf(entries: readonly RawEntry[]): number {
  let bytes = 0;
  for (const { fields } of entries) for (const field of fields) bytes += field.length;
  return bytes;
}
