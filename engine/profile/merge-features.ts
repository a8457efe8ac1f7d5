// Two records of one layout as one, as if every event had been folded into the first: registers by kind, tracks pane by pane.
//
//   into   | p3 | p5 | p8 |          missing = 2 (p4, p9)
//   from   | p4 | p5 | p9 |
//   merged | p3 | p4 | p5 | p8 | p9 |      from the newest back, in place: what is moved is never overwritten before
//
// Counts, distinct, min and max come out exactly; sums and decays are floating point and differ in their last bits.
import { BITMAP_WORDS } from "./distinct.ts";
import { type MakeRoom, panesMax } from "./fold.ts";
import type { Layout } from "./layout.ts";
import { type Cursor, panesOf, shift, trackAt, writePanes } from "./record.ts";
import type { Register, Track } from "./shape.ts";

/**
 * Adds what `from` has counted to `into`; both are of this layout. `arrivedAt`, the log's time of the merge, says which
 * panes have expired. Of two last values of the same instant that of `into` stays.
 */
export function mergeFeatures(into: Cursor, from: Cursor, layout: Layout, arrivedAt: number, makeRoom: MakeRoom): void {
  const halfLives = halfLivesOf(layout);
  for (const register of layout.registers) mergeRegister(into, from, register, halfLives.get(register.at) ?? 0);
  for (const track of layout.tracks) mergeTrack(into, from, layout, track, arrivedAt, makeRoom);
}

/** Cell of a decaying register -> its half-life. */
function halfLivesOf({ readersByType, readersOfAny }: Layout): ReadonlyMap<number, number> {
  const readers = [...readersOfAny, ...[...readersByType.values()].flat()];
  return new Map(readers.flatMap(({ registers }) => registers.map(({ at, halfLifeMs }) => [at, halfLifeMs] as const)));
}

function mergeRegister(into: Cursor, from: Cursor, register: Register, halfLifeMs: number): void {
  const { f64, u32 } = into.chunk;
  const other = from.chunk.f64;
  const at = into.base + register.at;
  const source = from.base + register.at;
  const add = (cell: number): void => {
    f64[at + cell] = (f64[at + cell] as number) + (other[source + cell] as number);
  };
  switch (register.kind) {
    case "count":
    case "sum":
      add(0);
      return;
    case "mean":
      add(0);
      add(1);
      return;
    case "min":
      f64[at] = Math.min(f64[at] as number, other[source] as number);
      return;
    case "max":
    case "latest":
      f64[at] = Math.max(f64[at] as number, other[source] as number);
      return;
    case "distinct":
      joinBits(u32, at * 2, from.chunk.u32, source * 2);
      return;
    case "decay-count":
    case "decay-sum":
      mergeDecay(f64, at, other, source, 1, halfLifeMs);
      return;
    case "decay-mean":
      mergeDecay(f64, at, other, source, 2, halfLifeMs);
      return;
    case "last":
      if ((other[source] as number) <= (f64[at] as number)) return;
      f64[at] = other[source] as number;
      f64[at + 1] = other[source + 1] as number;
      return;
  }
}

/** Both are brought to the newer of the two times of reference, then added. */
function mergeDecay(
  f64: Float64Array,
  at: number,
  other: Float64Array,
  source: number,
  values: number,
  halfLifeMs: number,
): void {
  const own = f64[at] as number;
  const theirs = other[source] as number;
  if (theirs === Number.NEGATIVE_INFINITY) return;
  const reference = Math.max(own, theirs);
  const ownFactor = own === Number.NEGATIVE_INFINITY ? 0 : 2 ** ((own - reference) / halfLifeMs);
  const theirFactor = 2 ** ((theirs - reference) / halfLifeMs);
  f64[at] = reference;
  for (let cell = 1; cell <= values; cell++) {
    f64[at + cell] = (f64[at + cell] as number) * ownFactor + (other[source + cell] as number) * theirFactor;
  }
}

