// From features to registers, tracks and readers: features that read the same events and field share them.
import type { CustomerEvent } from "../domain/event.ts";
import type { FeatureIndex } from "../domain/ids.ts";
import type { Aggregate, FeatureSpec } from "../rulebook/rulebook.ts";
import { PANE_MIN_MS, PANES_PER_WINDOW_MAX } from "./bounds.ts";
import type { Register, RegisterKind, RegisterShape, Track, TrackShape } from "./shape.ts";

/**
 * What a reader takes from an event: `any` counts it where the field is defined or not asked for; `number` only where
 * the field is a finite number; `text` where it is a text or a number, told apart as text.
 */
type Domain = "any" | "number" | "text";

/** A register to feed; `halfLifeMs` is 0 for those that do not decay. */
export interface FedRegister {
  readonly kind: RegisterKind;
  readonly at: number;
  readonly halfLifeMs: number;
}

/** One distinct (types, filter, field), with all that it feeds. */
export interface Reader {
  readonly domain: Domain;
  readonly types: readonly string[];
  readonly matches: (event: CustomerEvent) => boolean;
  readonly field: ((event: CustomerEvent) => number | string | undefined) | undefined;
  readonly registers: readonly FedRegister[];
  readonly tracks: readonly Track[];
}

/** How a feature is computed from a record. `at`: cell of a register; `panes`: whole panes of the window. */
export type FeatureRead =
  | { readonly kind: "value" | "bound" | "mean" | "distinct" | "decayed-mean"; readonly at: number }
  | { readonly kind: "decayed"; readonly at: number; readonly halfLifeMs: number }
  | { readonly kind: "last" | "recency"; readonly at: number; readonly windowMs: number }
  | { readonly kind: "window"; readonly of: WindowAggregate; readonly track: Track; readonly panes: number }
  | { readonly kind: "ratio"; readonly numerator: FeatureIndex; readonly denominator: FeatureIndex };

export type WindowAggregate = Exclude<Aggregate, "last" | "recency" | "ratio">;

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

interface DraftReader {
  readonly spec: FeatureSpec;
  readonly domain: Domain;
  readonly registers: { readonly id: string; readonly halfLifeMs: number }[];
  readonly tracks: string[];
}

interface Drafts {
  readonly registers: Map<string, RegisterShape>;
  readonly tracks: Map<string, Mutable<TrackShape>>;
  readonly readers: Map<string, DraftReader>;
}

interface Bound {
  readonly reads: readonly FeatureRead[];
  readonly readersByType: ReadonlyMap<string, readonly Reader[]>;
  readonly readersOfAny: readonly Reader[];
}

interface FeaturePlan {
  readonly registers: readonly RegisterShape[];
  readonly tracks: readonly TrackShape[];
  /** Called with the same registers and tracks, once their cells are known. */
  readonly bind: (registers: readonly Register[], tracks: readonly Track[]) => Bound;
}

export function planFeatures(features: readonly FeatureSpec[]): FeaturePlan {
  const drafts: Drafts = { registers: new Map(), tracks: new Map(), readers: new Map() };
  for (const spec of features) draft(spec, drafts);
  const bind = (registers: readonly Register[], tracks: readonly Track[]): Bound => {
    const registerById = new Map(registers.map((register) => [register.id, register]));
    const trackById = new Map(tracks.map((track) => [track.id, track]));
    const readers = [...drafts.readers.values()].map((reader) => bindReader(reader, registerById, trackById));
    const types = new Set(readers.flatMap((reader) => reader.types));
    const meets = (type: string) => readers.filter(({ types }) => types.length === 0 || types.includes(type));
    return {
      reads: features.map((spec) => bindRead(spec, registerById, trackById)),
      readersByType: new Map([...types].map((type) => [type, meets(type)])),
      readersOfAny: readers.filter((reader) => reader.types.length === 0),
    };
  };
  return { registers: [...drafts.registers.values()], tracks: [...drafts.tracks.values()], bind };
}

function draft(spec: FeatureSpec, drafts: Drafts): void {
  if (spec.aggregate === "ratio") return;
  const readerId = `${domainOf(spec.aggregate)} ${spec.identity}`;
  let reader = drafts.readers.get(readerId);
  if (reader === undefined) {
    reader = { spec, domain: domainOf(spec.aggregate), registers: [], tracks: [] };
    drafts.readers.set(readerId, reader);
  }
  if (isWindowed(spec)) draftTrack(spec, reader, drafts);
  else draftRegister(spec, reader, drafts);
}

function draftTrack(spec: FeatureSpec, reader: DraftReader, drafts: Drafts): void {
  const { windowMs, paneMs } = windowOf(spec);
  const id = trackId(spec);
  let track = drafts.tracks.get(id);
  if (track === undefined) {
    track = { id, paneMs, panes: 0, sum: false, min: false, max: false, distinct: false };
    drafts.tracks.set(id, track);
    reader.tracks.push(id);
  }
  track.panes = Math.max(track.panes, windowMs / paneMs + 1);
  track.sum ||= spec.aggregate === "sum" || spec.aggregate === "mean";
  track.min ||= spec.aggregate === "min";
  track.max ||= spec.aggregate === "max";
  track.distinct ||= spec.aggregate === "distinct";
}

