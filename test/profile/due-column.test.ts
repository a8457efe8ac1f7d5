// When something falls due, as the store tells it without decoding, beside what the decoded state says.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type CustomerKey, customerKey } from "../../engine/domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../../engine/domain/time.ts";
import { dailyFrom, soonestDue } from "../../engine/profile/due-column.ts";
import { compileLayout } from "../../engine/profile/layout.ts";
import type { PatternState } from "../../engine/profile/state.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import { contact } from "./contact.ts";
import { attribute, event, everyFeature, RUNS, START } from "./features.ts";

const LAYOUT = compileLayout(everyFeature(), [attribute(0, "segment", "string")]);
const NARROW = compileLayout(everyFeature().slice(0, 4), []);

const instant = fc.oneof(fc.integer({ min: 0, max: 1_000 }), fc.constant(NEVER)).map((ms) => ms as Instant);
const customer = fc.integer({ min: 0, max: 5 }).map((one) => customerKey(`c-${one}`));
const contacts = fc.array(
  fc
    .record({ reservedUntil: instant, expiresAt: instant, respondBy: instant })
    .map((times) => contact({ ...times, live: true })),
  { maxLength: 3 },
);
const patterns = fc.array(
  instant.map((due) => ({ pattern: 1, due, marks: [] }) as unknown as PatternState),
  { maxLength: 2 },
);

type Store = ReturnType<typeof createProfileStore>;
type Deed = (store: Store, key: CustomerKey) => void;

const deed: fc.Arbitrary<Deed> = fc.oneof(
  fc.record({ contacts, patterns }).map(
    (given): Deed =>
      (store, key) =>
        store.setState(key, { ...store.state(key), ...given }),
  ),
  instant.map(
    (rescoredAt): Deed =>
      (store, key) =>
        store.setState(key, { ...store.state(key), rescoredAt }),
  ),
  fc.constant<Deed>((store, key) => store.fold(key, event("buy", START, { amount: 1 }))),
  fc.constant<Deed>((store, key) => store.fold(key, event("contact", START, { channel: "app" }))),
  customer.map(
    (other): Deed =>
      (store, key) =>
        store.reset(key, (empty) => ({ ...empty, sealedTo: other })),
  ),
  customer.map(
    (other): Deed =>
      (store, key) => {
        if (store.has(other) && other !== key) store.merge(key, store.pack(other), START as Instant, 1_000);
      },
  ),
  fc.constant<Deed>((store, key) => {
    const packed = store.pack(key);
    store.evict(key);
    store.load(key, packed);
  }),
  fc.constant<Deed>((store, key) => store.load(key, undefined)),
  fc.boolean().map(
    (isNarrow): Deed =>
      (store) =>
        store.activate(isNarrow ? NARROW : LAYOUT),
  ),
);

describe("when something falls due", () => {
  test("is what the decoded state says, whatever was done to the profiles", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(customer, deed), { maxLength: 40 }), (deeds) => {
        const store = createProfileStore({ layout: LAYOUT });
        store.learn(NARROW);
        for (const [key, act] of deeds) {
          if (!store.has(key)) store.load(key, undefined);
          act(store, key);
          // A copy that knows nothing but the bytes.
          const other = createProfileStore({ layout: store.layout() });
          other.learn(LAYOUT);
          other.learn(NARROW);
          other.load(key, store.pack(key));
          const state = other.state(key);
          expect([store.soonestDue(key), store.dailyFrom(key)]).toEqual([soonestDue(state), dailyFrom(state)]);
          expect([other.soonestDue(key), other.dailyFrom(key)]).toEqual([soonestDue(state), dailyFrom(state)]);
          expect(store.state(key)).toEqual(state);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("is never for somebody of whom nothing is known, and the day is asked for from the start", () => {
    const store = createProfileStore({ layout: LAYOUT });
    for (let one = 0; one < 200; one++) store.load(customerKey(`c-${one}`), undefined);
    expect(store.soonestDue(customerKey("c-199"))).toBe(NEVER);
    expect(store.dailyFrom(customerKey("c-0"))).toBe(LONG_AGO);
  });
});