function mergeTrack(
  into: Cursor,
  from: Cursor,
  layout: Layout,
  track: Track,
  arrivedAt: number,
  makeRoom: MakeRoom,
): void {
  const { rowCells } = track;
  const oldest = Math.floor(arrivedAt / track.paneMs) - track.panes + 1;
  const first = trackAt(into, layout, track.index);
  const firstOther = trackAt(from, layout, track.index);
  const countOther = panesOf(from, layout, track.index);
  let skipped = 0;
  while (skipped < countOther && paneAt(from, firstOther + skipped * rowCells) < oldest) skipped++;
  dropRows(into, layout, track, first, expired(into, first, panesOf(into, layout, track.index), rowCells, oldest));
  const count = panesOf(into, layout, track.index);
  const missing = missingPanes(into, first, count, from, firstOther, skipped, countOther, rowCells);
  makeRoom(missing * rowCells);
  shift(into, first + count * rowCells, missing * rowCells);
  writePanes(into, layout, track.index, count + missing);
  let own = count - 1;
  let theirs = countOther - 1;
  for (let target = count + missing - 1; theirs >= skipped; target--) {
    const place = first + target * rowCells;
    const source = firstOther + theirs * rowCells;
    const ownPane = own < 0 ? -1 : paneAt(into, first + own * rowCells);
    if (ownPane < paneAt(from, source)) {
      copyRow(from, source, into, place, rowCells);
      theirs--;
      continue;
    }
    if (own !== target) copyRow(into, first + own * rowCells, into, place, rowCells);
    if (ownPane === paneAt(from, source)) {
      joinRow(into, place, from, source, track);
      theirs--;
    }
    own--;
  }
  dropRows(into, layout, track, first, Math.max(0, count + missing - panesMax(track)));
  makeRoom(0);
}

function expired(cursor: Cursor, first: number, count: number, rowCells: number, oldest: number): number {
  let rows = 0;
  while (rows < count && paneAt(cursor, first + rows * rowCells) < oldest) rows++;
  return rows;
}

function dropRows(cursor: Cursor, layout: Layout, track: Track, first: number, rows: number): void {
  if (rows === 0) return;
  shift(cursor, first, -rows * track.rowCells);
  writePanes(cursor, layout, track.index, panesOf(cursor, layout, track.index) - rows);
}

/** Panes of the other that `into` has no row of. */
function missingPanes(
  into: Cursor,
  first: number,
  count: number,
  from: Cursor,
  firstOther: number,
  skipped: number,
  countOther: number,
  rowCells: number,
): number {
  let missing = 0;
  let own = 0;
  for (let theirs = skipped; theirs < countOther; theirs++) {
    const pane = paneAt(from, firstOther + theirs * rowCells);
    while (own < count && paneAt(into, first + own * rowCells) < pane) own++;
    if (own === count || paneAt(into, first + own * rowCells) !== pane) missing++;
  }
  return missing;
}

function paneAt({ chunk, base }: Cursor, row: number): number {
  return chunk.u32[(base + row) * 2] as number;
}

/** As 32-bit words, so that no bit pattern is touched on the way. Within one record only towards its end. */
function copyRow(from: Cursor, source: number, to: Cursor, target: number, cells: number): void {
  const words = (from.base + source) * 2;
  to.chunk.u32.set(from.chunk.u32.subarray(words, words + cells * 2), (to.base + target) * 2);
}

function joinRow(into: Cursor, row: number, from: Cursor, source: number, track: Track): void {
  const { f64, u32 } = into.chunk;
  const other = from.chunk;
  const at = into.base + row;
  const theirs = from.base + source;
  u32[at * 2 + 1] = (u32[at * 2 + 1] as number) + (other.u32[theirs * 2 + 1] as number);
  const { sumAt, minAt, maxAt, bitmapAt } = track;
  if (sumAt >= 0) f64[at + sumAt] = (f64[at + sumAt] as number) + (other.f64[theirs + sumAt] as number);
  if (minAt >= 0) f64[at + minAt] = Math.min(f64[at + minAt] as number, other.f64[theirs + minAt] as number);
  if (maxAt >= 0) f64[at + maxAt] = Math.max(f64[at + maxAt] as number, other.f64[theirs + maxAt] as number);
  if (bitmapAt >= 0) joinBits(u32, (at + bitmapAt) * 2, other.u32, (theirs + bitmapAt) * 2);
}

function joinBits(u32: Uint32Array, at: number, other: Uint32Array, source: number): void {
  for (let word = 0; word < BITMAP_WORDS; word++) {
    u32[at + word] = ((u32[at + word] as number) | (other[source + word] as number)) >>> 0;
  }
}
