// The profiles of one partition, packed, in memory. Synchronous and pure of time and chance; who calls it loads what it
// needs before, and writes back before it evicts.
//
// A record of an older layout is migrated by the first *write* that touches it; a reading migrates a copy and forgets
// it. So what a record holds depends on what was folded into it and never on who looked at it, and a replay finds the same.
import type { CustomerEvent } from "../domain/event.ts";
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { createEntries, type Entry } from "./entries.ts";
import { foldFeatures } from "./fold.ts";
import type { Layout } from "./layout.ts";
import { migratedCells, migrateRecord } from "./migrate.ts";
import { readFeatures } from "./read.ts";
import {
  type Cursor,
  cellsOf,
  coldBytesOf,
  coldOf,
  frameCells,
  layoutHashOf,
  packRecord,
  recordFault,
  reflectsOf,
  shift,
  unpackRecord,
  writeCold,
  writeEmpty,
  writeReflects,
} from "./record.ts";
import type { LayoutDescriptor } from "./shape.ts";
import { createSlabs, newChunk } from "./slabs.ts";
import { decodeState, encodeState, type ProfileState } from "./state.ts";
import { changesState, foldState } from "./state-fold.ts";

export type Loaded =
  | { readonly kind: "loaded" }
  | { readonly kind: "unknown-layout"; readonly hash: number }
  | { readonly kind: "corrupt"; readonly why: string };

/** Every call that names a key which is not held throws RangeError: load it first. Each counts as a touch but `has`. */
export interface ProfileStore {
  /** Customers held. */
  readonly size: number;
  /** Bytes of the places that their records take. */
  readonly bytes: number;
  readonly layout: () => Layout;
  /** From now on events are folded and features read under this layout. */
  readonly activate: (layout: Layout) => void;
  /** Makes records of an older layout loadable. */
  readonly learn: (descriptor: LayoutDescriptor) => void;
  readonly knows: (layoutHash: number) => boolean;
  readonly has: (key: CustomerKey) => boolean;
  /** Takes a packed profile, or begins an empty one where there is none yet. Replaces what was held. */
  readonly load: (key: CustomerKey, packed: Uint8Array | undefined) => Loaded;
  /** A copy, self-contained: format, layout hash, commit reflected, checksum. */
  readonly pack: (key: CustomerKey) => Uint8Array;
  readonly evict: (key: CustomerKey) => void;
  readonly reflects: (key: CustomerKey) => CommitSeq;
  readonly setReflects: (key: CustomerKey, seq: CommitSeq) => void;
  /** `arrivedAt`: the log's time of the entry (see fold.ts); without it the newest event's own time stands in. */
  readonly fold: (key: CustomerKey, event: CustomerEvent, arrivedAt?: Instant) => void;
  /** By FeatureIndex, NaN = missing. out.length >= number of features. */
  readonly features: (key: CustomerKey, now: Instant, out: Float64Array) => void;
  readonly state: (key: CustomerKey) => ProfileState;
  readonly setState: (key: CustomerKey, state: ProfileState) => void;
  /** Least recently touched first. */
  readonly oldest: (count: number) => CustomerKey[];
}

