import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeRecorded, parseLabel, parseTimes, readFeatures } from "../../engine/cli/features-export.ts";
import { type RowPlan, trainingRows } from "../../engine/cli/features-rows.ts";
import { MAPPINGS } from "../../engine/cli/mappings.ts";
import { readRecorded } from "../../engine/cli/replay-file.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { CDNOW, skipShared } from "./shared-data.ts";

const RULES = new URL("../../rules", import.meta.url).pathname;
const { features, attributes } = await readFeatures(RULES);
const START = Date.UTC(2026, 0, 1);

function event(customer: string, type: string, ts: number, props: CustomerEvent["props"] = {}): CustomerEvent {
  return {
    id: `${customer}-${type}-${ts}`,
    type,
    key: customerKey(customer),
    ts: ts as Instant,
    source: "test",
    props,
  };
}

interface Row {
  readonly key: string;
  readonly at: number;
  readonly label: 0 | 1 | undefined;
  readonly features: readonly number[];
}

function rowsOf(events: readonly CustomerEvent[], plan: Partial<RowPlan>): Row[] {
  const whole: RowPlan = {
    times: { kind: "every", everyMs: DAY_MS, warmUpMs: 0 },
    label: undefined,
    sample: 1,
    ...plan,
  };
  const sorted = events.toSorted((a, b) => a.ts - b.ts);
  // The features are one array for all rows: copied while it is this row's.
  return Array.from(trainingRows(sorted, features, attributes, whole), (row) => ({
    ...row,
    features: [...row.features],
  }));
}

function featureOf(row: Row | undefined, name: string): number | undefined {
  return row?.features[features.findIndex((feature) => feature.name === name)];
}

const randomEvents = fc.array(
  fc.tuple(
    fc.constantFrom("a", "b", "c"),
    fc.constantFrom("page_view", "purchase", "add_to_cart"),
    fc.integer({ min: 0, max: 30 * 24 }),
  ),
  { minLength: 1, maxLength: 60 },
);

