// How much a record will have grown once an event is folded: its first one opens a row in each track, and a place that is
// looked for row by row would be left again several times on the way.
import type { CustomerEvent } from "../domain/event.ts";
import type { Layout } from "./layout.ts";
import type { Reader } from "./plan.ts";
import { type Cursor, cellsBetween, panesOf, trackAt } from "./record.ts";
import type { Track } from "./shape.ts";

/**
 * Cells of the rows that the event is still to open. An estimate: what it tells too much is room and nothing else, and what it
 * tells too little is made when it is needed.
 */
export function growthOf(
  cursor: Cursor,
  layout: Layout,
  readers: readonly Reader[],
  event: CustomerEvent,
  arrivedAt: number | undefined,
): number {
  let cells = 0;
  let reached = 0;
  let first = trackAt(cursor, layout, 0);
  for (const reader of readers) {
    if (!reader.matches(event) || !reads(reader, event)) continue;
    for (const track of reader.tracks) {
      if (track.index < reached) first = trackAt(cursor, layout, track.index);
      else first += cellsBetween(cursor, layout, reached, track.index);
      reached = track.index;
      const panes = panesOf(cursor, layout, reached);
      if (opensRow(cursor, track, first, panes, event.ts, arrivedAt ?? event.ts)) cells += track.rowCells;
    }
  }
  return cells;
}

function reads({ domain, field }: Reader, event: CustomerEvent): boolean {
  const value = field?.(event);
  return domain === "number" ? Number.isFinite(value) : field === undefined || value !== undefined;
}

/** Behind its rows, of which the first is at cell `first`, and without one that expires for it. */
function opensRow(
  { chunk, base }: Cursor,
  track: Track,
  first: number,
  panes: number,
  ts: number,
  clock: number,
): boolean {
  if (panes === 0) return true;
  const oldest = chunk.u32[(base + first) * 2] as number;
  const newest = chunk.u32[(base + first + (panes - 1) * track.rowCells) * 2] as number;
  return newest < Math.floor(ts / track.paneMs) && oldest > Math.floor(clock / track.paneMs) - track.panes;
}
