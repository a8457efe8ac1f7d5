// The fold of one event into registers and panes: the hot path.
//
// Panes. An event belongs to the pane floor(ts / paneMs). A window of k panes read at `now` is the pane that holds `now`
// and the k before it: every pane that overlaps (now - windowMs, now].
//
//                  now - windowMs                      now
//         pane   .....|.....   k = 4 panes wide   .......|......
//      +------------+-:----------+------------+----------:-+- - - - - - +
//      |  last - 4  | last - 3   | last - 2   |  last - 1 ...
//
//          (-------------------- window --------------------]
//      |===+========|============|============|=====+------]|- - - -
//      ^   ^                                        ^      ^
//      |   now - windowMs                           |      now, in pane `last`
//      start of pane last - k                       start of pane last
//
// So nothing inside the window is missed, and the error is one pane: events of the oldest pane that happened before
// now - windowMs are counted as well. Panes that begin after `now` are not counted.
//
// Late and out-of-order events go to the pane of their own ts. `arrivedAt`, the log's time of the entry, says which panes
// have expired: those that no window read at or after it can see. It is not the newest ts that says so, or one event
// from a clock that runs ahead would wipe the windows. Where the log's time is not given (files in order of ts), the
// newest pane of the track takes its place. All-time, decaying and last values take events of any age.
//
// Count, distinct, min and max do not depend on the order of arrival; sums are floating point and do, in their last bits.
import type { CustomerEvent } from "../domain/event.ts";
import { AHEAD_MAX_MS } from "./bounds.ts";
import { BITMAP_CELLS, bitOf, setBit } from "./distinct.ts";
import { growthOf } from "./growth.ts";
import type { Layout } from "./layout.ts";
import type { FedRegister, Reader } from "./plan.ts";
import { type Cursor, cellsBetween, moveCells, panesOf, shift, trackAt, writePanes } from "./record.ts";
import type { Track } from "./shape.ts";

/**
 * Makes the place of the record under the cursor hold `cells` more; the cursor follows where it has to move. `ahead`, asked
 * only then: cells, these among them, that will be wanted soon.
 */
export type MakeRoom = (cells: number, ahead?: () => number) => void;

/** Folds into every register and track whose types and filter match. `arrivedAt` undefined: the newest pane is the clock. */
export function foldFeatures(
  cursor: Cursor,
  layout: Layout,
  event: CustomerEvent,
  arrivedAt: number | undefined,
  makeRoom: MakeRoom,
): void {
  const readers = layout.readersByType.get(event.type) ?? layout.readersOfAny;
  found.track = Number.POSITIVE_INFINITY;
  const ahead = (): number => growthOf(cursor, layout, readers, event, arrivedAt);
  const grow = (cells: number): void => makeRoom(cells, cells > 0 ? ahead : undefined);
  for (const reader of readers) {
    if (!reader.matches(event)) continue;
    if (reader.domain === "number") {
      const value = reader.field?.(event);
      if (typeof value === "number" && Number.isFinite(value)) {
        foldReader(cursor, layout, reader, event.ts, value, 0, arrivedAt, grow);
      }
      continue;
    }
    const value = reader.field === undefined ? "" : reader.field(event);
    if (value === undefined) continue;
    const bit = reader.domain === "text" ? bitOf(typeof value === "string" ? value : String(value)) : 0;
    foldReader(cursor, layout, reader, event.ts, 0, bit, arrivedAt, grow);
  }
}

function foldReader(
  cursor: Cursor,
  layout: Layout,
  reader: Reader,
  ts: number,
  value: number,
  bit: number,
  arrivedAt: number | undefined,
  makeRoom: MakeRoom,
): void {
  for (const register of reader.registers) foldRegister(cursor, register, ts, value, bit);
  for (const track of reader.tracks) {
    const row = rowFor(cursor, layout, track, ts, arrivedAt, makeRoom);
    if (row >= 0) foldRow(cursor, track, row, value, bit);
  }
}

function foldRegister({ chunk, base }: Cursor, register: FedRegister, ts: number, value: number, bit: number): void {
  const { f64 } = chunk;
  const at = base + register.at;
  switch (register.kind) {
    case "count":
      f64[at] = (f64[at] as number) + 1;
      return;
    case "sum":
      f64[at] = (f64[at] as number) + value;
      return;
    case "mean":
      f64[at] = (f64[at] as number) + 1;
      f64[at + 1] = (f64[at + 1] as number) + value;
      return;
    case "min":
      if (value < (f64[at] as number)) f64[at] = value;
      return;
    case "max":
      if (value > (f64[at] as number)) f64[at] = value;
      return;
    case "distinct":
      setBit(chunk.u32, at * 2, bit);
      return;
    case "decay-count":
      f64[at + 1] = (f64[at + 1] as number) * aged(f64, at, ts, register.halfLifeMs) + weight(f64, at, ts, register);
      return;
    case "decay-sum":
      f64[at + 1] =
        (f64[at + 1] as number) * aged(f64, at, ts, register.halfLifeMs) + value * weight(f64, at, ts, register);
      return;
    case "decay-mean": {
      const old = aged(f64, at, ts, register.halfLifeMs);
      const own = weight(f64, at, ts, register);
      f64[at + 1] = (f64[at + 1] as number) * old + own;
      f64[at + 2] = (f64[at + 2] as number) * old + value * own;
      return;
    }
    case "last":
      if (ts >= (f64[at] as number)) {
        f64[at] = ts;
        f64[at + 1] = value;
      }
      return;
    case "latest":
      if (ts > (f64[at] as number)) f64[at] = ts;
      return;
  }
}

