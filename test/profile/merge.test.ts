// Two profiles merged are the profile that one fold of all their events would have made.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nameHash } from "../../engine/domain/hash.ts";
import { customerKey, type DecisionId, trackingCode } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, LONG_AGO, NEVER } from "../../engine/domain/time.ts";
import { idOfBytes } from "../../engine/profile/base64url.ts";
import { ABSORBED_MAX, CONTACTS_MAX } from "../../engine/profile/bounds.ts";
import { compileLayout } from "../../engine/profile/layout.ts";
import { endJoining, mergeStates } from "../../engine/profile/merge-state.ts";
import { decodeState, type ProfileState } from "../../engine/profile/state.ts";
import { createProfileStore, type ProfileStore } from "../../engine/profile/store.ts";
import { contact } from "./contact.ts";
import { type Arrival, arrivals, attribute, event, everyFeature, feature, KEY, RUNS, START } from "./features.ts";

const FEATURES = everyFeature();
const LAYOUT = compileLayout(FEATURES, [attribute(0, "segment", "string"), attribute(1, "balance", "number")]);
const OTHER = customerKey("anon:b-1");
const MEMORY_MS = 90 * DAY_MS;

function folded(history: readonly Arrival[], layout = LAYOUT, key = KEY): ProfileStore {
  const store = createProfileStore({ layout });
  store.load(key, undefined);
  for (const { event: one, arrivedAt } of history) store.fold(key, one, arrivedAt);
  return store;
}

function row(store: ProfileStore, now: number): Float64Array {
  const out = new Float64Array(store.layout().reads.length);
  store.features(KEY, now as Instant, out);
  return out;
}

function expectSame(found: Float64Array, wanted: Float64Array, magnitude: number): void {
  for (const [index, spec] of FEATURES.entries()) {
    const label = `${index} ${spec.aggregate} ${spec.identity} window ${spec.windowMs} half-life ${spec.halfLifeMs}`;
    const value = found[index] as number;
    const want = wanted[index] as number;
    const isExact = ["count", "distinct", "min", "max", "last", "recency"].includes(spec.aggregate);
    if (Number.isNaN(want) || (isExact && spec.halfLifeMs === undefined)) expect(value, label).toBe(want);
    else expect(Math.abs(value - want), `${label}: ${value} for ${want}`).toBeLessThanOrEqual(1e-9 * magnitude);
  }
}

/** Each event at a time of its own: of two at one instant the last one would depend on the order of arrival. */
const histories = arrivals(80).map((history) =>
  history.map(({ arrivedAt, event: one }, index) => ({
    arrivedAt,
    event: { ...one, ts: (one.ts - (one.ts % 128) + index) as Instant },
  })),
);

