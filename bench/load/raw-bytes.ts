// The least that could hold what a packed profile holds: bare numbers of what is not empty, one after the other, without
// names, places, times of panes or a record around them.
import type { Layout } from "../../engine/profile/layout.ts";
import { type Cursor, panesOf, unpackRecord } from "../../engine/profile/record.ts";
import { REGISTER_CELLS, type Track } from "../../engine/profile/shape.ts";

/** Decision id 16, ordinal 1, six names of 4, flags and outcomes 3, rank 1, six times of 8. */
const CONTACT_BYTES = 16 + 1 + 6 * 4 + 3 + 1 + 6 * 8;
const COUNT_BYTES = 4;
const CELL_BYTES = 8;

/** Of one packed profile with so many contacts. Throws where it cannot be read. */
export function rawBytes(packed: Uint8Array, layout: Layout, contacts: number): number {
  const record = unpackRecord(packed);
  if (typeof record === "string") throw new Error(record);
  const panes = layout.tracks.reduce((sum, track) => sum + panesOf(record, layout, track.index) * paneBytes(track), 0);
  const registers = layout.registers.reduce(
    (sum, { at, kind }) => sum + filledBytes(record, at, REGISTER_CELLS[kind]),
    0,
  );
  return panes + registers + contacts * CONTACT_BYTES;
}

/** A count, and whatever else is kept of each pane. */
function paneBytes({ rowCells }: Track): number {
  return COUNT_BYTES + (rowCells - 1) * CELL_BYTES;
}

/** Nothing where all of it is as it was before the first event. */
function filledBytes({ chunk, base }: Cursor, at: number, cells: number): number {
  const values = chunk.f64.subarray(base + at, base + at + cells);
  return values.some((value) => Number.isFinite(value) && value !== 0) ? cells * CELL_BYTES : 0;
}
