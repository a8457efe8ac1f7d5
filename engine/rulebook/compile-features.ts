// rules/features.yaml -> AttributeSpec[] and FeatureSpec[].
import type { CustomerEvent, PropValue } from "../domain/event.ts";
import type { AttributeIndex, FeatureIndex } from "../domain/ids.ts";
import { DAY_MS, formatDuration, HOUR_MS, MINUTE_MS, parseDuration } from "../domain/time.ts";
import { compileEventFilter } from "./event-filter.ts";
import type { FaultLog } from "./fault.ts";
import type { Aggregate, AttributeSpec, FeatureSpec } from "./rulebook.ts";
import type { FeaturesFile, WrittenFeature } from "./schema.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

const WINDOW_MIN_MS = HOUR_MS;
const WINDOW_MAX_MS = 90 * DAY_MS;
const HALF_LIFE_MAX_MS = 730 * DAY_MS;
const PANES_MAX = 288;

/** The pane of a window that declares none, by the longest window for which it serves. */
const PANE_DEFAULTS: readonly (readonly [windowMaxMs: number, paneMs: number])[] = [
  [HOUR_MS, 5 * MINUTE_MS],
  [24 * HOUR_MS, HOUR_MS],
  [7 * DAY_MS, 6 * HOUR_MS],
  [30 * DAY_MS, DAY_MS],
  [WINDOW_MAX_MS, 3 * DAY_MS],
];

export interface CompiledFeatures {
  readonly attributes: readonly AttributeSpec[];
  readonly features: readonly FeatureSpec[];
}

/** Everything in the order in which it is written: index n is the n-th. */
export function compileFeatures(file: FeaturesFile, source: Source, faults: FaultLog): CompiledFeatures {
  const attributes = (file.attributes ?? []).map(({ name, label, type }, index): AttributeSpec => {
    return { index: index as AttributeIndex, name, label, type, place: source.placeOf(["attributes", index]) };
  });
  const written = file.features ?? [];
  for (const list of ["attributes", "features"] as const) {
    checkUnique(file[list] ?? [], list, source, faults);
  }
  const features = written.map((feature, index) => compileFeature(feature, index, written, source, faults));
  return { attributes, features };
}

function checkUnique(
  items: readonly { readonly name: string }[],
  list: string,
  source: Source,
  faults: FaultLog,
): void {
  const first = new Map<string, number>();
  items.forEach(({ name }, index) => {
    const earlier = first.get(name);
    if (earlier === undefined) first.set(name, index);
    else {
      const { line } = source.placeOf([list, earlier]);
      faults.add(
        source.placeOf([list, index, "name"]),
        `${JSON.stringify(name)} is declared twice, first in line ${line}: keep one`,
      );
    }
  });
}

function compileFeature(
  feature: WrittenFeature,
  index: number,
  all: readonly WrittenFeature[],
  source: Source,
  faults: FaultLog,
): FeatureSpec {
  const path: Path = ["features", index];
  checkFields(feature, path, source, faults);
  const types = [...(feature.of ?? [])].toSorted();
  const where = (feature.where ?? "").trim();
  const spec = {
    index: index as FeatureIndex,
    name: feature.name,
    label: feature.label,
    place: source.placeOf(path),
    aggregate: feature.aggregate,
    types,
    identity: JSON.stringify({ types, where, field: feature.field ?? "" }),
    matches: matcher(feature, types, path, source, faults),
    field: fieldReader(feature.aggregate, feature.field),
    ...times(feature, path, source, faults),
  };
  if (feature.aggregate !== "ratio") return { ...spec, ratio: undefined };
  const numerator = ratioPart("numerator", feature, path, all, source, faults);
  const denominator = ratioPart("denominator", feature, path, all, source, faults);
  return { ...spec, ratio: { numerator, denominator } };
}

type Need = "needs" | "may" | "no";

/** What each aggregate needs, may have, or cannot use. */
const FIELDS: Readonly<Record<Aggregate, Readonly<Record<"field" | "window" | "halfLife", Need>>>> = {
  count: { field: "no", window: "may", halfLife: "may" },
  sum: { field: "needs", window: "may", halfLife: "may" },
  mean: { field: "needs", window: "may", halfLife: "may" },
  min: { field: "needs", window: "may", halfLife: "no" },
  max: { field: "needs", window: "may", halfLife: "no" },
  distinct: { field: "needs", window: "needs", halfLife: "no" },
  last: { field: "needs", window: "may", halfLife: "no" },
  recency: { field: "no", window: "may", halfLife: "no" },
  ratio: { field: "no", window: "no", halfLife: "no" },
};

function checkFields(feature: WrittenFeature, path: Path, source: Source, faults: FaultLog): void {
  const { aggregate } = feature;
  const isRatio = aggregate === "ratio";
  const needs: readonly (readonly [keyof WrittenFeature, Need])[] = [
    ...Object.entries(FIELDS[aggregate]).map(([field, need]) => [field as keyof WrittenFeature, need] as const),
    ["numerator", isRatio ? "needs" : "no"],
    ["denominator", isRatio ? "needs" : "no"],
    ["of", isRatio ? "no" : "may"],
    ["where", isRatio ? "no" : "may"],
  ];
  for (const [field, need] of needs) {
    const there = feature[field] !== undefined;
    if (need === "needs" && !there) {
      faults.add(
        source.placeOf(path),
        `feature ${JSON.stringify(feature.name)}: ${aggregate} needs ${JSON.stringify(field)}`,
      );
    } else if (need === "no" && there) {
      faults.add(source.placeOfKey(path, field), `${aggregate} has no ${JSON.stringify(field)}: take it out`);
    }
  }
  if (feature.window !== undefined && feature.halfLife !== undefined) {
    faults.add(source.placeOfKey(path, "halfLife"), "a feature has a window or a halfLife, not both: keep one");
  }
  if (feature.pane !== undefined && feature.window === undefined) {
    faults.add(source.placeOfKey(path, "pane"), "a pane is the step of a window: add a window, or take the pane out");
  }
}

