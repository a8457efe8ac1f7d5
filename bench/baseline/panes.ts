// Rolling windows as one would keep them in a Redis hash: a field for each type of event, in it JSON with the panes of every
// feature that reads this type. The definitions of the features are those of the rulebook; the arithmetic is the baseline's own.
import type { CustomerEvent } from "../../engine/domain/event.ts";
import type { FeatureSpec } from "../../engine/rulebook/rulebook.ts";

/** count, sum, least, most, last, time of the last, texts told apart. */
type Pane = [number, number, number, number, number, number, string[]?];
/** By number of the pane; 0 where there is no window. */
type Track = Record<string, Pane>;
/** Content of one field: by index of the feature. */
export type Tracks = Record<string, Track>;

export interface Windows {
  readonly add: (tracks: Tracks, event: CustomerEvent) => void;
  /** Every feature, by its index; NaN = missing. `fields`: by type of event. */
  readonly read: (fields: ReadonlyMap<string, Tracks>, now: number) => Float64Array;
}

export function createWindows(specs: readonly FeatureSpec[]): Windows {
  const byType = new Map<string, FeatureSpec[]>();
  for (const spec of specs.filter(({ aggregate }) => aggregate !== "ratio")) {
    if (spec.types.length !== 1) throw new Error(`feature "${spec.name}" reads ${spec.types.length} types, not one`);
    const [type] = spec.types as [string];
    byType.set(type, [...(byType.get(type) ?? []), spec]);
  }
  return {
    add: (tracks, event) => {
      for (const spec of byType.get(event.type) ?? []) if (spec.matches(event)) addTo(tracks, spec, event);
    },
    read: (fields, now) => {
      const out = new Float64Array(specs.length).fill(Number.NaN);
      for (const spec of specs) {
        if (spec.ratio === undefined) out[spec.index] = readOne(spec, fields.get(spec.types[0] as string), now);
      }
      for (const { ratio, index } of specs) {
        if (ratio === undefined) continue;
        const below = out[ratio.denominator] as number;
        out[index] = below === 0 ? Number.NaN : (out[ratio.numerator] as number) / below;
      }
      return out;
    },
  };
}

function addTo(tracks: Tracks, spec: FeatureSpec, event: CustomerEvent): void {
  tracks[spec.index] ??= {};
  const track = tracks[spec.index] as Track;
  const at = spec.paneMs === undefined ? 0 : Math.floor(event.ts / spec.paneMs);
  let pane = track[at];
  if (pane === undefined) {
    if (spec.paneMs !== undefined) forget(track, at - (spec.windowMs as number) / spec.paneMs);
    pane = [0, 0, Number.MAX_VALUE, -Number.MAX_VALUE, 0, 0];
    track[at] = pane;
  }
  const value = spec.field?.(event);
  const number = typeof value === "number" ? value : 0;
  // Events of a batch are not in the order of their times: what is older than the last fades itself.
  const [faded, weight] = weightsOf(spec.halfLifeMs, pane[5], event.ts);
  pane[0] = pane[0] * faded + weight;
  pane[1] = pane[1] * faded + number * weight;
  pane[2] = Math.min(pane[2], number);
  pane[3] = Math.max(pane[3], number);
  if (event.ts >= pane[5]) pane[4] = number;
  pane[5] = Math.max(pane[5], event.ts);
  if (spec.aggregate !== "distinct" || value === undefined) return;
  pane[6] ??= [];
  if (!pane[6].includes(String(value))) pane[6].push(String(value));
}

/** Of what is there, and of what comes. */
function weightsOf(halfLifeMs: number | undefined, last: number, ts: number): readonly [number, number] {
  if (halfLifeMs === undefined || last === 0) return [1, 1];
  return ts >= last ? [2 ** ((last - ts) / halfLifeMs), 1] : [1, 2 ** ((ts - last) / halfLifeMs)];
}

/** Else a hash grows for ever. */
function forget(track: Track, oldest: number): void {
  for (const at in track) if (Number(at) <= oldest) delete track[at];
}

function readOne(spec: FeatureSpec, tracks: Tracks | undefined, now: number): number {
  const { aggregate, paneMs, windowMs, halfLifeMs } = spec;
  const track = tracks?.[spec.index];
  const isCount = aggregate === "count" || aggregate === "sum" || aggregate === "distinct";
  const oldest =
    paneMs === undefined ? Number.NEGATIVE_INFINITY : Math.floor(now / paneMs) - (windowMs as number) / paneMs;
  const panes: Pane[] = [];
  for (const at in track) if (Number(at) > oldest) panes.push(track[at] as Pane);
  if (panes.length === 0) return isCount ? 0 : Number.NaN;
  const sum = (column: 0 | 1): number => panes.reduce((all, pane) => all + pane[column], 0);
  const latest = panes.reduce((a, b) => (b[5] > a[5] ? b : a));
  const faded = halfLifeMs === undefined ? 1 : 2 ** (-Math.max(0, now - latest[5]) / halfLifeMs);
  switch (aggregate) {
    case "count":
      return sum(0) * faded;
    case "sum":
      return sum(1) * faded;
    case "mean":
      return sum(1) / sum(0);
    case "min":
      return Math.min(...panes.map((pane) => pane[2]));
    case "max":
      return Math.max(...panes.map((pane) => pane[3]));
    case "last":
      return latest[4];
    case "recency":
      return Math.max(0, now - latest[5]);
    case "distinct":
      return new Set(panes.flatMap((pane) => pane[6] ?? [])).size;
    case "ratio":
      throw new Error("a ratio is no window");
  }
}
