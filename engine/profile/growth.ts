// How much a record will have grown once an event is folded: its first one opens a row in each track, and a place that is
// looked for row by row would be left again several times on the way.
import type { CustomerEvent } from "../domain/event.ts";
import type { Layout } from "./layout.ts";
import type { Reader } from "./plan.ts";
import { type Cursor, panesOf, trackAt } from "./record.ts";
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
  for (const reader of readers) {
    if (!reader.matches(event) || !reads(reader, event)) continue;
    for (const track of reader.tracks) {
      if (opensRow(cursor, layout, track, event.ts, arrivedAt ?? event.ts)) cells += track.rowCells;
    }
  }
  return cells;
}

function reads({ domain, field }: Reader, event: CustomerEvent): boolean {
  const value = field?.(event);
  return domain === "number" ? Number.isFinite(value) : field === undefined || value !== undefined;
}

/** Behind its rows, and without one that expires for it. */
function opensRow(cursor: Cursor, layout: Layout, track: Track, ts: number, clock: number): boolean {
  const panes = panesOf(cursor, layout, track.index);
  if (panes === 0) return true;
  const { u32 } = cursor.chunk;
  const first = cursor.base + trackAt(cursor, layout, track.index);
  const oldest = u32[first * 2] as number;
  const newest = u32[(first + (panes - 1) * track.rowCells) * 2] as number;
  return newest < Math.floor(ts / track.paneMs) && oldest > Math.floor(clock / track.paneMs) - track.panes;
}
