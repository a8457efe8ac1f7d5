// How many entries one read of a stream may ask for. XRANGE and XREAD count entries and not bytes, and a reply that takes longer than a
// connection may be silent closes it: whoever makes the same read again fails again. So the first read is small, the next ones are
// larger as long as what came was small, and after a read that failed they stay small for a while.
import type { PartitionIndex } from "../domain/ids.ts";
import type { RawEntry } from "./journal.ts";
import { RedisTrouble } from "./redis.ts";

interface PageSizeBounds {
  /** Of one reply, about: with entries like those that came last. One entry may be larger. */
  readonly bytesMax: number;
  /** For so long after a read that failed none asks for more than a quarter of what that one did, ms. */
  readonly carefulMs: number;
}

export interface PageSize {
  /** Entries that the next read may ask for: 1 to `countMax`. */
  readonly next: (countMax: number) => number;
  /** What a read that asked for so many has brought. */
  readonly learn: (asked: number, entries: readonly RawEntry[]) => void;
  /** Nobody knows what it would have brought. */
  readonly failed: (asked: number) => void;
}

interface Page {
  readonly entries: readonly RawEntry[];
  /** Fewer than were asked for: there are no more just now. */
  readonly isEnd: boolean;
}

const FIRST = 16;
/** Recovery begins at the same place each time, and may meet what failed only after a long way. */
const CAREFUL_MS = 600_000;
const BYTES_MAX = 16_777_216;

export function createPageSize(bounds: Partial<PageSizeBounds> = {}): PageSize {
  const { bytesMax = BYTES_MAX, carefulMs = CAREFUL_MS } = bounds;
  let grown = FIRST;
  let entryBytes = 1;
  let careful = { most: Number.POSITIVE_INFINITY, until: 0 };
  return {
    next: (countMax) => {
      if (performance.now() > careful.until) careful = { most: Number.POSITIVE_INFINITY, until: 0 };
      return Math.max(1, Math.min(countMax, grown, careful.most, Math.floor(bytesMax / entryBytes)));
    },
    learn: (asked, entries) => {
      if (entries.length === 0) return;
      // Up at once, down by and by.
      entryBytes = Math.max(1, bytesOf(entries) / entries.length, entryBytes * 0.9);
      // So many small ones do not tell of many more.
      if (entries.length === asked) grown = Math.max(grown, asked * 2);
    },
    failed: (asked) => {
      grown = FIRST;
      careful = { most: Math.max(1, Math.floor(asked / 4)), until: performance.now() + carefulMs };
    },
  };
}

/** One for each input log. */
export type PageSizes = (partition: PartitionIndex) => PageSize;

export function createPageSizes(): PageSizes {
  const sizes = new Map<PartitionIndex, PageSize>();
  return (partition) => {
    const size = sizes.get(partition) ?? createPageSize();
    sizes.set(partition, size);
    return size;
  };
}

/** Reads a page of at most `countMax` and learns from it. Rejects as `read` does. */
export async function readPage(
  size: PageSize,
  countMax: number,
  read: (count: number) => Promise<readonly RawEntry[]>,
): Promise<Page> {
  const count = size.next(countMax);
  try {
    const entries = await read(count);
    size.learn(count, entries);
    return { entries, isEnd: entries.length < count };
  } catch (error) {
    if (error instanceof RedisTrouble) size.failed(count);
    throw error;
  }
}

/** Page after page, until there are `countMax`, or more than `bytesMax`, or no more. */
export async function readPages(
  size: PageSize,
  countMax: number,
  read: (count: number, last: RawEntry | undefined) => Promise<readonly RawEntry[]>,
  bytesMax = BYTES_MAX,
): Promise<readonly RawEntry[]> {
  const found: RawEntry[] = [];
  for (let bytes = 0; found.length < countMax && bytes < bytesMax; ) {
    const page = await readPage(size, countMax - found.length, (count) => read(count, found.at(-1)));
    for (const entry of page.entries) found.push(entry);
    if (page.isEnd) break;
    bytes += bytesOf(page.entries);
  }
  return found;
}

/** Of the names and values. */
export function bytesOf(entries: readonly RawEntry[]): number {
  let bytes = 0;
  for (const { fields } of entries) for (const field of fields) bytes += field.length;
  return bytes;
}