describe("training rows", () => {
  it("a future event never changes a past row, a row never knows of an event after it", () => {
    fc.assert(
      fc.property(
        randomEvents,
        fc.constantFrom<RowPlan["times"]>(
          { kind: "every", everyMs: DAY_MS, warmUpMs: 0 },
          { kind: "event", types: new Set(), warmUpMs: 0 },
          { kind: "event", types: new Set(["purchase"]), warmUpMs: 2 * DAY_MS },
        ),
        fc.integer({ min: 0, max: 30 * 24 }),
        (drafts, times, cutHour) => {
          const events = drafts.map(([customer, type, hour]) =>
            event(customer, type, START + hour * HOUR_MS, { amount: hour }),
          );
          // An event at the start and one at the end keep the first row and the last one where they are.
          const frame = [event("z", "start", START), event("z", "end", START + 31 * DAY_MS)];
          const cut = START + cutHour * HOUR_MS;
          const upToCut = (rows: Row[]): Row[] => rows.filter((row) => row.at <= cut && row.key !== "z");
          const whole = upToCut(rowsOf([...events, ...frame], { times }));
          const past = upToCut(rowsOf([...events.filter(({ ts }) => ts <= cut), ...frame], { times }));
          const other = events.map((one) =>
            one.ts > cut ? event(one.key, "purchase", one.ts + 7, { amount: 1e6 }) : one,
          );
          expect(whole).toEqual(past);
          expect(upToCut(rowsOf([...other, ...frame], { times }))).toEqual(past);
        },
      ),
      { numRuns: process.env["NBA_LONG"] === "1" ? 1000 : 60 },
    );
  });

  it("labels are those of a naive look at the future, and rows end where the horizon leaves the data", () => {
    const label = { kind: "any", type: "purchase", horizonMs: 3 * DAY_MS } as const;
    fc.assert(
      fc.property(randomEvents, (drafts) => {
        const events = drafts.map(([customer, type, hour]) => event(customer, type, START + hour * HOUR_MS));
        const last = Math.max(...events.map(({ ts }) => ts));
        const rows = rowsOf(events, { label });
        for (const row of rows) {
          const bought = events.some(
            (one) =>
              one.key === row.key && one.type === "purchase" && one.ts > row.at && one.ts <= row.at + label.horizonMs,
          );
          expect(row.label).toBe(bought ? 1 : 0);
          expect(row.at + label.horizonMs).toBeLessThanOrEqual(last);
        }
        const none = rowsOf(events, { label: { ...label, kind: "none" } });
        expect(none.map((row) => row.label)).toEqual(rows.map((row) => (row.label === 1 ? 0 : 1)));
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 1000 : 60 },
    );
  });

  it("counts what happened at T itself, and looks for the label after it", () => {
    const label = { kind: "any", type: "purchase", horizonMs: DAY_MS } as const;
    const events = [
      event("a", "purchase", START),
      event("b", "page_view", START),
      event("b", "purchase", START + DAY_MS),
    ];
    const rows = rowsOf(events, { label });
    expect(rows.map(({ key, at, label: is }) => [key, at - START, is])).toEqual([
      ["a", 0, 0],
      ["b", 0, 1],
    ]);
    expect(rows.map((row) => featureOf(row, "purchases_24h"))).toEqual([1, 0]);
    expect(rows.map((row) => featureOf(row, "purchase_recency"))).toEqual([0, Number.NaN]);
  });

  it("takes one row for events of one moment, and knows all of them whatever their order", () => {
    const events = [
      event("a", "page_view", START),
      event("a", "purchase", START, { amount: 5 }),
      event("a", "page_view", START),
    ];
    for (const order of [events, events.toReversed()]) {
      const rows = rowsOf(order, { times: { kind: "event", types: new Set(["page_view"]), warmUpMs: 0 } });
      expect(rows).toHaveLength(1);
      expect([
        featureOf(rows[0], "views_1h"),
        featureOf(rows[0], "purchases_24h"),
        featureOf(rows[0], "spend_last"),
      ]).toEqual([2, 1, 5]);
    }
  });

  it("keeps the same sample each time", () => {
    const events = Array.from({ length: 400 }, (_, index) => event(`c${index}`, "page_view", START + index));
    const plan = { times: { kind: "event", types: new Set<string>(), warmUpMs: 0 }, sample: 0.25 } as const;
    const keys = rowsOf(events, plan).map(({ key }) => key);
    expect(keys.length).toBeGreaterThan(60);
    expect(keys.length).toBeLessThan(140);
    expect(rowsOf(events, plan).map(({ key }) => key)).toEqual(keys);
  });

  it.skipIf(skipShared)("of CDNOW agree with a count of the file itself", async () => {
    const file = await readRecorded(
      CDNOW,
      MAPPINGS.find(({ name }) => name === "cdnow"),
    );
    const events = decodeRecorded(file);
    const label = parseLabel("none:purchase:90d");
    const times = { kind: "every", everyMs: 28 * DAY_MS, warmUpMs: 90 * DAY_MS } as const;
    const byKey = new Map<string, CustomerEvent[]>();
    for (const one of events) byKey.set(one.key, [...(byKey.get(one.key) ?? []), one]);
    let rows = 0;
    const wrong: string[] = [];
    for (const row of trainingRows(events, features, attributes, { times, label, sample: 0.2 })) {
      rows++;
      const all = byKey.get(row.key) ?? [];
      const past = all.filter(({ ts }) => ts <= row.at);
      const newest = Math.max(...past.map(({ ts }) => ts));
      const silent = all.every(({ ts }) => ts <= row.at || ts > row.at + 90 * DAY_MS);
      const copy: Row = { ...row, features: [...row.features] };
      const agrees =
        featureOf(copy, "purchases_all") === past.length &&
        featureOf(copy, "purchase_recency") === row.at - newest &&
        row.label === (silent ? 1 : 0);
      if (!agrees) wrong.push(`${row.key} ${row.at}`);
    }
    expect(wrong).toEqual([]);
    expect(rows).toBeGreaterThan(5_000);
  });

  it("reads when and what from the command line", () => {
    expect(parseTimes("weekly")).toEqual({ kind: "every", everyMs: 7 * DAY_MS, warmUpMs: 0 });
    expect(parseTimes("every:6h")).toEqual({ kind: "every", everyMs: 6 * HOUR_MS, warmUpMs: 0 });
    expect(parseTimes("event:a,b")).toEqual({ kind: "event", types: new Set(["a", "b"]), warmUpMs: 0 });
    for (const wrong of ["hourly", "every:", "every:6", "every:0h"])
      expect(() => parseTimes(wrong)).toThrow("is none of daily");
    expect(parseLabel("any:purchase:24h")).toEqual({ kind: "any", type: "purchase", horizonMs: DAY_MS });
    for (const wrong of ["some:purchase:24h", "any:purchase", "any::24h"])
      expect(() => parseLabel(wrong)).toThrow("is not like");
  });
});
