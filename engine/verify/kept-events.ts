// The events of one customer as features read them: every one that matched, in the order of the log. Nothing is summed up
// until somebody asks, but what came as numbers already: with a profile that was joined, or that this reading began with.
import type { CustomerEvent } from "../domain/event.ts";
import { bitOf } from "../profile/distinct.ts";
import type { LayoutDescriptor } from "../profile/shape.ts";
import type { Aggregate, FeatureSpec, Rulebook } from "../rulebook/rulebook.ts";
import type { Book } from "./book-shelf.ts";
import type { PackedNumbers } from "./packed-numbers.ts";

/** What one reader of events has taken: of texts their bit. */
interface Samples {
  readonly ts: number[];
  readonly values: number[];
}

export interface KeptEvents {
  /** By what reads them: kind of value, types, filter and field. */
  readonly samples: Map<string, Samples>;
  /** By source of a feature: so many samples were there before the source was declared, and do not count for it. */
  readonly since: Map<string, number>;
  /** Numbers that came packed. */
  readonly packed: PackedNumbers[];
  /** By track: panes before this one may be forgotten, for the windows that were declared then did not reach further back. */
  readonly wholeFrom: Map<string, number>;
  /** Latest time of the log at which an event came: panes that no window reads from then on are forgotten (profile/fold.ts). */
  arrivedAt: number;
  /** Under whose layout all of this is kept. */
  layout: LayoutDescriptor | undefined;
}

/** Where the numbers of a feature are kept in a packed record. */
export interface Source {
  /** Of the register, or of the track and column. */
  readonly id: string;
  readonly reader: string;
  /** Undefined: a register. */
  readonly track: { readonly id: string; readonly paneMs: number; readonly panes: number } | undefined;
}

export type ValueKind = "any" | "number" | "text";

export function newKeptEvents(): KeptEvents {
  return {
    samples: new Map(),
    since: new Map(),
    packed: [],
    wholeFrom: new Map(),
    arrivedAt: -Infinity,
    layout: undefined,
  };
}

export function valueKindOf(aggregate: Aggregate): ValueKind {
  if (aggregate === "distinct") return "text";
  return aggregate === "count" || aggregate === "recency" || aggregate === "ratio" ? "any" : "number";
}

/** Undefined for a ratio, which reads other features. */
export function sourceOf(spec: FeatureSpec): Source | undefined {
  if (!known.has(spec)) known.set(spec, newSourceOf(spec));
  return known.get(spec);
}

const known = new WeakMap<FeatureSpec, Source | undefined>();

function newSourceOf(spec: FeatureSpec): Source | undefined {
  const { aggregate, identity, windowMs, paneMs, halfLifeMs } = spec;
  if (aggregate === "ratio") return undefined;
  const reader = `${valueKindOf(aggregate)} ${identity}`;
  if (aggregate === "last") return { id: `last 0 ${identity}`, reader, track: undefined };
  if (aggregate === "recency") return { id: `latest 0 ${identity}`, reader, track: undefined };
  if (windowMs === undefined || paneMs === undefined) {
    const kind = halfLifeMs === undefined ? aggregate : `decay-${aggregate}`;
    return { id: `${kind} ${halfLifeMs ?? 0} ${identity}`, reader, track: undefined };
  }
  const track = `${valueKindOf(aggregate)} ${paneMs} ${identity}`;
  const column = aggregate === "mean" ? "sum" : aggregate;
  return { id: `${track} ${column}`, reader, track: { id: track, paneMs, panes: windowMs / paneMs } };
}

/**
 * What was kept under another layout goes on under this one: what both declare keeps its events, what is new begins now.
 * Whatever is written of a customer after a change of the rulebook brings this about.
 */
