// One packed record in place: header, pane counters, and rows that come and go.
//
//   header     u32 format · u32 layout hash · u32 cells of the record · u32 checksum (0 in memory)
//              f64 commit that it reflects · u32 bytes of the cold state · u32 0
//
// A packed profile is these very bytes with the checksum filled in: a snapshot is a memory copy.
import { murmur128Words } from "../domain/hash.ts";
import type { CommitSeq } from "../domain/ids.ts";
import { HEADER_CELLS, type LayoutDescriptor, type Register } from "./shape.ts";
import { type Chunk, newChunk } from "./slabs.ts";

/** A record under the hand: the cell at which it begins, in the chunk that holds it. Reused, never kept. */
export interface Cursor {
  chunk: Chunk;
  /** Cell. */
  base: number;
}

/** "NBP" and the version of the format. */
const FORMAT = 0x4e425001;

const LAYOUT_WORD = 1;
const CELLS_WORD = 2;
const CHECKSUM_WORD = 3;
const REFLECTS_CELL = 2;
const COLD_WORD = 6;

export function cellsOf({ chunk, base }: Cursor): number {
  return chunk.u32[base * 2 + CELLS_WORD] as number;
}

export function layoutHashOf({ chunk, base }: Cursor): number {
  return chunk.u32[base * 2 + LAYOUT_WORD] as number;
}

export function reflectsOf({ chunk, base }: Cursor): CommitSeq {
  return chunk.f64[base + REFLECTS_CELL] as CommitSeq;
}

export function writeReflects({ chunk, base }: Cursor, seq: CommitSeq): void {
  chunk.f64[base + REFLECTS_CELL] = seq;
}

export function coldBytesOf({ chunk, base }: Cursor): number {
  return chunk.u32[base * 2 + COLD_WORD] as number;
}

/** A view of the cold state: valid until the record changes. */
export function coldOf(cursor: Cursor, layout: LayoutDescriptor): Uint8Array {
  const from = (cursor.base + layout.coldAt) * 8;
  return cursor.chunk.u8.subarray(from, from + coldBytesOf(cursor));
}

/** Cell, within the record, where the rows of track 0 begin. */
export function rowsAt(cursor: Cursor, layout: LayoutDescriptor): number {
  return layout.coldAt + ((coldBytesOf(cursor) + 7) >>> 3);
}

export function panesOf({ chunk, base }: Cursor, layout: LayoutDescriptor, track: number): number {
  return chunk.u16[(base + layout.countsAt) * 4 + track] as number;
}

export function writePanes({ chunk, base }: Cursor, layout: LayoutDescriptor, track: number, panes: number): void {
  chunk.u16[(base + layout.countsAt) * 4 + track] = panes;
}

/** Cell, within the record, of the first row of a track. */
export function trackAt(cursor: Cursor, layout: LayoutDescriptor, track: number): number {
  return rowsAt(cursor, layout) + cellsBetween(cursor, layout, 0, track);
}

/** Cells of the rows of these tracks, `end` not among them. */
export function cellsBetween({ chunk, base }: Cursor, layout: LayoutDescriptor, from: number, end: number): number {
  const { u16 } = chunk;
  const { rowCells } = layout;
  const counts = (base + layout.countsAt) * 4;
  let cells = 0;
  for (let track = from; track < end; track++) cells += (u16[counts + track] as number) * (rowCells[track] as number);
  return cells;
}

/** Cells of the header, registers, counters and the given cold state: a record without a row. */
export function frameCells(layout: LayoutDescriptor, coldBytes: number): number {
  return layout.coldAt + ((coldBytes + 7) >>> 3);
}

/** A new, empty record of the layout. The place must hold `frameCells(layout, 0)`. */
export function writeEmpty(cursor: Cursor, layout: LayoutDescriptor): void {
  const { chunk, base } = cursor;
  const cells = frameCells(layout, 0);
  chunk.f64.fill(0, base, base + cells);
  chunk.u32[base * 2] = FORMAT;
  chunk.u32[base * 2 + LAYOUT_WORD] = layout.hash;
  chunk.u32[base * 2 + CELLS_WORD] = cells;
  for (const register of layout.registers) writeEmptyRegister(chunk.f64, base + register.at, register.kind);
}

