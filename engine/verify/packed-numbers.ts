// The numbers of a packed record by name, in plain objects.
import { BITMAP_WORDS } from "../profile/distinct.ts";
import { type Cursor, panesOf, trackAt } from "../profile/record.ts";
import { type LayoutDescriptor, REGISTER_CELLS } from "../profile/shape.ts";
import { sourcesIn } from "./kept-events.ts";

export interface PackedPane {
  readonly pane: number;
  readonly count: number;
  /** 0, Infinity, -Infinity and no bits where the track has no such column. */
  readonly sum: number;
  readonly min: number;
  readonly max: number;
  readonly bits: readonly number[];
}

export interface PackedNumbers {
  /** Registers and columns that still count: one that a later rulebook did not declare is lost. */
  sources: ReadonlySet<string>;
  /** By register: its cells. */
  readonly registers: ReadonlyMap<string, readonly number[]>;
  /** By register of distinct values: numbers of the bits that are set. */
  readonly bits: ReadonlyMap<string, readonly number[]>;
  readonly tracks: ReadonlyMap<string, readonly PackedPane[]>;
}

export function packedNumbers(record: Cursor, layout: LayoutDescriptor): PackedNumbers {
  const { f64, u32 } = record.chunk;
  const registers = new Map<string, readonly number[]>();
  const bits = new Map<string, readonly number[]>();
  for (const { id, kind, at } of layout.registers) {
    const cell = record.base + at;
    if (kind === "distinct") bits.set(id, bitsAt(u32, cell * 2));
    else registers.set(id, Array.from(f64.subarray(cell, cell + REGISTER_CELLS[kind])));
  }
  const tracks = new Map<string, readonly PackedPane[]>();
  for (const { index, id, rowCells, sumAt, minAt, maxAt, bitmapAt } of layout.tracks) {
    const first = record.base + trackAt(record, layout, index);
    const panes = Array.from({ length: panesOf(record, layout, index) }, (_, nth): PackedPane => {
      const row = first + nth * rowCells;
      return {
        pane: u32[row * 2] as number,
        count: u32[row * 2 + 1] as number,
        sum: sumAt < 0 ? 0 : (f64[row + sumAt] as number),
        min: minAt < 0 ? Number.POSITIVE_INFINITY : (f64[row + minAt] as number),
        max: maxAt < 0 ? Number.NEGATIVE_INFINITY : (f64[row + maxAt] as number),
        bits: bitmapAt < 0 ? [] : bitsAt(u32, (row + bitmapAt) * 2),
      };
    });
    tracks.set(id, panes);
  }
  return { sources: sourcesIn(layout), registers, bits, tracks };
}

function bitsAt(u32: Uint32Array, word: number): readonly number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < BITMAP_WORDS * 32; bit++) {
    if (((u32[word + (bit >>> 5)] as number) >>> (bit & 31)) & 1) bits.push(bit);
  }
  return bits;
}