function times(
  feature: WrittenFeature,
  path: Path,
  source: Source,
  faults: FaultLog,
): Pick<FeatureSpec, "windowMs" | "paneMs" | "halfLifeMs"> {
  const windowMs = duration(feature.window);
  const halfLifeMs = duration(feature.halfLife);
  if (windowMs !== undefined && (windowMs < WINDOW_MIN_MS || windowMs > WINDOW_MAX_MS)) {
    faults.add(source.placeOf([...path, "window"]), `window ${JSON.stringify(feature.window)} must be from 1h to 90d`);
    return { windowMs, paneMs: windowMs, halfLifeMs };
  }
  if (halfLifeMs !== undefined && (halfLifeMs < MINUTE_MS || halfLifeMs > HALF_LIFE_MAX_MS)) {
    faults.add(
      source.placeOf([...path, "halfLife"]),
      `halfLife ${JSON.stringify(feature.halfLife)} must be from 1m to 730d`,
    );
  }
  if (windowMs === undefined) return { windowMs, paneMs: undefined, halfLifeMs };
  const paneMs = duration(feature.pane) ?? defaultPane(windowMs);
  const place = source.placeOf([...path, feature.pane === undefined ? "window" : "pane"]);
  const [window, pane] = [formatDuration(windowMs), formatDuration(paneMs)];
  if (paneMs === 0 || windowMs % paneMs !== 0) {
    const hint = feature.pane === undefined ? "declare a pane that divides it" : "choose one that divides it";
    faults.add(place, `window ${window} is not a whole number of panes of ${pane}: ${hint}`);
  } else if (windowMs / paneMs > PANES_MAX) {
    const least = formatDuration(Math.ceil(windowMs / PANES_MAX / MINUTE_MS) * MINUTE_MS);
    faults.add(
      place,
      `window ${window} has ${windowMs / paneMs} panes of ${pane}, at most ${PANES_MAX}: make the pane ${least} or more`,
    );
  }
  return { windowMs, paneMs, halfLifeMs };
}

function duration(text: string | undefined): number | undefined {
  return text === undefined ? undefined : parseDuration(text);
}

function defaultPane(windowMs: number): number {
  for (const [windowMaxMs, paneMs] of PANE_DEFAULTS) if (windowMs <= windowMaxMs) return paneMs;
  return DAY_MS;
}

function matcher(
  feature: WrittenFeature,
  types: readonly string[],
  path: Path,
  source: Source,
  faults: FaultLog,
): (event: CustomerEvent) => boolean {
  if (feature.aggregate === "ratio") return () => false;
  const ofType = typeMatcher(types);
  if (feature.where === undefined) return ofType;
  const wherePath = [...path, "where"];
  const placeAt = (offset: number) => source.placeInText(wherePath, offset);
  const filter = compileEventFilter({ text: feature.where, placeAt }, faults);
  return filter === undefined ? ofType : (event) => ofType(event) && filter(event);
}

function typeMatcher(types: readonly string[]): (event: CustomerEvent) => boolean {
  const [only] = types;
  if (only === undefined) return () => true;
  if (types.length === 1) return (event) => event.type === only;
  const set = new Set(types);
  return (event) => set.has(event.type);
}

function fieldReader(aggregate: Aggregate, field: string | undefined): FeatureSpec["field"] {
  if (field === undefined) return undefined;
  const own = (event: CustomerEvent): PropValue | undefined => {
    return Object.hasOwn(event.props, field) ? event.props[field] : undefined;
  };
  if (aggregate === "distinct") {
    return (event) => {
      const value = own(event);
      return typeof value === "string" || value === undefined ? value : String(value);
    };
  }
  return (event) => {
    const value = own(event);
    return typeof value === "number" ? value : undefined;
  };
}

function ratioPart(
  part: "numerator" | "denominator",
  feature: WrittenFeature,
  path: Path,
  all: readonly WrittenFeature[],
  source: Source,
  faults: FaultLog,
): FeatureIndex {
  const name = feature[part];
  if (name === undefined) return 0 as FeatureIndex;
  const index = all.findIndex((other) => other.name === name);
  if (index === -1) {
    const names = all.filter((other) => other.aggregate !== "ratio").map((other) => other.name);
    faults.add(source.placeOf([...path, part]), `unknown feature ${JSON.stringify(name)}${suggest(name, names)}`);
    return 0 as FeatureIndex;
  }
  if (all[index]?.aggregate === "ratio") {
    const message = `${JSON.stringify(name)} is itself a ratio: a ratio divides two features that are not`;
    faults.add(source.placeOf([...path, part]), message);
  }
  return index as FeatureIndex;
}
