// The profiles of one partition, packed, in memory. Synchronous and pure of time and chance; who calls it loads what it
// needs before, and writes back before it evicts.
import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { createDecodedStates } from "./decoded-states.ts";
import { createDueColumn } from "./due-column.ts";
import { foldFeatures } from "./fold.ts";
import type { Layout } from "./layout.ts";
import { mergeFeatures } from "./merge-features.ts";
import { mergeStates } from "./merge-state.ts";
import { migratedCells, migrateRecord } from "./migrate.ts";
import { readFeatures } from "./read.ts";
import {
  type Cursor,
  cellsOf,
  coldBytesOf,
  coldOf,
  copyRecord,
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
import { createRecords, type Records } from "./records.ts";
import type { LayoutDescriptor } from "./shape.ts";
import { newChunk } from "./slabs.ts";
import { decodeState, encodeState, type ProfileState } from "./state.ts";
import { changesState, foldState } from "./state-fold.ts";

export type Loaded =
  | { readonly kind: "loaded" }
  | { readonly kind: "unknown-layout"; readonly hash: number }
  | { readonly kind: "corrupt"; readonly why: string };

/** `evicted`: contacts that found no place. Of the other kinds nothing was changed. */
export type Merged =
  | { readonly kind: "merged"; readonly evicted: readonly Contact[] }
  | Exclude<Loaded, { readonly kind: "loaded" }>;

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
  /**
   * Takes the packed profile of another key into this one, as if both had always been one. `now`: time of the merge;
   * `memoryMs`: how long a contact can matter to the contact policy.
   */
  readonly merge: (key: CustomerKey, packed: Uint8Array, now: Instant, memoryMs: number) => Merged;
  /** Forgets everything but this state; the commit that the profile reflects stays. */
  readonly reset: (key: CustomerKey, change: (empty: ProfileState) => ProfileState) => void;
  /** A copy, self-contained: format, layout hash, commit reflected, checksum. */
  readonly pack: (key: CustomerKey) => Uint8Array;
  /** How many bytes that is; and the same copied to a place of so many. */
  readonly packedBytes: (key: CustomerKey) => number;
  readonly packTo: (key: CustomerKey, to: Uint8Array) => void;
  readonly evict: (key: CustomerKey) => void;
  readonly reflects: (key: CustomerKey) => CommitSeq;
  readonly setReflects: (key: CustomerKey, seq: CommitSeq) => void;
  /** `arrivedAt`: the log's time of the entry (see fold.ts); without it the newest event's own time stands in. */
  readonly fold: (key: CustomerKey, event: CustomerEvent, arrivedAt?: Instant) => void;
  /** By FeatureIndex, NaN = missing. out.length >= number of features. */
  readonly features: (key: CustomerKey, now: Instant, out: Float64Array) => void;
  readonly state: (key: CustomerKey) => ProfileState;
  readonly setState: (key: CustomerKey, state: ProfileState) => void;
  /** A step is over: what was decoded for it is let go. */
  readonly forgetStates: () => void;
  /** As `soonestDue` and `dailyFrom` tell of the state, most often without decoding it. */
  readonly soonestDue: (key: CustomerKey) => Instant;
  readonly dailyFrom: (key: CustomerKey) => Instant;
  /** Least recently touched first. */
  readonly oldest: (count: number) => CustomerKey[];
}