describe("the features of two profiles", () => {
  test("merged are those of one fold of all events, and go on as such", { timeout: 300_000 }, () => {
    fc.assert(
      fc.property(
        histories,
        fc.infiniteStream(fc.boolean()),
        fc.nat({ max: 80 }),
        fc.nat({ max: 100 * DAY_MS }),
        (history, sides, later, wait) => {
          const before = history.slice(0, Math.max(0, history.length - later));
          const after = history.slice(before.length);
          const side = before.map(() => sides.next().value as boolean);
          const own = folded(before.filter((_, index) => side[index]));
          const theirs = folded(
            before.filter((_, index) => !side[index]),
            LAYOUT,
            OTHER,
          );
          const mergedAt = (before.at(-1)?.arrivedAt ?? START) as Instant;
          expect(own.merge(KEY, theirs.pack(OTHER), mergedAt, MEMORY_MS)).toEqual({ kind: "merged", evicted: [] });
          const together = folded(before);
          for (const { event: one, arrivedAt } of after) {
            own.fold(KEY, one, arrivedAt);
            together.fold(KEY, one, arrivedAt);
          }
          let magnitude = 1;
          for (const { event: one } of history) {
            const amount = one.props["amount"];
            magnitude += typeof amount === "number" ? Math.abs(amount) : 1;
          }
          const now = (history.at(-1)?.arrivedAt ?? START) + wait;
          expectSame(row(own, now), row(together, now), magnitude);
          // The record is sound, too: it loads elsewhere and reads the same.
          const elsewhere = createProfileStore({ layout: LAYOUT });
          expect(elsewhere.load(KEY, own.pack(KEY))).toEqual({ kind: "loaded" });
          expect(row(elsewhere, now)).toEqual(row(own, now));
        },
      ),
      { numRuns: RUNS * 4 },
    );
  });

  test("of different layouts are merged under the receiver's", () => {
    const week = { windowMs: 7 * DAY_MS, paneMs: 6 * HOUR_MS };
    const sender = compileLayout(
      [
        feature(0, { aggregate: "max", types: ["buy"], field: "amount" }),
        feature(1, { aggregate: "count", types: ["buy"], ...week }),
      ],
      [attribute(0, "segment", "string"), attribute(1, "left", "number")],
    );
    const receiver = compileLayout(
      [
        feature(0, { aggregate: "count", types: ["buy"], ...week }),
        feature(1, { aggregate: "sum", types: ["buy"], field: "amount", ...week }),
        feature(2, { aggregate: "max", types: ["buy"], field: "amount" }),
      ],
      [attribute(0, "balance", "number"), attribute(1, "segment", "string")],
    );
    const history = [1, 2, 3].map((day) => ({
      arrivedAt: (START + day * DAY_MS) as Instant,
      event: event("buy", START + day * DAY_MS, { amount: day }),
    }));
    const theirs = folded(history, sender, OTHER);
    theirs.fold(OTHER, event("profile_update", START, { segment: "gold", left: 1 }));
    const own = folded(history.slice(0, 1), receiver);
    const now = (START + 4 * DAY_MS) as Instant;
    expect(own.merge(KEY, theirs.pack(OTHER), now, MEMORY_MS)).toEqual({ kind: "unknown-layout", hash: sender.hash });
    own.learn(sender);
    expect(own.merge(KEY, theirs.pack(OTHER), now, MEMORY_MS).kind).toBe("merged");
    const found = new Float64Array(3);
    own.features(KEY, now, found);
    expect([...found], "the sender kept no sums").toEqual([4, 1, 3]);
    expect(own.state(KEY).attributes).toEqual([undefined, "gold"]);
    const packed = theirs.pack(OTHER);
    packed[40] = (packed[40] as number) ^ 1;
    const before = own.pack(KEY);
    expect(own.merge(KEY, packed, now, MEMORY_MS).kind).toBe("corrupt");
    expect(own.pack(KEY)).toEqual(before);
  });

  test("a profile that was reset knows nothing but what it is told, and the commit that it reflects", () => {
    const store = folded([{ arrivedAt: START as Instant, event: event("buy", START, { amount: 5 }) }]);
    store.setReflects(KEY, 7 as Parameters<ProfileStore["setReflects"]>[1]);
    store.reset(KEY, (empty) => ({ ...empty, sealedTo: customerKey("c-9") }));
    expect(store.state(KEY)).toEqual({ ...empty(), sealedTo: "c-9" });
    expect(store.reflects(KEY)).toBe(7);
    expect([...row(store, START)]).toEqual([...row(folded([]), START)]);
  });
});

function empty(): ProfileState {
  return decodeState(new Uint8Array(0), LAYOUT);
}

function merged(into: Partial<ProfileState>, from: Partial<ProfileState>, now = START + DAY_MS) {
  return mergeStates({ ...empty(), ...into }, { ...empty(), ...from }, now as Instant, MEMORY_MS);
}

function code(n: number) {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setUint32(4, n);
  const decision = idOfBytes(bytes) as DecisionId;
  return { decision, trackingCode: trackingCode(decision, 0) };
}

const at = (ms: number): Instant => (START + ms) as Instant;

