// A record of an older layout as a record of the current one: registers, tracks and columns with the same identity keep
// their values, others start empty. The cold state names its attributes by hash and is taken over as it is.
import { writeEmptyColumns } from "./fold.ts";
import type { Layout } from "./layout.ts";
import {
  type Cursor,
  coldBytesOf,
  coldOf,
  frameCells,
  panesOf,
  reflectsOf,
  rowsAt,
  shift,
  writeCold,
  writeEmpty,
  writePanes,
  writeReflects,
} from "./record.ts";
import { type LayoutDescriptor, REGISTER_CELLS, type Track } from "./shape.ts";

/** Cells that the migrated record has. */
export function migratedCells(from: Cursor, old: LayoutDescriptor, layout: Layout): number {
  let cells = frameCells(layout, coldBytesOf(from));
  for (const track of layout.tracks) {
    const before = sameTrack(old, track);
    if (before !== undefined) cells += panesOf(from, old, before.index) * track.rowCells;
  }
  return cells;
}

/** Writes the migrated record at `to`, whose place holds `migratedCells`. */
export function migrateRecord(from: Cursor, old: LayoutDescriptor, to: Cursor, layout: Layout): void {
  writeEmpty(to, layout);
  writeReflects(to, reflectsOf(from));
  for (const register of layout.registers) {
    const before = old.registers.find(({ id, kind }) => id === register.id && kind === register.kind);
    if (before !== undefined) {
      copyCells(from, from.base + before.at, to, to.base + register.at, REGISTER_CELLS[register.kind]);
    }
  }
  const cold = coldOf(from, old);
  shift(to, layout.coldAt, (cold.length + 7) >>> 3);
  writeCold(to, layout, cold);
  let cell = rowsAt(to, layout);
  for (const track of layout.tracks) {
    const before = sameTrack(old, track);
    if (before === undefined) continue;
    const panes = panesOf(from, old, before.index);
    shift(to, cell, panes * track.rowCells);
    writePanes(to, layout, track.index, panes);
    migrateRows(from, old, before, to, track, cell, panes);
    cell += panes * track.rowCells;
  }
}

function sameTrack(old: LayoutDescriptor, track: Track): Track | undefined {
  return old.tracks.find(({ id, paneMs }) => id === track.id && paneMs === track.paneMs);
}

function migrateRows(
  from: Cursor,
  old: LayoutDescriptor,
  before: Track,
  to: Cursor,
  track: Track,
  cell: number,
  panes: number,
): void {
  let source = from.base + rowsAt(from, old);
  for (let index = 0; index < before.index; index++) {
    source += panesOf(from, old, index) * (old.tracks[index] as Track).rowCells;
  }
  for (let row = 0; row < panes; row++) {
    migrateRow(from, source + row * before.rowCells, before, to, to.base + cell + row * track.rowCells, track);
  }
}

/** A sum that is new starts with a count of 0, or the mean of old panes would be too low. */
function migrateRow(from: Cursor, source: number, before: Track, to: Cursor, target: number, track: Track): void {
  writeEmptyColumns(to.chunk.f64, target, track);
  copyCells(from, source, to, target, 1);
  if (track.sumAt >= 0 && before.sumAt < 0) to.chunk.u32[target * 2 + 1] = 0;
  copyColumn(from, source, before.sumAt, to, target, track.sumAt, 1);
  copyColumn(from, source, before.minAt, to, target, track.minAt, 1);
  copyColumn(from, source, before.maxAt, to, target, track.maxAt, 1);
  copyColumn(from, source, before.bitmapAt, to, target, track.bitmapAt, REGISTER_CELLS.distinct);
}

function copyColumn(
  from: Cursor,
  source: number,
  sourceColumn: number,
  to: Cursor,
  target: number,
  column: number,
  cells: number,
): void {
  if (sourceColumn >= 0 && column >= 0) copyCells(from, source + sourceColumn, to, target + column, cells);
}

/** As 32-bit words, so that no bit pattern is touched on the way. */
function copyCells(from: Cursor, source: number, to: Cursor, target: number, cells: number): void {
  for (let word = 0; word < cells * 2; word++) {
    to.chunk.u32[target * 2 + word] = from.chunk.u32[source * 2 + word] as number;
  }
}
