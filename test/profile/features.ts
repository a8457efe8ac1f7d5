// Features and events for the tests of profiles: specs as the compiler of rulebooks makes them, and a naive fold.
import fc from "fast-check";
import type { CustomerEvent, PropValue } from "../../engine/domain/event.ts";
import type { AttributeIndex, FeatureIndex } from "../../engine/domain/ids.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import type { Aggregate, AttributeSpec, AttributeType, FeatureSpec } from "../../engine/rulebook/rulebook.ts";

const PLACE = { file: "features.yaml", line: 1, column: 1 };

/** How often a property is tried. */
export const RUNS = process.env["NBA_LONG"] === "1" ? 2_000 : 30;

export interface FeatureSketch {
  readonly aggregate: Exclude<Aggregate, "ratio">;
  readonly types?: readonly string[];
  /** Only events whose prop `big` is true. */
  readonly bigOnly?: boolean;
  readonly field?: string;
  readonly windowMs?: number;
  readonly paneMs?: number;
  readonly halfLifeMs?: number;
}

export function feature(index: number, sketch: FeatureSketch): FeatureSpec {
  const { aggregate, types = [], bigOnly = false, field, windowMs, paneMs, halfLifeMs } = sketch;
  return {
    index: index as FeatureIndex,
    name: `f${index}`,
    label: `f${index}`,
    place: PLACE,
    aggregate,
    types,
    identity: JSON.stringify([types, bigOnly, field ?? null]),
    matches: (event) => !bigOnly || event.props["big"] === true,
    field: field === undefined ? undefined : (event) => fieldOf(event, field, aggregate),
    windowMs,
    paneMs,
    halfLifeMs,
    ratio: undefined,
  };
}

function fieldOf(event: CustomerEvent, field: string, aggregate: Aggregate): number | string | undefined {
  const value = event.props[field];
  if (typeof value === "number") return value;
  if (typeof value === "string" && (aggregate === "distinct" || aggregate === "count")) return value;
  return undefined;
}

export function ratio(index: number, numerator: number, denominator: number): FeatureSpec {
  const base = feature(index, { aggregate: "count" });
  const pair = { numerator: numerator as FeatureIndex, denominator: denominator as FeatureIndex };
  return { ...base, aggregate: "ratio", ratio: pair };
}

export function attribute(index: number, name: string, type: AttributeType): AttributeSpec {
  return { index: index as AttributeIndex, name, label: name, type, place: PLACE };
}

export const KEY = customerKey("c-1");

let eventNumber = 0;

export function event(
  type: string,
  ts: number,
  props: Readonly<Record<string, PropValue>> = {},
  id = `e-${eventNumber++}`,
): CustomerEvent {
  return { id, type, key: KEY, ts: ts as Instant, source: "clickstream", props };
}

/** One feature of each kind, on shared and on separate tracks, and ratios of some. */
export function everyFeature(): FeatureSpec[] {
  const sketches: FeatureSketch[] = [];
  const windows: [number, number][] = [
    [HOUR_MS, 5 * MINUTE_MS],
    [DAY_MS, HOUR_MS],
    [7 * DAY_MS, 6 * HOUR_MS],
    [14 * DAY_MS, 6 * HOUR_MS],
    [90 * DAY_MS, 3 * DAY_MS],
  ];
  for (const [windowMs, paneMs] of windows) {
    sketches.push({ aggregate: "count", types: ["buy"], windowMs, paneMs });
    sketches.push({ aggregate: "distinct", types: ["buy", "view"], field: "item", windowMs, paneMs });
  }
  for (const aggregate of ["sum", "mean", "min", "max"] as const) {
    sketches.push({ aggregate, types: ["buy"], field: "amount", windowMs: 7 * DAY_MS, paneMs: 6 * HOUR_MS });
    sketches.push({ aggregate, field: "amount", bigOnly: true, windowMs: HOUR_MS, paneMs: 5 * MINUTE_MS });
    sketches.push({ aggregate, types: ["view"], field: "amount", windowMs: 90 * DAY_MS, paneMs: 3 * DAY_MS });
    sketches.push({ aggregate, types: ["buy"], field: "amount" });
  }
  for (const aggregate of ["count", "sum", "mean"] as const) {
    const field = aggregate === "count" ? {} : { field: "amount" };
    sketches.push({ aggregate, types: ["buy"], ...field, halfLifeMs: DAY_MS });
    sketches.push({ aggregate, ...field, bigOnly: true, halfLifeMs: 14 * DAY_MS });
  }
  sketches.push({ aggregate: "count", types: ["view"] }, { aggregate: "count", field: "item", bigOnly: true });
  sketches.push({ aggregate: "distinct", field: "item" }, { aggregate: "distinct", field: "amount" });
  sketches.push({ aggregate: "last", types: ["buy"], field: "amount" }, { aggregate: "recency", types: ["buy"] });
  sketches.push({ aggregate: "last", field: "amount", windowMs: DAY_MS }, { aggregate: "recency", windowMs: HOUR_MS });
  const features = sketches.map((sketch, index) => feature(index, sketch));
  features.push(ratio(features.length, 10, 0), ratio(features.length + 1, 2, 1));
  return features;
}

export const START = Date.UTC(2026, 0, 15);

/** An event as it arrives: mostly on time, sometimes late by up to 90 days or ahead by up to one. */
export interface Arrival {
  readonly arrivedAt: Instant;
  readonly event: CustomerEvent;
}

/** A history in order of arrival. */
export function arrivals(maxLength: number): fc.Arbitrary<Arrival[]> {
  const lag = fc.oneof(
    { weight: 5, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 2 * HOUR_MS }) },
    { weight: 2, arbitrary: fc.integer({ min: 0, max: 90 * DAY_MS }) },
    { weight: 1, arbitrary: fc.integer({ min: -DAY_MS, max: 0 }) },
  );
  const gap = fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 10 * MINUTE_MS }),
    fc.integer({ min: 0, max: DAY_MS }),
    fc.integer({ min: 0, max: 40 * DAY_MS }),
  );
  const props = fc.record(
    {
      amount: fc.oneof(
        fc.integer({ min: -50, max: 500 }),
        fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
        fc.constant("n/a"),
      ),
      item: fc.oneof(
        fc.integer({ min: 0, max: 400 }).map((item) => `item-${item}`),
        fc.integer({ min: 0, max: 5 }),
      ),
      big: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  const one = fc.record({ type: fc.constantFrom("buy", "view", "login"), lag, gap, props });
  return fc.array(one, { maxLength, size: "max" }).map((steps) => {
    let clock = START;
    return steps.map(({ type, lag: late, gap: pause, props: given }) => {
      clock += pause;
      const present = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
      return { arrivedAt: clock as Instant, event: event(type, clock - late, present as Record<string, PropValue>) };
    });
  });
}
