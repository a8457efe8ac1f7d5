// One feature as engine/profile/read.ts and rules/features.yaml define it, computed from the events themselves.
//
// A window of k panes at `now` takes in every pane from that of `now` back to the k-th before it. A half-life weighs an event
// by its age, counted from `now`, or from the newest event where a clock ran ahead of `now`.
import { estimateDistinct } from "../profile/distinct.ts";
import type { FeatureSpec } from "../rulebook/rulebook.ts";
import { type KeptEvents, type Source, sourceOf } from "./kept-events.ts";
import type { PackedNumbers, PackedPane } from "./packed-numbers.ts";

/** NaN: missing. Undefined: it cannot be told, because what it would need may have been forgotten under older rules. */
export type FeatureValue = number | undefined;

/** What one feature reads of one customer: single events, and numbers that came packed. */
interface Read {
  readonly ts: readonly number[];
  readonly values: readonly number[];
  readonly packed: readonly PackedNumbers[];
}

/** `features`: all of the rulebook, for ratios. */
export function featureByDefinition(
  kept: KeptEvents,
  spec: FeatureSpec,
  features: readonly FeatureSpec[],
  now: number,
): FeatureValue {
  if (spec.aggregate === "ratio") {
    const { numerator, denominator } = spec.ratio as NonNullable<FeatureSpec["ratio"]>;
    const above = featureByDefinition(kept, features[numerator] as FeatureSpec, features, now);
    const below = featureByDefinition(kept, features[denominator] as FeatureSpec, features, now);
    if (above === undefined || below === undefined) return undefined;
    return below === 0 ? Number.NaN : above / below;
  }
  const source = sourceOf(spec) as Source;
  const read = readOf(kept, source);
  if (source.track !== undefined) return windowed(kept, spec, source.track, read, now);
  if (spec.halfLifeMs !== undefined) return decayed(spec, source.id, read, spec.halfLifeMs, now);
  return ofAllTime(spec, source.id, read, now);
}

function readOf(kept: KeptEvents, { id, reader }: Source): Read {
  const samples = kept.samples.get(reader) ?? { ts: [], values: [] };
  const since = kept.since.get(id) ?? 0;
  return {
    ts: since === 0 ? samples.ts : samples.ts.slice(since),
    values: since === 0 ? samples.values : samples.values.slice(since),
    packed: kept.packed.filter(({ sources }) => sources.has(id)),
  };
}

function windowed(
  kept: KeptEvents,
  { aggregate }: FeatureSpec,
  { id, paneMs, panes }: NonNullable<Source["track"]>,
  { ts, values, packed }: Read,
  now: number,
): FeatureValue {
  const last = Math.floor(now / paneMs);
  const first = last - panes;
  // A replay may drive its streams days apart: a reading behind what has arrived may miss what only then was past.
  const whole = Math.max(kept.wholeFrom.get(id) ?? first, Math.floor(kept.arrivedAt / paneMs) - panes);
  const within: number[] = [];
  for (const [nth, at] of ts.entries()) {
    const pane = Math.floor(at / paneMs);
    if (pane < first || pane > last || pane < 0) continue;
    if (pane < whole) return undefined;
    within.push(values[nth] as number);
  }
  const rows: PackedPane[] = [];
  for (const { tracks } of packed) {
    for (const row of tracks.get(id) ?? []) {
      if (row.pane < first || row.pane > last) continue;
      if (row.pane < whole) return undefined;
      rows.push(row);
    }
  }
  const count = within.length + sumOf(rows.map((row) => row.count));
  const sum = (): number => sumOf(within) + sumOf(rows.map((row) => row.sum));
  switch (aggregate) {
    case "count":
      return count;
    case "sum":
      return sum();
    case "mean":
      return sum() / count;
    case "min":
      return finite(Math.min(leastOf(within), ...rows.map((row) => row.min)));
    case "max":
      return finite(Math.max(mostOf(within), ...rows.map((row) => row.max)));
    case "distinct":
      return estimateDistinct(new Set([...within, ...rows.flatMap(({ bits }) => bits)]).size);
    case "last":
    case "recency":
    case "ratio":
      throw new Error(`a window of ${aggregate} has no panes`);
  }
}

