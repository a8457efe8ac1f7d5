import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CommitSeq, type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { compileLayout, parseLayout } from "../../engine/profile/layout.ts";
import { createProfileStore, type ProfileStore } from "../../engine/profile/store.ts";
import type { FeatureSpec } from "../../engine/rulebook/rulebook.ts";
import { contact } from "./contact.ts";
import { arrivals, attribute, event, everyFeature, feature, KEY, RUNS, START } from "./features.ts";

const FEATURES = everyFeature();
const ATTRIBUTES = [attribute(0, "segment", "string"), attribute(1, "balance", "number")];
const LAYOUT = compileLayout(FEATURES, ATTRIBUTES);

function row(store: ProfileStore, key: CustomerKey, now: number): number[] {
  const out = new Float64Array(store.layout().reads.length);
  store.features(key, now as Instant, out);
  return [...out];
}

function renumber(features: readonly FeatureSpec[]): FeatureSpec[] {
  return features.map((spec, index) => ({ ...spec, index: index as FeatureSpec["index"] }));
}

describe("a packed profile", () => {
  test("loaded elsewhere has the same features, state and commit, and packs to the same bytes", () => {
    fc.assert(
      fc.property(arrivals(40), fc.nat(), (history, seq) => {
        const store = createProfileStore({ layout: LAYOUT });
        store.load(KEY, undefined);
        for (const one of history) store.fold(KEY, one.event, one.arrivedAt);
        store.fold(KEY, event("profile_update", START, { segment: "gold", balance: 12.5 }));
        store.setReflects(KEY, seq as CommitSeq);
        const packed = store.pack(KEY);
        const other = createProfileStore({ layout: LAYOUT });
        // An odd offset: what comes out of a network buffer is not aligned.
        const shifted = new Uint8Array(packed.length + 3).subarray(3);
        shifted.set(packed);
        expect(other.load(KEY, shifted)).toEqual({ kind: "loaded" });
        const now = (history.at(-1)?.arrivedAt ?? START) + HOUR_MS;
        expect(row(other, KEY, now)).toEqual(row(store, KEY, now));
        expect(other.state(KEY)).toEqual(store.state(KEY));
        expect(other.reflects(KEY)).toBe(seq);
        expect(other.pack(KEY)).toEqual(packed);
      }),
      { numRuns: RUNS },
    );
  });

  test("with any byte changed, or cut off anywhere, is refused as corrupt", () => {
    const store = createProfileStore({ layout: LAYOUT });
    store.load(KEY, undefined);
    for (let day = 0; day < 5; day++) store.fold(KEY, event("buy", START + day * DAY_MS, { amount: 5, item: "i" }));
    store.fold(KEY, event("profile_update", START, { segment: "gold" }));
    const packed = store.pack(KEY);
    const other = createProfileStore({ layout: LAYOUT });
    for (let at = 0; at < packed.length; at++) {
      const changed = packed.slice();
      changed[at] = (changed[at] as number) ^ (1 << (at % 8));
      expect(other.load(KEY, changed).kind, `byte ${at}`).toBe("corrupt");
      expect(other.load(KEY, packed.subarray(0, at)).kind, `cut at ${at}`).toBe("corrupt");
    }
    expect(other.has(KEY)).toBe(false);
    expect(other.load(KEY, Uint8Array.of(...packed, 0)).kind).toBe("corrupt");
  });

  test("of a layout that is not known is told apart, and loads once the layout was learnt", () => {
    const store = createProfileStore({ layout: LAYOUT });
    store.load(KEY, undefined);
    store.fold(KEY, event("buy", START, { amount: 5 }));
    const packed = store.pack(KEY);
    const later = createProfileStore({ layout: compileLayout(renumber(FEATURES.slice(0, 20)), ATTRIBUTES) });
    expect(later.load(KEY, packed)).toEqual({ kind: "unknown-layout", hash: LAYOUT.hash });
    expect(later.has(KEY)).toBe(false);
    const learnt = parseLayout(LAYOUT.describe());
    expect(learnt.hash).toBe(LAYOUT.hash);
    later.learn(learnt);
    expect(later.knows(LAYOUT.hash)).toBe(true);
    expect(later.load(KEY, packed)).toEqual({ kind: "loaded" });
    expect(row(later, KEY, START)).toEqual(row(store, KEY, START).slice(0, 20));
  });

  test("takes about 600 bytes for 30 features and a dozen panes", () => {
    const features: FeatureSpec[] = [];
    const add = (sketch: Parameters<typeof feature>[1]) => features.push(feature(features.length, sketch));
    for (const type of ["view", "cart", "buy", "login", "call"]) {
      add({ aggregate: "count", types: [type], windowMs: 30 * DAY_MS, paneMs: DAY_MS });
      add({ aggregate: "count", types: [type], windowMs: 7 * DAY_MS, paneMs: DAY_MS });
      add({ aggregate: "recency", types: [type] });
      add({ aggregate: "count", types: [type] });
      add({ aggregate: "count", types: [type], halfLifeMs: 14 * DAY_MS });
    }
    for (const aggregate of ["sum", "mean", "min", "max"] as const) {
      add({ aggregate, types: ["buy"], field: "amount", windowMs: 30 * DAY_MS, paneMs: DAY_MS });
    }
    add({ aggregate: "last", types: ["buy"], field: "amount" });
    const store = createProfileStore({ layout: compileLayout(features, []) });
    store.load(KEY, undefined);
    for (let day = 0; day < 8; day++) store.fold(KEY, event("view", START + day * DAY_MS));
    for (let day = 0; day < 4; day++) store.fold(KEY, event("buy", START + day * DAY_MS, { amount: 3 }));
    expect(features.length).toBe(30);
    expect(store.pack(KEY).length).toBeLessThanOrEqual(600);
  });
});