describe("what is known of two keys", () => {
  test("equals what one would know: attributes, consents and cases, in any order of events", {
    timeout: 300_000,
  }, () => {
    const types = fc.constantFrom("profile_update", "consent_update", "case_opened", "case_closed");
    const acts = fc.array(fc.record({ type: types, n: fc.nat(2), yes: fc.boolean(), mine: fc.boolean() }), {
      maxLength: 14,
    });
    const orders = acts.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray([...list.keys()], { minLength: list.length })),
    );
    fc.assert(
      fc.property(orders, ([list, order]) => {
        const stores = [folded([]), folded([]), folded([], LAYOUT, KEY)] as const;
        for (const index of order) {
          const { type, n, yes, mine } = list[index] as (typeof list)[number];
          const props = {
            profile_update: n === 0 ? { segment: `s${index}` } : { balance: index },
            consent_update: { channel: `ch${n}`, purpose: "marketing", granted: yes },
            case_opened: { caseId: `k${n}`, kind: "complaint" },
            case_closed: { caseId: `k${n}` },
          }[type];
          const one = event(type, START + index, props);
          stores[mine ? 0 : 1].fold(KEY, one, at(DAY_MS));
          stores[2].fold(KEY, one, at(DAY_MS));
        }
        const { state } = mergeStates(stores[0].state(KEY), stores[1].state(KEY), at(DAY_MS), MEMORY_MS);
        const sorted = (known: ProfileState) => ({
          attributes: known.attributes,
          attributeTs: known.attributeTs,
          consents: [...known.consents].sort((a, b) => (a.channel < b.channel ? -1 : 1)),
          openCases: [...known.openCases].sort((a, b) => (a.caseId < b.caseId ? -1 : 1)),
          closedCases: [...known.closedCases].sort((a, b) => (a.caseId < b.caseId ? -1 : 1)),
        });
        expect(sorted(state)).toEqual(sorted(stores[2].state(KEY)));
      }),
      { numRuns: RUNS * 4 },
    );
  });

  test("of two consents of the same instant the refusal holds", () => {
    const consent = { channel: "push", purpose: "marketing", ts: at(0) };
    const yes = { ...consent, granted: true };
    const no = { ...consent, granted: false };
    expect(merged({ consents: [yes] }, { consents: [no] }).state.consents).toEqual([no]);
    expect(merged({ consents: [no] }, { consents: [yes] }).state.consents).toEqual([no]);
  });

  test("contacts are united by tracking code, oldest first, and nothing that counts is lost while there is room", () => {
    const one = (n: number, given = {}) => contact({ ...code(n), at: at(n), state: "confirmed", ...given });
    const { state, evicted } = merged({ contacts: [one(1), one(3)] }, { contacts: [one(2), one(3)] });
    expect(state.contacts.map((each) => each.at)).toEqual([at(1), at(2), at(3)]);
    expect(evicted).toEqual([]);
    const many = Array.from({ length: CONTACTS_MAX }, (_, n) => one(2 * n + 10));
    const theirs = Array.from({ length: CONTACTS_MAX }, (_, n) =>
      one(2 * n + 11, { state: n < 100 ? "released" : "confirmed" }),
    );
    const full = merged({ contacts: many }, { contacts: theirs });
    expect(full.state.contacts).toHaveLength(CONTACTS_MAX);
    expect(full.evicted.filter(({ state: standing }) => standing === "released")).toHaveLength(100);
    const oldestLost = full.evicted.filter(({ state: standing }) => standing === "confirmed");
    expect(Math.max(...oldestLost.map((each) => each.at))).toBeLessThan(
      Math.min(...full.state.contacts.map((each) => each.at)),
    );
    const live = Array.from({ length: CONTACTS_MAX }, (_, n) => one(n + 1_000, { live: true }));
    const crowded = merged({ contacts: live }, { contacts: [one(5, { live: true }), one(6)] });
    expect(crowded.evicted.map((each) => each.at)).toEqual([at(5), at(6)]);
  });

  test("patterns, held messages and campaigns are those of both", () => {
    const a = nameHash("trigger", "a");
    const mark = (n: number) => ({ step: 0, at: at(n), source: "http", event: `e-${n}` });
    const own = { pattern: a, due: at(9), marks: [mark(1), mark(4)] };
    const theirs = { pattern: a, due: NEVER, marks: [mark(2), mark(4)] };
    const other = { pattern: nameHash("trigger", "b"), due: at(3), marks: [] };
    const held = { trigger: a, source: "http", event: "e-1", at: at(1), until: at(5), dropAfter: at(9), context: {} };
    const campaign = { campaign: nameHash("campaign", "spring"), at: at(1) };
    const { state } = merged(
      { patterns: [own], held: [held], campaigns: [campaign], rescoredAt: LONG_AGO },
      {
        patterns: [theirs, other],
        held: [{ ...held, event: "e-2", at: at(2) }],
        campaigns: [campaign],
        rescoredAt: at(7),
      },
    );
    expect(state.patterns).toEqual([{ pattern: a, due: at(9), marks: [mark(1), mark(2), mark(4)] }, other]);
    expect(state.held.map(({ event: id }) => id)).toEqual(["e-2"]);
    expect(state.campaigns).toEqual([campaign]);
    expect(state.rescoredAt).toBe(at(7));
  });

  test("a join ends with its answer; the keys that it joined are remembered, the last of them", () => {
    let state: ProfileState = { ...empty(), joining: 2 };
    state = endJoining(state, OTHER, true);
    expect([state.joining, state.absorbed]).toEqual([1, [OTHER]]);
    state = endJoining(state, customerKey("anon:x"), false);
    expect([state.joining, state.absorbed]).toEqual([0, [OTHER]]);
    expect(endJoining(state, OTHER, true)).toEqual(state);
    for (let n = 0; n < ABSORBED_MAX; n++) state = endJoining(state, customerKey(`anon:${n}`), true);
    expect(state.absorbed).toHaveLength(ABSORBED_MAX);
    expect(state.absorbed).not.toContain(OTHER);
  });
});