function decayed(
  { aggregate }: FeatureSpec,
  id: string,
  { ts, values, packed }: Read,
  halfLifeMs: number,
  now: number,
): number {
  const known = packed
    .map(({ registers }) => registers.get(id) as readonly number[])
    .filter(([reference]) => reference !== Number.NEGATIVE_INFINITY);
  const newest = Math.max(mostOf(ts), ...known.map(([reference]) => reference as number));
  // A mean is the same however old it is; weighed from the newest event its weights never vanish.
  const from = aggregate === "mean" ? newest : Math.max(now, newest);
  const weight = (at: number): number => 2 ** ((at - from) / halfLifeMs);
  let count = 0;
  let sum = 0;
  for (const [nth, at] of ts.entries()) {
    count += weight(at);
    sum += (values[nth] as number) * weight(at);
  }
  for (const [reference, first, second] of known) {
    const factor = weight(reference as number);
    count += (first as number) * factor;
    sum += (aggregate === "mean" ? (second as number) : (first as number)) * factor;
  }
  if (aggregate === "count") return count;
  return aggregate === "sum" ? sum : sum / count;
}

function ofAllTime(
  { aggregate, windowMs = Number.POSITIVE_INFINITY }: FeatureSpec,
  id: string,
  { ts, values, packed }: Read,
  now: number,
): number {
  const cells = (nth: number): number[] =>
    packed.map(({ registers }) => registers.get(id)?.[nth] as number).filter((cell) => cell !== undefined);
  switch (aggregate) {
    case "count":
      return ts.length + sumOf(cells(0));
    case "sum":
      return sumOf(values) + sumOf(cells(0));
    case "mean":
      return (sumOf(values) + sumOf(cells(1))) / (ts.length + sumOf(cells(0)));
    case "min":
      return finite(Math.min(leastOf(values), ...cells(0)));
    case "max":
      return finite(Math.max(mostOf(values), ...cells(0)));
    case "distinct":
      return estimateDistinct(new Set([...values, ...packed.flatMap(({ bits }) => bits.get(id) ?? [])]).size);
    case "last": {
      const { at, value } = lastOf(ts, values, packed, id);
      return at > now - windowMs ? value : Number.NaN;
    }
    case "recency": {
      const newest = Math.max(mostOf(ts), ...cells(0));
      return newest > now - windowMs ? Math.max(0, now - newest) : Number.NaN;
    }
    case "ratio":
      throw new Error("a ratio reads no events");
  }
}

/** Of two events of the same instant that which came in last; of what came packed only what is newer than all of them. */
function lastOf(
  ts: readonly number[],
  values: readonly number[],
  packed: readonly PackedNumbers[],
  id: string,
): { readonly at: number; readonly value: number } {
  let last = { at: Number.NEGATIVE_INFINITY, value: Number.NaN };
  for (const [nth, at] of ts.entries()) if (at >= last.at) last = { at, value: values[nth] as number };
  for (const { registers } of packed) {
    const [at, value] = registers.get(id) as readonly [number, number];
    if (at > last.at) last = { at, value };
  }
  return last;
}

function sumOf(numbers: readonly number[]): number {
  let sum = 0;
  for (const number of numbers) sum += number;
  return sum;
}

function leastOf(numbers: readonly number[]): number {
  let least = Number.POSITIVE_INFINITY;
  for (const number of numbers) if (number < least) least = number;
  return least;
}

function mostOf(numbers: readonly number[]): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const number of numbers) if (number > most) most = number;
  return most;
}

function finite(bound: number): number {
  return Number.isFinite(bound) ? bound : Number.NaN;
}