describe("layouts", () => {
  test("have a hash that depends on identities and attributes, not on names, and on nothing that changes", () => {
    expect(compileLayout(everyFeature(), ATTRIBUTES).hash).toBe(LAYOUT.hash);
    expect(compileLayout(FEATURES.slice(1), ATTRIBUTES).hash).not.toBe(LAYOUT.hash);
    expect(compileLayout(FEATURES, ATTRIBUTES.slice(1)).hash).not.toBe(LAYOUT.hash);
    const renamed = FEATURES.map((spec) => ({ ...spec, name: `${spec.name}-renamed` }));
    expect(compileLayout(renamed, ATTRIBUTES).hash).toBe(LAYOUT.hash);
    expect(() => parseLayout("{}")).toThrow(TypeError);
    expect(() => parseLayout("not json")).toThrow(SyntaxError);
  });

  test("after a migration every feature that was there before reads the same, others are empty, then both go on", () => {
    const names = FEATURES.filter(({ aggregate }) => aggregate !== "ratio");
    fc.assert(
      fc.property(
        arrivals(40),
        fc.subarray(names, { minLength: 1 }),
        fc.subarray(names, { minLength: 1 }),
        (history, some, others) => {
          const before = compileLayout(renumber(some), ATTRIBUTES);
          const after = compileLayout(renumber(others), ATTRIBUTES);
          const cut = Math.floor(history.length / 2);
          const store = createProfileStore({ layout: before });
          const steady = createProfileStore({ layout: after });
          const late = createProfileStore({ layout: after });
          for (const one of [store, steady, late]) one.load(KEY, undefined);
          for (const one of history.slice(0, cut)) {
            store.fold(KEY, one.event, one.arrivedAt);
            steady.fold(KEY, one.event, one.arrivedAt);
          }
          store.activate(after);
          for (const one of history.slice(cut)) {
            for (const each of [store, steady, late]) each.fold(KEY, one.event, one.arrivedAt);
          }
          const now = history.at(-1)?.arrivedAt ?? START;
          const [found, whole, fresh] = [store, steady, late].map((each) => row(each, KEY, now)) as [
            number[],
            number[],
            number[],
          ];
          for (const [index, spec] of others.entries()) {
            const label = `${spec.aggregate} ${spec.identity} ${spec.windowMs} ${spec.halfLifeMs}`;
            const kept = some.includes(spec);
            const sharesPanes = some.some((one) => one.identity === spec.identity && one.paneMs === spec.paneMs);
            if (kept) expect(found[index], label).toBe(whole[index]);
            if (!sharesPanes) expect(found[index], label).toBe(fresh[index]);
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  test("a mean that joins a track of panes starts anew instead of dividing by old counts", () => {
    const window = { types: ["buy"], field: "amount", windowMs: 7 * DAY_MS, paneMs: DAY_MS } as const;
    const store = createProfileStore({ layout: compileLayout([feature(0, { aggregate: "max", ...window })], []) });
    store.load(KEY, undefined);
    store.fold(KEY, event("buy", START, { amount: 100 }));
    const both = [feature(0, { aggregate: "mean", ...window }), feature(1, { aggregate: "max", ...window })];
    store.activate(compileLayout(both, []));
    expect(row(store, KEY, START)).toEqual([Number.NaN, 100]);
    store.fold(KEY, event("buy", START + 1, { amount: 10 }));
    expect(row(store, KEY, START + 1)).toEqual([10, 100]);
  });

  test("looking at a profile never migrates what it holds: a replay that does not look finds the same", () => {
    const count = feature(0, { aggregate: "count" });
    const first = compileLayout([count], ATTRIBUTES);
    const second = compileLayout([feature(0, { aggregate: "recency" })], ATTRIBUTES);
    const third = compileLayout([count, feature(1, { aggregate: "sum", field: "amount" })], ATTRIBUTES);
    const store = createProfileStore({ layout: first });
    store.load(KEY, undefined);
    store.fold(KEY, event("buy", START, { amount: 4 }));
    const packed = store.pack(KEY);
    store.activate(second);
    expect(row(store, KEY, START)).toEqual([Number.NaN]);
    expect(store.state(KEY).attributes).toEqual([undefined, undefined]);
    expect(store.pack(KEY)).toEqual(packed);
    store.activate(third);
    expect(row(store, KEY, START)).toEqual([1, 0]);
    store.fold(KEY, event("buy", START + 1, { amount: 5 }));
    expect(row(store, KEY, START + 1)).toEqual([2, 5]);
  });

  test("attributes are found again by name and type, whatever their order", () => {
    const store = createProfileStore({ layout: LAYOUT });
    store.load(KEY, undefined);
    store.fold(KEY, event("profile_update", START, { segment: "gold", balance: 7 }));
    const moved = [attribute(0, "balance", "number"), attribute(1, "age", "number"), attribute(2, "segment", "set")];
    store.activate(compileLayout(FEATURES, moved));
    expect(store.state(KEY).attributes).toEqual([7, undefined, undefined]);
  });

  test("refuse what no record can hold", () => {
    const windowed = (windowMs: number, paneMs: number) =>
      compileLayout([feature(0, { aggregate: "count", windowMs, paneMs })], []);
    expect(() => windowed(HOUR_MS, 7 * 60_000)).toThrow(/not a whole number of panes/);
    expect(() => windowed(HOUR_MS, 1_000)).toThrow(/at least/);
    expect(() => compileLayout([feature(0, { aggregate: "max", halfLifeMs: DAY_MS })], [])).toThrow(/half-life/);
    expect(() => compileLayout([], [attribute(0, "a", "set"), attribute(1, "a", "set")])).toThrow(/rename/);
  });
});

describe("a store", () => {
  test("says the same of a state that was let go and is decoded again", () => {
    const store = createProfileStore({ layout: LAYOUT });
    store.load(KEY, undefined);
    store.fold(KEY, event("profile_update", START, { segment: "gold", balance: 12.5 }));
    store.setState(KEY, { ...store.state(KEY), contacts: [contact({ at: START as Instant })] });
    const before = store.state(KEY);
    expect(store.state(KEY)).toBe(before);
    store.forgetStates();
    expect(store.state(KEY)).not.toBe(before);
    expect(store.state(KEY)).toEqual(before);
    store.forgetStates();
    store.setState(KEY, { ...store.state(KEY), contacts: [] });
    store.forgetStates();
    expect(store.state(KEY).contacts).toEqual([]);
  });

  test("of thousands of customers that grow, shrink, leave and return keeps each apart from the others", () => {
    const store = createProfileStore({ layout: LAYOUT });
    const alone = new Map<CustomerKey, ProfileStore>();
    const away = new Map<CustomerKey, Uint8Array>();
    let seed = 7;
    const random = (below: number): number => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 8) % below;
    };
    const customers = 3_000;
    for (let step = 0; step < 12_000; step++) {
      const number = Math.min(random(customers), random(customers));
      const key = customerKey(`c-${number}`);
      if (!store.has(key)) {
        if (store.load(key, away.get(key)).kind !== "loaded") expect.fail(`${key} was not loaded`);
        away.delete(key);
      }
      const one = { ...nextEvent(step, random), key };
      // Every 20th customer has a store of its own to be compared with.
      if (number % 20 === 0) {
        let own = alone.get(key);
        if (own === undefined) {
          own = createProfileStore({ layout: LAYOUT });
          own.load(key, undefined);
          alone.set(key, own);
        }
        own.fold(key, one);
      }
      store.fold(key, one);
      if (random(10) === 0) {
        const oldest = store.oldest(1)[0] as CustomerKey;
        away.set(oldest, store.pack(oldest));
        store.evict(oldest);
      }
    }
    for (const [key, own] of alone) {
      if (!store.has(key)) store.load(key, away.get(key));
      expect(store.pack(key)).toEqual(own.pack(key));
    }
  });

  function nextEvent(step: number, random: (below: number) => number) {
    const ts = START + step * 60_000;
    const props = { amount: random(100), item: `item-${random(50)}` };
    switch (random(12)) {
      case 0:
        return event("profile_update", ts, { segment: "x".repeat(random(256)), balance: random(1000) });
      case 1:
        return event("case_opened", ts, { caseId: `case-${random(5)}`, kind: "complaint" });
      case 2:
        return event("case_closed", ts, { caseId: `case-${random(5)}` });
      case 3:
        return event("contact", ts, { channel: "push", group: "cards", direction: "outbound" }, `event-${step}`);
      default:
        return event(random(2) === 0 ? "buy" : "view", ts, props);
    }
  }

  test("counts what it holds, and gives places back", () => {
    const store = createProfileStore({ layout: LAYOUT });
    expect([store.size, store.bytes]).toEqual([0, 0]);
    const keys = Array.from({ length: 1_000 }, (_, index) => customerKey(`c-${index}`));
    for (const key of keys) store.load(key, undefined);
    const held = store.bytes;
    expect(store.size).toBe(1_000);
    expect(held).toBeGreaterThanOrEqual(1_000 * store.pack(keys[0] as CustomerKey).length);
    for (const key of keys) store.evict(key);
    expect([store.size, store.bytes]).toEqual([0, 0]);
    for (const key of keys) store.load(key, undefined);
    expect(store.bytes).toBe(held);
  });

  test("a large state moves to a larger place and back", () => {
    const store = createProfileStore({ layout: LAYOUT });
    store.load(KEY, undefined);
    store.fold(KEY, event("buy", START, { amount: 9 }));
    const features = row(store, KEY, START);
    const empty = store.state(KEY);
    const small = store.bytes;
    const contacts = Array.from({ length: 128 }, (_, rank) => contact({ rank }));
    store.setState(KEY, { ...empty, contacts });
    expect(store.state(KEY).contacts).toEqual(contacts);
    expect(row(store, KEY, START)).toEqual(features);
    store.setState(KEY, empty);
    expect(store.state(KEY)).toEqual(empty);
    expect(row(store, KEY, START)).toEqual(features);
    expect(store.bytes).toBeLessThan(2 * small);
  });

  test("knows who was touched longest ago", () => {
    const store = createProfileStore({ layout: LAYOUT });
    const [a, b, c] = ["a", "b", "c"].map(customerKey) as [CustomerKey, CustomerKey, CustomerKey];
    for (const key of [a, b, c]) store.load(key, undefined);
    store.state(a);
    expect(store.oldest(2)).toEqual([b, c]);
    store.evict(b);
    expect(store.oldest(9)).toEqual([c, a]);
    store.has(c);
    expect(store.oldest(1)).toEqual([c]);
  });

  test("a profile that is not held is a mistake of the caller", () => {
    const store = createProfileStore({ layout: LAYOUT });
    expect(() => store.fold(KEY, event("buy", START))).toThrow(RangeError);
    expect(() => store.evict(KEY)).toThrow(RangeError);
  });
});
