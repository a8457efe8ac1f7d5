// The records of all held customers: where each lies, moving it as it grows, and its layout.
//
// A record of an older layout is migrated by the first *write* that touches it; a reading migrates a copy and forgets
// it. So what a record holds depends on what was folded into it and never on who looked at it, and a replay finds the same.
import type { CustomerKey } from "../domain/ids.ts";
import { createEntries, type Entry } from "./entries.ts";
import type { MakeRoom } from "./fold.ts";
import type { Layout } from "./layout.ts";
import { migratedCells, migrateRecord } from "./migrate.ts";
import { type Cursor, cellsOf, copyCellsOf, copyRecord, layoutHashOf } from "./record.ts";
import type { LayoutDescriptor } from "./shape.ts";
import { createSlabs, newChunk } from "./slabs.ts";

/** Every call with a key puts its record under `cursor`; the key must be held, but for `has` and `begin`. */
export interface Records {
  /** The record reached last. */
  readonly cursor: Cursor;
  /** Its number. */
  readonly entry: () => Entry;
  readonly size: () => number;
  readonly bytes: () => number;
  readonly layout: () => Layout;
  readonly activate: (layout: Layout) => void;
  readonly learn: (descriptor: LayoutDescriptor) => void;
  readonly described: (layoutHash: number) => LayoutDescriptor | undefined;
  readonly has: (key: CustomerKey) => boolean;
  /** As it is, of whatever layout. */
  readonly reach: (key: CustomerKey) => void;
  /** Under the current layout: the record itself, or a migrated copy that is good until the next call. */
  readonly reachToRead: (key: CustomerKey) => Cursor;
  /** Under the current layout: migrated in place. */
  readonly reachToWrite: (key: CustomerKey) => void;
  /** A place for a record that is still to be written; what was held under the key is dropped. */
  readonly begin: (key: CustomerKey, cells: number) => void;
  readonly drop: (key: CustomerKey) => void;
  /** See MakeRoom in fold.ts. */
  readonly makeRoom: MakeRoom;
  /** Least recently touched first. */
  readonly oldest: (count: number) => CustomerKey[];
}

export function createRecords(first: Layout): Records {
  const places = createPlaces();
  const { cursor, reach } = places;
  const copy: Cursor = { chunk: newChunk(256), base: 0 };
  const known = new Map<number, LayoutDescriptor>([[first.hash, first]]);
  let layout = first;

  const migrateCopy = (): void => {
    const old = known.get(layoutHashOf(cursor)) as LayoutDescriptor;
    const cells = migratedCells(cursor, old, layout);
    if (copy.chunk.f64.length < cells) copy.chunk = newChunk(cells * 2);
    migrateRecord(cursor, old, copy, layout);
  };
  return {
    ...places,
    layout: () => layout,
    activate: (next) => {
      known.set(next.hash, next);
      layout = next;
    },
    learn: (descriptor) => {
      if (!known.has(descriptor.hash)) known.set(descriptor.hash, descriptor);
    },
    described: (layoutHash) => known.get(layoutHash),
    reachToRead: (key) => {
      reach(key);
      if (layoutHashOf(cursor) === layout.hash) return cursor;
      migrateCopy();
      return copy;
    },
    reachToWrite: (key) => {
      reach(key);
      if (layoutHashOf(cursor) === layout.hash) return;
      migrateCopy();
      places.makeRoom(cellsOf(copy) - cellsOf(cursor));
      copyRecord(copy, cursor);
    },
  };
}

type Places = Omit<Records, "layout" | "activate" | "learn" | "described" | "reachToRead" | "reachToWrite">;

function createPlaces(): Places {
  const slabs = createSlabs();
  const entries = createEntries();
  const cursor: Cursor = { chunk: newChunk(1), base: 0 };
  let entry: Entry = -1;

  const place = (): void => {
    const slot = entries.slotOf(entry);
    cursor.chunk = slabs.chunkOf(slot);
    cursor.base = slabs.cellOf(slot);
  };
  const reach = (key: CustomerKey): void => {
    const found = entries.find(key);
    if (found === undefined) throw new RangeError("the profile of a customer is used before it was loaded");
    entry = found;
    entries.touch(found);
    place();
  };
  const drop = (key: CustomerKey): void => {
    reach(key);
    slabs.free(entries.slotOf(entry));
    entries.remove(key, entry);
  };
  const begin = (key: CustomerKey, cells: number): void => {
    if (entries.find(key) !== undefined) drop(key);
    entry = entries.add(key, slabs.take(cells));
    place();
  };
  /** To a place of the right size, where the record does not fit any more or wastes half of the one it has. */
  const makeRoom: MakeRoom = (more, ahead) => {
    const cells = cellsOf(cursor) + more;
    const slot = entries.slotOf(entry);
    const held = slabs.roomOf(slot);
    if (cells <= held && (cells * 2 > held || slabs.roomFor(cells) * 2 > held)) return;
    const next = slabs.take(ahead === undefined ? cells : Math.max(cells, cellsOf(cursor) + ahead()));
    copyCellsOf(cursor, slabs.chunkOf(next), slabs.cellOf(next), Math.min(cellsOf(cursor), cells));
    slabs.free(slot);
    entries.move(entry, next);
    place();
  };
  const has = (key: CustomerKey): boolean => entries.find(key) !== undefined;
  const { size, oldest } = entries;
  return { cursor, entry: () => entry, size, bytes: slabs.bytes, has, reach, begin, drop, makeRoom, oldest };
}