/** Factor for what is there already; moves the reference time forward to `ts` where that is newer. */
function aged(f64: Float64Array, at: number, ts: number, halfLifeMs: number): number {
  const reference = f64[at] as number;
  if (ts <= reference) return 1;
  f64[at] = ts;
  return 2 ** ((reference - ts) / halfLifeMs);
}

/** Factor for the event itself: below 1 where it is older than the reference time. To be asked after `aged`. */
function weight(f64: Float64Array, at: number, ts: number, { halfLifeMs }: FedRegister): number {
  return 2 ** ((ts - (f64[at] as number)) / halfLifeMs);
}

/** The track that this event reached last, and its first cell: rows come and go behind that cell only. */
const found = { track: Number.POSITIVE_INFINITY, cell: 0 };

/** As `trackAt`, going on from where the event was before: one look over the tracks for all that it updates. */
function firstOf(cursor: Cursor, layout: Layout, track: number): number {
  if (track < found.track) found.cell = trackAt(cursor, layout, track);
  else found.cell += cellsBetween(cursor, layout, found.track, track);
  found.track = track;
  return found.cell;
}

/** Cell within the record of the row of this pane, made where there is none; -1 where the pane has expired. */
function rowFor(
  cursor: Cursor,
  layout: Layout,
  track: Track,
  ts: number,
  arrivedAt: number | undefined,
  makeRoom: MakeRoom,
): number {
  const pane = Math.floor(ts / track.paneMs);
  const first = firstOf(cursor, layout, track.index);
  const panes = panesOf(cursor, layout, track.index);
  const { u32 } = cursor.chunk;
  const { base } = cursor;
  let after = panes;
  let row = first + panes * track.rowCells;
  while (after > 0) {
    const before = row - track.rowCells;
    const index = u32[(base + before) * 2] as number;
    if (index === pane) return before;
    if (index < pane) break;
    after--;
    row = before;
  }
  const newest = panes === 0 ? pane : (u32[(base + first + (panes - 1) * track.rowCells) * 2] as number);
  const clock = arrivedAt === undefined ? Math.max(pane, newest) : Math.floor(arrivedAt / track.paneMs);
  const oldest = clock - track.panes + 1;
  if (pane < oldest || pane < 0) return -1;
  const expired = expiredRows(cursor, track, first, panes, oldest);
  if (after < expired) return -1;
  const at = first + (after - expired) * track.rowCells;
  openRow(cursor, track, first, after, expired, makeRoom);
  if (expired !== 1) writePanes(cursor, layout, track.index, panes - expired + 1);
  writeEmptyRow(cursor, track, at, pane);
  return at;
}

/**
 * Drops the first `expired` rows of a track, `after` of which or more there are, and makes place for one between those before and
 * those from `after` on. A customer who comes now and then finds one expired pane for a new one, and nothing behind it moves.
 *
 *   | expired | expired | kept | newer |       |  kept  |  (new)  | newer |
 */
function openRow(
  cursor: Cursor,
  track: Track,
  first: number,
  after: number,
  expired: number,
  makeRoom: MakeRoom,
): void {
  const { rowCells } = track;
  if (expired === 0) {
    makeRoom(rowCells);
    shift(cursor, first + after * rowCells, rowCells);
    return;
  }
  if (after > expired) moveCells(cursor, first + expired * rowCells, first + after * rowCells, first);
  if (expired === 1) return;
  shift(cursor, first + (after - expired + 1) * rowCells, (1 - expired) * rowCells);
  makeRoom(0);
}

/** Rows to drop before one is added: expired ones, and the oldest of a track that is full to the limit of clocks ahead. */
function expiredRows({ chunk, base }: Cursor, track: Track, first: number, panes: number, oldest: number): number {
  const full = panes - panesMax(track) + 1;
  let expired = Math.max(0, full);
  while (expired < panes && (chunk.u32[(base + first + expired * track.rowCells) * 2] as number) < oldest) expired++;
  return expired;
}

/** The panes of the longest window, and those of clocks that run ahead. */
export function panesMax(track: Track): number {
  return track.panes + Math.ceil(AHEAD_MAX_MS / track.paneMs);
}

function writeEmptyRow({ chunk, base }: Cursor, track: Track, row: number, pane: number): void {
  const at = base + row;
  chunk.u32[at * 2] = pane;
  chunk.u32[at * 2 + 1] = 0;
  writeEmptyColumns(chunk.f64, at, track);
}

export function writeEmptyColumns(f64: Float64Array, at: number, track: Track): void {
  if (track.sumAt >= 0) f64[at + track.sumAt] = 0;
  if (track.minAt >= 0) f64[at + track.minAt] = Number.POSITIVE_INFINITY;
  if (track.maxAt >= 0) f64[at + track.maxAt] = Number.NEGATIVE_INFINITY;
  if (track.bitmapAt >= 0) f64.fill(0, at + track.bitmapAt, at + track.bitmapAt + BITMAP_CELLS);
}

function foldRow({ chunk, base }: Cursor, track: Track, row: number, value: number, bit: number): void {
  const at = base + row;
  const { f64, u32 } = chunk;
  u32[at * 2 + 1] = (u32[at * 2 + 1] as number) + 1;
  if (track.sumAt >= 0) f64[at + track.sumAt] = (f64[at + track.sumAt] as number) + value;
  if (track.minAt >= 0 && value < (f64[at + track.minAt] as number)) f64[at + track.minAt] = value;
  if (track.maxAt >= 0 && value > (f64[at + track.maxAt] as number)) f64[at + track.maxAt] = value;
  if (track.bitmapAt >= 0) setBit(u32, (at + track.bitmapAt) * 2, bit);
}
