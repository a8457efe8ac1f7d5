import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import { compileLayout } from "../../engine/profile/layout.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import type { FeatureSpec } from "../../engine/rulebook/rulebook.ts";
import { type Arrival, arrivals, event, everyFeature, feature, KEY, RUNS, START } from "./features.ts";
import { naiveFeatures } from "./naive.ts";

const FEATURES = everyFeature();

function fold(features: readonly FeatureSpec[], history: readonly Arrival[]) {
  const store = createProfileStore({ layout: compileLayout(features, []) });
  store.load(KEY, undefined);
  for (const arrival of history) store.fold(KEY, arrival.event, arrival.arrivedAt);
  return store;
}

/** Sums are floating point: they may differ in their last bits by the order of adding, relative to what was added. */
function expectSame(
  features: readonly FeatureSpec[],
  found: Float64Array,
  wanted: readonly number[],
  magnitude: number,
) {
  for (const [index, spec] of features.entries()) {
    const label = `${index} ${spec.aggregate} ${spec.identity} window ${spec.windowMs} half-life ${spec.halfLifeMs}`;
    const value = found[index] as number;
    const want = wanted[index] as number;
    const isExact = ["count", "distinct", "min", "max", "last", "recency"].includes(spec.aggregate);
    if (Number.isNaN(want) || (isExact && spec.halfLifeMs === undefined)) {
      expect(value, label).toBe(want);
    } else if (spec.aggregate === "ratio") {
      const scale = Math.max(1, Math.abs(want));
      expect(Math.abs(value - want) / scale, `${label}: ${value} for ${want}`).toBeLessThan(1e-6 * magnitude);
    } else {
      expect(Math.abs(value - want), `${label}: ${value} for ${want}`).toBeLessThanOrEqual(1e-12 * magnitude);
    }
  }
}

function magnitudeOf(history: readonly Arrival[]): number {
  let total = 1;
  for (const { event: one } of history) {
    const amount = one.props["amount"];
    total += typeof amount === "number" ? Math.abs(amount) : 1;
  }
  return total;
}