export function createProfileStore(options: { readonly layout: Layout }): ProfileStore {
  const slabs = createSlabs();
  const entries = createEntries();
  const known = new Map<number, LayoutDescriptor>([[options.layout.hash, options.layout]]);
  const cursor: Cursor = { chunk: newChunk(1), base: 0 };
  const copy: Cursor = { chunk: newChunk(256), base: 0 };
  let layout = options.layout;
  let entry: Entry = -1;

  /** Puts the record under the cursor, as it is. */
  const reach = (key: CustomerKey): void => {
    const found = entries.find(key);
    if (found === undefined) throw new RangeError("the profile of a customer is used before it was loaded");
    entry = found;
    entries.touch(found);
    place();
  };
  const place = (): void => {
    const slot = entries.slotOf(entry);
    cursor.chunk = slabs.chunkOf(slot);
    cursor.base = slabs.cellOf(slot);
  };
  const describe = (hash: number): LayoutDescriptor => known.get(hash) as LayoutDescriptor;
  /** Moves the record under the cursor to a place of the right size, where `cells` do not fit or waste half of it. */
  const resize = (cells: number): void => {
    const slot = entries.slotOf(entry);
    const held = slabs.roomOf(slot);
    if (cells <= held && slabs.roomFor(cells) * 2 > held) return;
    const next = slabs.take(cells);
    const chunk = slabs.chunkOf(next);
    const length = Math.min(cellsOf(cursor), cells);
    chunk.f64.set(cursor.chunk.f64.subarray(cursor.base, cursor.base + length), slabs.cellOf(next));
    slabs.free(slot);
    entries.move(entry, next);
    place();
  };
  const makeRoom = (cells: number): void => resize(cellsOf(cursor) + cells);
  const replaceBy = (source: Cursor): void => {
    const cells = cellsOf(source);
    resize(cells);
    cursor.chunk.f64.set(source.chunk.f64.subarray(source.base, source.base + cells), cursor.base);
  };
  const migrateCopy = (): void => {
    const old = describe(layoutHashOf(cursor));
    const cells = migratedCells(cursor, old, layout);
    if (copy.chunk.f64.length < cells) copy.chunk = newChunk(cells * 2);
    migrateRecord(cursor, old, copy, layout);
  };
  const reachToRead = (key: CustomerKey): Cursor => {
    reach(key);
    if (layoutHashOf(cursor) === layout.hash) return cursor;
    migrateCopy();
    return copy;
  };
  const reachToWrite = (key: CustomerKey): void => {
    reach(key);
    if (layoutHashOf(cursor) === layout.hash) return;
    migrateCopy();
    replaceBy(copy);
  };
  const evict = (key: CustomerKey): void => {
    reach(key);
    slabs.free(entries.slotOf(entry));
    entries.remove(key, entry);
  };
  const begin = (key: CustomerKey, cells: number): void => {
    if (entries.find(key) !== undefined) evict(key);
    entry = entries.add(key, slabs.take(cells));
    place();
  };
  const load = (key: CustomerKey, packed: Uint8Array | undefined): Loaded => {
    if (packed === undefined) {
      begin(key, frameCells(layout, 0));
      writeEmpty(cursor, layout);
      return { kind: "loaded" };
    }
    const source = unpackRecord(packed);
    if (typeof source === "string") return { kind: "corrupt", why: source };
    const hash = layoutHashOf(source);
    const descriptor = known.get(hash);
    if (descriptor === undefined) return { kind: "unknown-layout", hash };
    const why = recordFault(source, descriptor);
    if (why !== undefined) return { kind: "corrupt", why };
    begin(key, cellsOf(source));
    cursor.chunk.f64.set(source.chunk.f64, cursor.base);
    return { kind: "loaded" };
  };
  const writeState = (state: ProfileState): void => {
    const cold = encodeState(state, layout);
    const delta = ((cold.length + 7) >>> 3) - ((coldBytesOf(cursor) + 7) >>> 3);
    if (delta > 0) makeRoom(delta);
    shift(cursor, layout.coldAt, delta);
    writeCold(cursor, layout, cold);
    if (delta < 0) makeRoom(0);
  };
  return {
    get size() {
      return entries.size();
    },
    get bytes() {
      return slabs.bytes();
    },
    layout: () => layout,
    activate: (next) => {
      known.set(next.hash, next);
      layout = next;
    },
    learn: (descriptor) => {
      if (!known.has(descriptor.hash)) known.set(descriptor.hash, descriptor);
    },
    knows: (layoutHash) => known.has(layoutHash),
    has: (key) => entries.find(key) !== undefined,
    load,
    pack: (key) => {
      reach(key);
      return packRecord(cursor);
    },
    evict,
    reflects: (key) => {
      reach(key);
      return reflectsOf(cursor);
    },
    setReflects: (key, seq) => {
      reach(key);
      writeReflects(cursor, seq);
    },
    fold: (key, event, arrivedAt) => {
      reachToWrite(key);
      foldFeatures(cursor, layout, event, arrivedAt, makeRoom);
      if (!changesState(event.type)) return;
      const before = decodeState(coldOf(cursor, layout), layout);
      const after = foldState(before, layout, event, arrivedAt ?? event.ts);
      if (after !== before) writeState(after);
    },
    features: (key, now, out) => readFeatures(reachToRead(key), layout, now, out),
    state: (key) => decodeState(coldOf(reachToRead(key), layout), layout),
    setState: (key, state) => {
      reachToWrite(key);
      writeState(state);
    },
    oldest: (count) => entries.oldest(count),
  };
}
