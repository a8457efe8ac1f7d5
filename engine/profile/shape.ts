// Where each number of a profile lies in its packed record.
//
//   cells of 8 bytes
//   +--------+-----------------+----------------------+-------------+---------------------------------+
//   | header | registers       | panes in each track  | cold state  | rows of track 0, of track 1 ... |
//   | 4      | fixed by layout | 16 bits each, padded | padded      | oldest pane first               |
//   +--------+-----------------+----------------------+-------------+---------------------------------+
//
// A *register* holds an all-time value, a decaying value or a last value. A *track* holds the panes of every window that
// reads the same events and field with the same pane width. Both are named by an identity that does not depend on names
// or order of features, so a later layout finds them again.
import { hashText } from "../domain/hash.ts";
import type { AttributeType } from "../rulebook/rulebook.ts";
import { BITMAP_CELLS } from "./distinct.ts";

/** Cells before the registers. */
export const HEADER_CELLS = 4;

/** Cells of each kind of register, in the order given. */
export const REGISTER_CELLS = {
  count: 1,
  sum: 1,
  /** count, sum */
  mean: 2,
  min: 1,
  max: 1,
  distinct: BITMAP_CELLS,
  /** ts of reference, value */
  "decay-count": 2,
  "decay-sum": 2,
  /** ts of reference, count, sum */
  "decay-mean": 3,
  /** ts, value */
  last: 2,
  /** ts */
  latest: 1,
} as const;
export type RegisterKind = keyof typeof REGISTER_CELLS;

export interface RegisterShape {
  readonly id: string;
  readonly kind: RegisterKind;
}

/** A row of a track: [pane index u32 | count u32] then one cell for each of sum, min, max and four for the bitmap, where asked for. */
export interface TrackShape {
  readonly id: string;
  readonly paneMs: number;
  /** Panes that the longest window reads: windowMs / paneMs + 1. */
  readonly panes: number;
  readonly sum: boolean;
  readonly min: boolean;
  readonly max: boolean;
  readonly distinct: boolean;
}

/** What the JSON of a layout says. */
export interface LayoutShape {
  readonly registers: readonly RegisterShape[];
  readonly tracks: readonly TrackShape[];
  readonly attributes: readonly { readonly name: string; readonly type: AttributeType }[];
}

export interface Register extends RegisterShape {
  /** Cell within the record. */
  readonly at: number;
}

/** Offsets are cells within a row; -1 where the column is absent. */
export interface Track extends Omit<TrackShape, "sum" | "min" | "max" | "distinct"> {
  readonly index: number;
  readonly rowCells: number;
  readonly sumAt: number;
  readonly minAt: number;
  readonly maxAt: number;
  readonly bitmapAt: number;
}

/** Enough to read a record that was written under the layout, in a process that has not its rulebook. */
export interface LayoutDescriptor {
  /** 32 bits, of all identities. */
  readonly hash: number;
  readonly registers: readonly Register[];
  readonly tracks: readonly Track[];
  /** Of each track, side by side: what finds the rows of a track goes over all before it. */
  readonly rowCells: Uint16Array;
  readonly attributes: LayoutShape["attributes"];
  /** Hash of name and type -> index: how stored attributes are found. */
  readonly attributeByHash: ReadonlyMap<number, number>;
  readonly attributeHashes: readonly number[];
  /** Cell of the pane counters. */
  readonly countsAt: number;
  /** Cell of the cold state. */
  readonly coldAt: number;
}

/** Gives every register, counter and row its place. Throws RangeError or TypeError where the shape cannot be. */
export function arrange(shape: LayoutShape, text: string): LayoutDescriptor {
  let cell = HEADER_CELLS;
  const registers = shape.registers.map(({ id, kind }): Register => {
    const cells = REGISTER_CELLS[kind];
    if (cells === undefined) throw new TypeError(`unknown kind of register "${kind}" in the description of a layout`);
    const at = cell;
    cell += cells;
    return { id, kind, at };
  });
  const countsAt = cell;
  const coldAt = countsAt + Math.ceil(shape.tracks.length / 4);
  const attributeHashes = shape.attributes.map(({ name, type }) => hashText(`${type} ${name}`, 0)[0] as number);
  const attributeByHash = new Map(attributeHashes.map((hash, index) => [hash, index]));
  if (attributeByHash.size !== attributeHashes.length) {
    throw new RangeError("two attributes have the same hash or name: rename one of them");
  }
  const tracks = shape.tracks.map(arrangeTrack);
  return {
    hash: hashText(text, 0x6c61796f)[0] as number,
    registers,
    tracks,
    rowCells: Uint16Array.from(tracks, ({ rowCells }) => rowCells),
    attributes: shape.attributes,
    attributeByHash,
    attributeHashes,
    countsAt,
    coldAt,
  };
}

function arrangeTrack(shape: TrackShape, index: number): Track {
  let cell = 1;
  const place = (present: boolean, cells: number): number => {
    if (!present) return -1;
    const at = cell;
    cell += cells;
    return at;
  };
  const sumAt = place(shape.sum, 1);
  const minAt = place(shape.min, 1);
  const maxAt = place(shape.max, 1);
  const bitmapAt = place(shape.distinct, BITMAP_CELLS);
  const { id, paneMs, panes } = shape;
  return { index, id, paneMs, panes, rowCells: cell, sumAt, minAt, maxAt, bitmapAt };
}