function draftRegister(spec: FeatureSpec, reader: DraftReader, drafts: Drafts): void {
  const id = registerId(spec);
  if (drafts.registers.has(id)) return;
  drafts.registers.set(id, { id, kind: registerKind(spec) });
  reader.registers.push({ id, halfLifeMs: spec.halfLifeMs ?? 0 });
}

function bindReader(
  draft: DraftReader,
  registers: ReadonlyMap<string, Register>,
  tracks: ReadonlyMap<string, Track>,
): Reader {
  return {
    domain: draft.domain,
    types: draft.spec.types,
    matches: draft.spec.matches,
    field: draft.spec.field,
    registers: draft.registers.map(({ id, halfLifeMs }) => {
      const { kind, at } = found(registers, id);
      return { kind, at, halfLifeMs };
    }),
    // As they lie in the record: a fold goes over them once.
    tracks: draft.tracks.map((id) => found(tracks, id)).sort((a, b) => a.index - b.index),
  };
}

function bindRead(
  spec: FeatureSpec,
  registers: ReadonlyMap<string, Register>,
  tracks: ReadonlyMap<string, Track>,
): FeatureRead {
  if (spec.aggregate === "ratio") {
    if (spec.ratio === undefined) throw new RangeError(`feature "${spec.name}" is a ratio of nothing`);
    return { kind: "ratio", ...spec.ratio };
  }
  if (isWindowed(spec)) {
    const { windowMs, paneMs } = windowOf(spec);
    return { kind: "window", of: spec.aggregate, track: found(tracks, trackId(spec)), panes: windowMs / paneMs };
  }
  const { kind, at } = found(registers, registerId(spec));
  switch (kind) {
    case "count":
    case "sum":
      return { kind: "value", at };
    case "min":
    case "max":
      return { kind: "bound", at };
    case "mean":
    case "distinct":
      return { kind, at };
    case "decay-count":
    case "decay-sum":
      return { kind: "decayed", at, halfLifeMs: spec.halfLifeMs as number };
    case "decay-mean":
      return { kind: "decayed-mean", at };
    case "last":
      return { kind: "last", at, windowMs: spec.windowMs ?? Number.POSITIVE_INFINITY };
    case "latest":
      return { kind: "recency", at, windowMs: spec.windowMs ?? Number.POSITIVE_INFINITY };
  }
}

function domainOf(aggregate: Aggregate): Domain {
  switch (aggregate) {
    case "count":
    case "recency":
    case "ratio":
      return "any";
    case "distinct":
      return "text";
    case "sum":
    case "mean":
    case "min":
    case "max":
    case "last":
      return "number";
  }
}

/** `last` and `recency` need no panes: they know the time of the event that they speak of. */
function isWindowed(spec: FeatureSpec): spec is FeatureSpec & { readonly aggregate: WindowAggregate } {
  return spec.windowMs !== undefined && spec.aggregate !== "last" && spec.aggregate !== "recency";
}

function windowOf(spec: FeatureSpec): { readonly windowMs: number; readonly paneMs: number } {
  const { windowMs, paneMs, name } = spec;
  const panes = windowMs !== undefined && paneMs !== undefined ? windowMs / paneMs : Number.NaN;
  if (windowMs === undefined || paneMs === undefined || !Number.isInteger(panes) || panes < 1) {
    throw new RangeError(
      `feature "${name}": a window of ${windowMs} ms is not a whole number of panes of ${paneMs} ms`,
    );
  }
  if (paneMs < PANE_MIN_MS || panes > PANES_PER_WINDOW_MAX) {
    throw new RangeError(
      `feature "${name}": ${panes} panes of ${paneMs} ms; at most ${PANES_PER_WINDOW_MAX} of at least ${PANE_MIN_MS} ms`,
    );
  }
  return { windowMs, paneMs };
}

function trackId(spec: FeatureSpec): string {
  return `${domainOf(spec.aggregate)} ${spec.paneMs} ${spec.identity}`;
}

function registerId(spec: FeatureSpec): string {
  return `${registerKind(spec)} ${spec.halfLifeMs ?? 0} ${spec.identity}`;
}

function registerKind(spec: FeatureSpec): RegisterKind {
  const { aggregate, halfLifeMs, name } = spec;
  if (halfLifeMs !== undefined) {
    if (halfLifeMs > 0 && (aggregate === "count" || aggregate === "sum" || aggregate === "mean")) {
      return `decay-${aggregate}`;
    }
    throw new RangeError(
      `feature "${name}": a half-life of ${halfLifeMs} ms for ${aggregate}; only count, sum and mean decay`,
    );
  }
  if (aggregate === "ratio") throw new RangeError(`feature "${name}": a ratio has no register`);
  return aggregate === "recency" ? "latest" : aggregate;
}

function found<Value>(map: ReadonlyMap<string, Value>, id: string): Value {
  const value = map.get(id);
  if (value === undefined) throw new RangeError(`no register or track "${id}" in this layout`);
  return value;
}