/** Neutral elements: what an event is folded onto, and what reads as missing or zero. */
function writeEmptyRegister(f64: Float64Array, at: number, kind: Register["kind"]): void {
  switch (kind) {
    case "min":
      f64[at] = Number.POSITIVE_INFINITY;
      return;
    case "max":
    case "latest":
    case "decay-count":
    case "decay-sum":
    case "decay-mean":
      f64[at] = Number.NEGATIVE_INFINITY;
      return;
    case "last":
      f64[at] = Number.NEGATIVE_INFINITY;
      f64[at + 1] = Number.NaN;
      return;
    case "count":
    case "sum":
    case "mean":
    case "distinct":
      return;
  }
}

/** Opens (delta > 0) or closes (delta < 0) a gap of cells at `at`; all behind it moves. The place must hold the result. */
export function shift({ chunk, base }: Cursor, at: number, delta: number): void {
  const cells = chunk.u32[base * 2 + CELLS_WORD] as number;
  const from = base + (delta > 0 ? at : at - delta);
  chunk.f64.copyWithin(from + delta, from, base + cells);
  chunk.u32[base * 2 + CELLS_WORD] = cells + delta;
}

/** Within the record; `to` may lie among what is moved. */
export function moveCells({ chunk, base }: Cursor, from: number, end: number, to: number): void {
  chunk.f64.copyWithin(base + to, base + from, base + end);
}

/** Writes the cold state, whose cells have been made to fit. */
export function writeCold(cursor: Cursor, layout: LayoutDescriptor, cold: Uint8Array): void {
  const { chunk, base } = cursor;
  chunk.u32[base * 2 + COLD_WORD] = cold.length;
  const from = (base + layout.coldAt) * 8;
  chunk.u8.set(cold, from);
  chunk.u8.fill(0, from + cold.length, from + ((cold.length + 7) & ~7));
}

/** To a place that holds it. */
export function copyRecord(from: Cursor, to: Cursor): void {
  copyCellsOf(from, to.chunk, to.base, cellsOf(from));
}

/** The first cells of a record, bit for bit. */
export function copyCellsOf({ chunk, base }: Cursor, to: Chunk, at: number, cells: number): void {
  to.f64.set(chunk.f64.subarray(base, base + cells), at);
}

/** To a place of so many bytes as the record has. */
export function packRecord(cursor: Cursor, to: Uint8Array): void {
  const { chunk, base } = cursor;
  const cells = cellsOf(cursor);
  to.set(chunk.u8.subarray(base * 8, (base + cells) * 8));
  const sum = checksum(chunk.u32, base * 2, cells * 2);
  for (let byte = 0; byte < 4; byte++) to[CHECKSUM_WORD * 4 + byte] = sum >>> (8 * byte);
}

/** A packed record copied to where it can be read, or what is wrong with its bytes. */
export function unpackRecord(packed: Uint8Array): Cursor | string {
  if (packed.length < HEADER_CELLS * 8 || packed.length % 8 !== 0) return `a profile of ${packed.length} bytes`;
  const chunk = newChunk(packed.length / 8);
  chunk.u8.set(packed);
  if (chunk.u32[0] !== FORMAT) return `not a packed profile of format ${FORMAT}: it begins with ${chunk.u32[0]}`;
  const cells = chunk.u32[CELLS_WORD] as number;
  if (cells * 8 !== packed.length) return `a profile of ${packed.length} bytes says that it has ${cells * 8}`;
  const sum = chunk.u32[CHECKSUM_WORD];
  chunk.u32[CHECKSUM_WORD] = 0;
  const found = checksum(chunk.u32, 0, cells * 2);
  if (found !== sum) return `the checksum of a profile is ${found}, not ${sum} as written`;
  return { chunk, base: 0 };
}

/** The layout of a packed record; undefined where the bytes are none. */
export function layoutHashIn(packed: Uint8Array): number | undefined {
  const record = unpackRecord(packed);
  return typeof record === "string" ? undefined : layoutHashOf(record);
}

/** What of a record contradicts its layout; undefined where nothing does. */
export function recordFault(cursor: Cursor, layout: LayoutDescriptor): string | undefined {
  const cells = cellsOf(cursor);
  if (cells < layout.coldAt || cells < rowsAt(cursor, layout)) return `a profile of ${cells} cells is cut off`;
  const end = trackAt(cursor, layout, layout.tracks.length);
  return end === cells ? undefined : `the rows of a profile end at cell ${end}, the profile at ${cells}`;
}

const words = new Uint32Array(4);

/** Over all words of a record in memory, whose own field is 0 there. */
function checksum(u32: Uint32Array, from: number, count: number): number {
  murmur128Words(u32, from, count, FORMAT, words);
  return words[0] as number;
}