describe("windows, half-lives and last values", () => {
  test("equal a naive fold of all events, late, early and out of order, at any time after", () => {
    fc.assert(
      fc.property(
        arrivals(80),
        fc.array(fc.integer({ min: 0, max: 100 * DAY_MS }), { maxLength: 4 }),
        (history, waits) => {
          const store = fold(FEATURES, history);
          const events = history.map((arrival) => arrival.event);
          const last = history.at(-1)?.arrivedAt ?? START;
          const out = new Float64Array(FEATURES.length);
          for (const wait of [0, ...waits]) {
            const now = (last + wait) as Instant;
            store.features(KEY, now, out);
            expectSame(FEATURES, out, naiveFeatures(FEATURES, events, now).values, magnitudeOf(history));
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("equal the naive fold after every single event, and across pack and load in the middle", () => {
    fc.assert(
      fc.property(arrivals(40), fc.nat(), (history, cut) => {
        const layout = compileLayout(FEATURES, []);
        let store = createProfileStore({ layout });
        store.load(KEY, undefined);
        const events = [];
        const out = new Float64Array(FEATURES.length);
        for (const [index, arrival] of history.entries()) {
          if (index === cut % history.length) {
            const packed = store.pack(KEY);
            store = createProfileStore({ layout });
            expect(store.load(KEY, packed)).toEqual({ kind: "loaded" });
          }
          store.fold(KEY, arrival.event, arrival.arrivedAt);
          events.push(arrival.event);
          store.features(KEY, arrival.arrivedAt, out);
          expectSame(FEATURES, out, naiveFeatures(FEATURES, events, arrival.arrivedAt).values, magnitudeOf(history));
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("the order of arrival within the same time does not matter for count, distinct, min and max", () => {
    const orderless = FEATURES.filter(
      ({ aggregate, halfLifeMs }) =>
        halfLifeMs === undefined && ["count", "distinct", "min", "max"].includes(aggregate),
    ).map((spec, index) => ({ ...spec, index: index as FeatureSpec["index"] }));
    fc.assert(
      fc.property(arrivals(40), fc.infiniteStream(fc.nat()), (history, keys) => {
        const last = (history.at(-1)?.arrivedAt ?? START) as Instant;
        const together = history.map((arrival) => ({ ...arrival, arrivedAt: last }));
        const shuffled = together
          .map((arrival) => ({ arrival, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ arrival }) => arrival);
        const [one, two] = [together, shuffled].map((order) => {
          const out = new Float64Array(orderless.length);
          fold(orderless, order).features(KEY, last, out);
          return out;
        });
        expect(two).toEqual(one);
      }),
      { numRuns: RUNS },
    );
  });

  test("without the log's time, events in order of ts give the same", () => {
    fc.assert(
      fc.property(arrivals(60), (history) => {
        const inOrder = history.map((arrival) => arrival.event).sort((a, b) => a.ts - b.ts);
        const store = createProfileStore({ layout: compileLayout(FEATURES, []) });
        store.load(KEY, undefined);
        for (const one of inOrder) store.fold(KEY, one);
        const now = (inOrder.at(-1)?.ts ?? START) as Instant;
        const out = new Float64Array(FEATURES.length);
        store.features(KEY, now, out);
        expectSame(FEATURES, out, naiveFeatures(FEATURES, inOrder, now).values, magnitudeOf(history));
      }),
      { numRuns: RUNS },
    );
  });
});

describe("a window", () => {
  const hour = [feature(0, { aggregate: "count", windowMs: HOUR_MS, paneMs: 5 * MINUTE_MS })];
  const count = (store: ReturnType<typeof fold>, now: number): number => {
    const out = new Float64Array(1);
    store.features(KEY, now as Instant, out);
    return out[0] as number;
  };
  const arrived = (ts: number, at = ts): Arrival => ({ arrivedAt: at as Instant, event: event("view", ts) });

  test("counts its whole length and at most one pane more", () => {
    const at = START + 2 * MINUTE_MS;
    const store = fold(hour, [arrived(at)]);
    expect(count(store, at)).toBe(1);
    expect(count(store, at + HOUR_MS - 1)).toBe(1);
    expect(count(store, START + HOUR_MS + 5 * MINUTE_MS - 1)).toBe(1);
    expect(count(store, START + HOUR_MS + 5 * MINUTE_MS)).toBe(0);
  });

  test("does not count a pane that has not begun", () => {
    const store = fold(hour, [arrived(START + 6 * MINUTE_MS, START)]);
    expect(count(store, START)).toBe(0);
    expect(count(store, START + 5 * MINUTE_MS)).toBe(1);
  });

  test("is not wiped by one event from a clock that runs ahead", () => {
    const store = fold(hour, [arrived(START), arrived(START + DAY_MS, START + 1), arrived(START + 2)]);
    expect(count(store, START + 2)).toBe(2);
    expect(count(store, START + DAY_MS)).toBe(1);
  });

  test("keeps no more panes than it reads, and those of clocks ahead", () => {
    const store = createProfileStore({ layout: compileLayout(hour, []) });
    store.load(KEY, undefined);
    let largest = 0;
    for (let step = 0; step < 5_000; step++) {
      const one = arrived(START + step * MINUTE_MS);
      store.fold(KEY, one.event, one.arrivedAt);
      largest = Math.max(largest, store.pack(KEY).length);
    }
    expect(largest).toBeLessThanOrEqual((4 + 1 + 13) * 8);
    for (let ahead = 0; ahead < 5_000; ahead++)
      store.fold(KEY, event("view", START + ahead * 5 * MINUTE_MS), START as Instant);
    expect(store.pack(KEY).length).toBeLessThanOrEqual((4 + 1 + 13 + 288) * 8);
  });
});

describe("distinct", () => {
  test("lies within four standard errors of the true count, and says 0 to 10 nearly exactly", () => {
    const features = [feature(0, { aggregate: "distinct", field: "item" })];
    const out = new Float64Array(1);
    for (const total of [1, 10, 50, 100, 256, 500, 1000]) {
      const history = Array.from({ length: total }, (_, item) => ({
        arrivedAt: START as Instant,
        event: event("view", START, { item: `product-${item}` }),
      }));
      fold(features, history).features(KEY, START as Instant, out);
      const t = total / 256;
      const error = Math.sqrt(256 * (Math.exp(t) - t - 1));
      expect(Math.abs((out[0] as number) - total), `${out[0]} for ${total}`).toBeLessThanOrEqual(4 * error + 0.5);
    }
  });
});
