// How many entries of each log one read may ask for: XREAD counts by stream, and memory is one. So that a backlog of large
// entries in all logs at once stays in Redis, also before anybody knows how large they are: whoever asks for too much gets no answer
// in time, and would ask again.
import type { RawEntry } from "../journal/journal.ts";
import { bytesOf } from "../journal/page-size.ts";

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
/** Of all logs together, at first: of each at least one. */
const ENTRIES_FIRST = 64;

export function createReadCount({ countMax, entriesMax, bytesMax }: ReadCountBounds): ReadCount {
  let entryBytes = 1;
  let grown = ENTRIES_FIRST;
  let asked = 0;
  return {
    of: (logs) => {
      asked = countOf(logs);
      return asked;
    },
    learn: (entries) => {
      if (entries.length === 0) return;
      const mean = bytesOf(entries) / entries.length;
      // Up at once, down by and by.
      entryBytes = Math.max(1, mean, entryBytes * 0.9);
      // As many as one log was asked for: there may be more of them, and these tell how large they are.
      if (entries.length >= asked) grown = Math.min(entriesMax, grown * 2);
    },
  };

  function countOf(logs: number): number {
    const byEntries = Math.max(COUNT_MIN, Math.floor(entriesMax / logs));
    const byBytes = Math.max(1, Math.floor(bytesMax / (logs * entryBytes)));
    const byGrowth = Math.max(1, Math.floor(grown / logs));
    // Where it is as large as it can be, the bound for many logs counts.
    return Math.min(countMax, byEntries, byBytes, grown < entriesMax ? byGrowth : byEntries);
  }
}