export function createProfileStore(options: { readonly layout: Layout }): ProfileStore {
  const records = createRecords(options.layout);
  const { cursor } = records;
  const dues = createDueColumn();
  const decoded = createDecodedStates(records, dues);

  const writeState = (state: ProfileState): void => {
    const layout = records.layout();
    const cold = encodeState(state, layout);
    const delta = ((cold.length + 7) >>> 3) - ((coldBytesOf(cursor) + 7) >>> 3);
    if (delta > 0) records.makeRoom(delta);
    shift(cursor, layout.coldAt, delta);
    writeCold(cursor, layout, cold);
    if (delta < 0) records.makeRoom(0);
  };
  return {
    get size() {
      return records.size();
    },
    get bytes() {
      return records.bytes();
    },
    layout: records.layout,
    activate: (layout) => {
      decoded.clear();
      records.activate(layout);
    },
    learn: records.learn,
    knows: (layoutHash) => records.described(layoutHash) !== undefined,
    has: records.has,
    load: (key, packed) => {
      const loaded = load(records, key, packed);
      if (loaded.kind === "loaded") decoded.forget();
      return loaded;
    },
    merge: (key, packed, now, memoryMs) => {
      const source = readPacked(records, packed);
      if ("kind" in source) return source;
      const layout = records.layout();
      const theirs = underLayout(source, layout, records);
      const known = readState(theirs, layout);
      if ("kind" in known) return known;
      const own = decoded.get(key);
      records.reachToWrite(key);
      mergeFeatures(cursor, theirs, layout, now, records.makeRoom);
      const { state, evicted } = mergeStates(own, known, now, memoryMs);
      decoded.set(state);
      writeState(state);
      return { kind: "merged", evicted };
    },
    reset: (key, change) => {
      records.reach(key);
      const seq = reflectsOf(cursor);
      const layout = records.layout();
      records.begin(key, frameCells(layout, 0));
      writeEmpty(cursor, layout);
      writeReflects(cursor, seq);
      const state = change(decodeState(new Uint8Array(0), layout));
      decoded.set(state);
      writeState(state);
    },
    pack: (key) => {
      records.reach(key);
      const packed = new Uint8Array(cellsOf(cursor) * 8);
      packRecord(cursor, packed);
      return packed;
    },
    packedBytes: (key) => {
      records.reach(key);
      return cellsOf(cursor) * 8;
    },
    packTo: (key, to) => {
      records.reach(key);
      packRecord(cursor, to);
    },
    evict: (key) => {
      records.reach(key);
      decoded.forget();
      records.drop(key);
    },
    reflects: (key) => {
      records.reach(key);
      return reflectsOf(cursor);
    },
    setReflects: (key, seq) => {
      records.reach(key);
      writeReflects(cursor, seq);
    },
    fold: (key, event, arrivedAt) => {
      const layout = records.layout();
      records.reachToWrite(key);
      foldFeatures(cursor, layout, event, arrivedAt, records.makeRoom);
      if (!changesState(event.type)) return;
      const before = decoded.get(key);
      const after = foldState(before, layout, event, arrivedAt ?? event.ts);
      if (after === before) return;
      decoded.set(after);
      writeState(after);
    },
    features: (key, now, out) => readFeatures(records.reachToRead(key), records.layout(), now, out),
    state: decoded.get,
    setState: (key, state) => {
      records.reachToWrite(key);
      decoded.set(state);
      writeState(state);
    },
    forgetStates: decoded.clear,
    soonestDue: (key) => dues.soonest(decoded.learnt(key)),
    dailyFrom: (key) => dues.dailyFrom(decoded.learnt(key)),
    oldest: records.oldest,
  };
}

function load(records: Records, key: CustomerKey, packed: Uint8Array | undefined): Loaded {
  if (packed === undefined) {
    const layout = records.layout();
    records.begin(key, frameCells(layout, 0));
    writeEmpty(records.cursor, layout);
    return { kind: "loaded" };
  }
  const source = readPacked(records, packed);
  if ("kind" in source) return source;
  records.begin(key, cellsOf(source));
  copyRecord(source, records.cursor);
  return { kind: "loaded" };
}

/** The record that the bytes hold, of whatever known layout, or what is wrong with them. */
function readPacked(records: Records, packed: Uint8Array): Cursor | Exclude<Loaded, { readonly kind: "loaded" }> {
  const source = unpackRecord(packed);
  if (typeof source === "string") return { kind: "corrupt", why: source };
  const hash = layoutHashOf(source);
  const descriptor = records.described(hash);
  if (descriptor === undefined) return { kind: "unknown-layout", hash };
  const why = recordFault(source, descriptor);
  return why === undefined ? source : { kind: "corrupt", why };
}

/** Of a record that came through a log: a checksum that fits does not say that an engine wrote it. */
function readState(record: Cursor, layout: Layout): ProfileState | Extract<Loaded, { readonly kind: "corrupt" }> {
  try {
    return decodeState(coldOf(record, layout), layout);
  } catch (error) {
    if (error instanceof RangeError) return { kind: "corrupt", why: error.message };
    throw error;
  }
}

/** The record itself, or a copy migrated to this layout. */
function underLayout(record: Cursor, layout: Layout, records: Records): Cursor {
  const hash = layoutHashOf(record);
  if (hash === layout.hash) return record;
  const old = records.described(hash) as LayoutDescriptor;
  const copy: Cursor = { chunk: newChunk(migratedCells(record, old, layout)), base: 0 };
  migrateRecord(record, old, copy, layout);
  return copy;
}
