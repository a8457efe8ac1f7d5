// Training rows out of old events: features by the engine's own fold, as of a moment; labels from the future of it.
import type { CustomerEvent } from "../domain/event.ts";
import { drawOf } from "../domain/hash.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { compileLayout } from "../profile/layout.ts";
import { createProfileStore } from "../profile/store.ts";
import type { AttributeSpec, FeatureSpec } from "../rulebook/rulebook.ts";

/**
 * When rows are taken. `every`: of all customers seen so far, at whole multiples of everyMs since 1970 from warmUpMs
 * after the first event on. `event`: of the customer, at each of its events of these types (none named: every type).
 */
export type RowTimes =
  | { readonly kind: "every"; readonly everyMs: number; readonly warmUpMs: number }
  | { readonly kind: "event"; readonly types: ReadonlySet<string>; readonly warmUpMs: number };

/** 1 where an event of the type happens (`any`), or none does (`none`), in (T, T + horizonMs]. */
export interface Label {
  readonly kind: "any" | "none";
  readonly type: string;
  readonly horizonMs: number;
}

export interface RowPlan {
  readonly times: RowTimes;
  /** undefined: rows without a label, up to the last event. With a label: only while its horizon is inside the data. */
  readonly label: Label | undefined;
  /** Share of the rows that is kept, in (0, 1]; drawn from customer and time, so the same rows each time. */
  readonly sample: number;
}

export interface TrainingRow {
  readonly key: CustomerKey;
  /** T: the row knows of the events with ts <= T and of no other. */
  readonly at: Instant;
  /** By FeatureIndex, NaN = missing. The same array for every row: read it before the next. */
  readonly features: Float64Array;
  readonly label: 0 | 1 | undefined;
}

/** `events` sorted by ts. Folded as a driven replay folds them: each arrives at its own ts. */
export function* trainingRows(
  events: readonly CustomerEvent[],
  features: readonly FeatureSpec[],
  attributes: readonly AttributeSpec[],
  plan: RowPlan,
): Generator<TrainingRow> {
  const store = createProfileStore({ layout: compileLayout(features, attributes) });
  const out = new Float64Array(features.length);
  const labelOf = createLabels(events, plan.label);
  const first = events[0]?.ts ?? 0;
  const last = events.at(-1)?.ts ?? 0;
  const endsAt = last - (plan.label?.horizonMs ?? 0);
  const keys: CustomerKey[] = [];
  let folded = 0;
  /** Folds everything with ts <= at; answers where it began. */
  const foldUntil = (at: number): number => {
    const from = folded;
    for (let event = events[folded]; event !== undefined && event.ts <= at; event = events[++folded]) {
      if (!store.has(event.key)) {
        store.load(event.key, undefined);
        keys.push(event.key);
      }
      store.fold(event.key, event, event.ts);
    }
    return from;
  };
  const rowOf = (key: CustomerKey, at: Instant): TrainingRow | undefined => {
    if (plan.sample < 1 && drawOf(`${key}/${at}`) >= plan.sample) return undefined;
    store.features(key, at, out);
    return { key, at, features: out, label: labelOf(key, at) };
  };
  const { times } = plan;
  if (times.kind === "every") {
    let at = Math.ceil((first + times.warmUpMs) / times.everyMs) * times.everyMs;
    for (; at <= endsAt; at += times.everyMs) {
      foldUntil(at);
      for (const key of keys) {
        const row = rowOf(key, at as Instant);
        if (row !== undefined) yield row;
      }
    }
    return;
  }
  for (let event = events[0]; event !== undefined && event.ts <= endsAt; event = events[folded]) {
    // Events of the same moment are all known at that moment, in whatever order they are written.
    const at = event.ts;
    const from = foldUntil(at);
    if (at < first + times.warmUpMs) continue;
    const asked = new Set<CustomerKey>();
    for (let index = from; index < folded; index++) {
      const one = events[index] as CustomerEvent;
      if (times.types.size === 0 || times.types.has(one.type)) asked.add(one.key);
    }
    for (const key of asked) {
      const row = rowOf(key, at);
      if (row !== undefined) yield row;
    }
  }
}

function createLabels(
  events: readonly CustomerEvent[],
  label: Label | undefined,
): (key: CustomerKey, at: number) => 0 | 1 | undefined {
  if (label === undefined) return () => undefined;
  const timesByKey = new Map<CustomerKey, number[]>();
  for (const { key, type, ts } of events) {
    if (type !== label.type) continue;
    const times = timesByKey.get(key);
    if (times === undefined) timesByKey.set(key, [ts]);
    else times.push(ts);
  }
  return (key, at) => {
    const next = firstAfter(timesByKey.get(key) ?? [], at);
    const happens = next !== undefined && next <= at + label.horizonMs;
    return happens === (label.kind === "any") ? 1 : 0;
  };
}

/** The first of the sorted times that is greater than `at`. */
function firstAfter(times: readonly number[], at: number): number | undefined {
  let low = 0;
  let high = times.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((times[middle] as number) > at) high = middle;
    else low = middle + 1;
  }
  return times[low];
}