export function moveTo(kept: KeptEvents, { layout, rulebook }: Book, clock: number): void {
  const before = kept.layout;
  if (before?.hash === layout.hash) return;
  kept.layout = layout;
  if (before === undefined) return;
  const had = sourcesIn(before);
  const sources = rulebook.features.flatMap((spec) => sourceOf(spec) ?? []);
  const readers = new Set(sources.map(({ reader }) => reader));
  for (const reader of kept.samples.keys()) if (!readers.has(reader)) kept.samples.delete(reader);
  for (const { id, reader } of sources) {
    if (!had.has(id)) kept.since.set(id, kept.samples.get(reader)?.ts.length ?? 0);
  }
  const names = new Set(sources.map(({ id }) => id));
  for (const id of kept.since.keys()) if (!names.has(id)) kept.since.delete(id);
  for (const one of kept.packed) one.sources = new Set([...one.sources].filter((id) => names.has(id)));
  noteWidened(kept, before, layout, clock);
}

/** As it would go on under this layout, if something was written now: a reading leaves it as it is. */
export function seenUnder(kept: KeptEvents, book: Book, now: number): KeptEvents {
  if (kept.layout === undefined || kept.layout.hash === book.layout.hash) return kept;
  const copy: KeptEvents = {
    samples: new Map(kept.samples),
    since: new Map(kept.since),
    packed: kept.packed.map((one) => ({ ...one })),
    wholeFrom: new Map(kept.wholeFrom),
    arrivedAt: kept.arrivedAt,
    layout: kept.layout,
  };
  moveTo(copy, book, now);
  return copy;
}

/** Panes of which a shorter window had no need may be gone. */
export function noteWidened(kept: KeptEvents, before: LayoutDescriptor, after: LayoutDescriptor, clock: number): void {
  for (const track of after.tracks) {
    const old = before.tracks.find(({ id }) => id === track.id);
    if (old === undefined || old.panes >= track.panes) continue;
    const from = Math.floor(clock / track.paneMs) - old.panes + 1;
    kept.wholeFrom.set(track.id, Math.max(from, kept.wholeFrom.get(track.id) ?? from));
  }
}

/** Every register, and every column of a track. */
export function sourcesIn({ registers, tracks }: LayoutDescriptor): ReadonlySet<string> {
  const columns = tracks.flatMap(({ id, sumAt, minAt, maxAt, bitmapAt }) => [
    `${id} count`,
    ...(sumAt >= 0 ? [`${id} sum`] : []),
    ...(minAt >= 0 ? [`${id} min`] : []),
    ...(maxAt >= 0 ? [`${id} max`] : []),
    ...(bitmapAt >= 0 ? [`${id} distinct`] : []),
  ]);
  return new Set([...registers.map(({ id }) => id), ...columns]);
}

/** Each reader takes an event once, however many features read it. */
export function keepEvent(kept: KeptEvents, { rulebook }: Book, event: CustomerEvent, arrivedAt: number): void {
  kept.arrivedAt = Math.max(kept.arrivedAt, arrivedAt);
  for (const [reader, spec] of readersOf(rulebook)) {
    if (spec.types.length > 0 && !spec.types.includes(event.type)) continue;
    if (!spec.matches(event)) continue;
    const value = valueIn(spec, event);
    if (value === undefined) continue;
    const samples = kept.samples.get(reader) ?? { ts: [], values: [] };
    kept.samples.set(reader, samples);
    samples.ts.push(event.ts);
    samples.values.push(value);
  }
}

const readers = new WeakMap<Rulebook, ReadonlyMap<string, FeatureSpec>>();

/** One of the features of each reader. */
function readersOf(rulebook: Rulebook): ReadonlyMap<string, FeatureSpec> {
  const found = readers.get(rulebook);
  if (found !== undefined) return found;
  const sources = rulebook.features.map((spec) => [sourceOf(spec)?.reader, spec] as const);
  const made = new Map(sources.filter((pair): pair is readonly [string, FeatureSpec] => pair[0] !== undefined));
  readers.set(rulebook, made);
  return made;
}

/** Undefined: the event has not what the feature reads. */
function valueIn({ aggregate, field }: FeatureSpec, event: CustomerEvent): number | undefined {
  const value = field === undefined ? "" : field(event);
  switch (valueKindOf(aggregate)) {
    case "any":
      return value === undefined ? undefined : 1;
    case "text":
      return value === undefined ? undefined : bitOf(String(value));
    case "number":
      return typeof value === "number" && Number.isFinite(value) ? value : undefined;
  }
}
