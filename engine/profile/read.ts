// Every feature of a record as of one instant.
//
//                        nothing counted yet   windowed            half-life
//   count, sum           0                     0                   0
//   distinct             0                     0                   -
//   mean, min, max       missing               missing             mean: missing
//   last, recency        missing               missing             -        (with a window: missing once it is older)
//   ratio                missing where a side is missing or the denominator is 0
//
// An event from a clock that runs ahead: recency reads 0, decay begins at its ts, its pane waits until `now` reaches it.
import type { Instant } from "../domain/time.ts";
import { BITMAP_WORDS, estimateDistinct, onesAt } from "./distinct.ts";
import type { Layout } from "./layout.ts";
import type { FeatureRead, WindowAggregate } from "./plan.ts";
import { type Cursor, panesOf, rowsAt } from "./record.ts";
import type { Track } from "./shape.ts";
import type { Chunk } from "./slabs.ts";

/** By FeatureIndex; NaN = missing. out.length >= number of features. */
export function readFeatures(cursor: Cursor, layout: Layout, now: Instant, out: Float64Array): void {
  const { reads } = layout;
  if (out.length < reads.length) throw new RangeError(`${reads.length} features do not fit into ${out.length} numbers`);
  placeTracks(cursor, layout);
  for (let index = 0; index < reads.length; index++) {
    const read = reads[index] as FeatureRead;
    if (read.kind !== "ratio") out[index] = readOne(cursor, read, now);
  }
  for (let index = 0; index < reads.length; index++) {
    const read = reads[index] as FeatureRead;
    if (read.kind === "ratio") out[index] = quotient(out[read.numerator] as number, out[read.denominator] as number);
  }
}

function quotient(numerator: number, denominator: number): number {
  return denominator === 0 ? Number.NaN : numerator / denominator;
}

function readOne(cursor: Cursor, read: Exclude<FeatureRead, { kind: "ratio" }>, now: Instant): number {
  if (read.kind === "window")
    return readWindow(cursor.chunk, read.of, read.track, Math.floor(now / read.track.paneMs), read.panes);
  const { f64, u32 } = cursor.chunk;
  const at = cursor.base + read.at;
  const first = f64[at] as number;
  switch (read.kind) {
    case "value":
      return first;
    case "bound":
      return Number.isFinite(first) ? first : Number.NaN;
    case "mean":
      return (f64[at + 1] as number) / first;
    case "distinct":
      return estimateDistinct(onesAt(u32, at * 2));
    case "decayed":
      return first === Number.NEGATIVE_INFINITY
        ? 0
        : (f64[at + 1] as number) * 2 ** (-Math.max(0, now - first) / read.halfLifeMs);
    case "decayed-mean":
      return (f64[at + 2] as number) / (f64[at + 1] as number);
    case "last":
      return first > now - read.windowMs ? (f64[at + 1] as number) : Number.NaN;
    case "recency":
      return first > now - read.windowMs ? Math.max(0, now - first) : Number.NaN;
  }
}

/** Where each track of the record under the hand begins (cell of the chunk), and its rows: filled once per reading. */
let beginnings = new Int32Array(64);
let rowCounts = new Int32Array(64);

function placeTracks(cursor: Cursor, layout: Layout): void {
  const { tracks } = layout;
  if (tracks.length > beginnings.length) {
    beginnings = new Int32Array(tracks.length * 2);
    rowCounts = new Int32Array(tracks.length * 2);
  }
  let cell = cursor.base + rowsAt(cursor, layout);
  for (let index = 0; index < tracks.length; index++) {
    const panes = panesOf(cursor, layout, index);
    beginnings[index] = cell;
    rowCounts[index] = panes;
    cell += panes * (tracks[index] as Track).rowCells;
  }
}

const joined = new Uint32Array(BITMAP_WORDS);

/** Panes [last - panes, last], from the newest back. */
function readWindow({ f64, u32 }: Chunk, of: WindowAggregate, track: Track, last: number, panes: number): number {
  const { rowCells, sumAt, minAt, maxAt, bitmapAt } = track;
  const begin = beginnings[track.index] as number;
  const oldest = last - panes;
  let count = 0;
  let sum = 0;
  let bound = of === "min" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  if (of === "distinct") joined.fill(0);
  for (let row = begin + ((rowCounts[track.index] as number) - 1) * rowCells; row >= begin; row -= rowCells) {
    const pane = u32[row * 2] as number;
    if (pane > last) continue;
    if (pane < oldest) break;
    count += u32[row * 2 + 1] as number;
    if (of === "sum" || of === "mean") sum += f64[row + sumAt] as number;
    else if (of === "min") bound = Math.min(bound, f64[row + minAt] as number);
    else if (of === "max") bound = Math.max(bound, f64[row + maxAt] as number);
    else if (of === "distinct") join(u32, (row + bitmapAt) * 2);
  }
  switch (of) {
    case "count":
      return count;
    case "sum":
      return sum;
    case "mean":
      return sum / count;
    case "min":
    case "max":
      return Number.isFinite(bound) ? bound : Number.NaN;
    case "distinct":
      return estimateDistinct(onesAt(joined, 0));
  }
}

function join(u32: Uint32Array, at: number): void {
  for (let index = 0; index < BITMAP_WORDS; index++) {
    joined[index] = (joined[index] as number) | (u32[at + index] as number);
  }
}
