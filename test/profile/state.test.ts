import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONTACT_STATES, COUNTS_AT, OUTCOMES } from "../../engine/domain/contact.ts";
import type { PropValue } from "../../engine/domain/event.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import {
  type CustomerKey,
  type DecisionId,
  type NameHash,
  parseTrackingCode,
  type TrackingCode,
} from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant, LONG_AGO, NEVER } from "../../engine/domain/time.ts";
import { bytesOfId, idOfBytes } from "../../engine/profile/base64url.ts";
import { attributeFault, compileLayout } from "../../engine/profile/layout.ts";
import { decodeState, encodeState, type ProfileState } from "../../engine/profile/state.ts";
import { createProfileStore } from "../../engine/profile/store.ts";
import { contact } from "./contact.ts";
import { attribute, event, KEY, RUNS, START } from "./features.ts";

const LAYOUT = compileLayout(
  [],
  [
    attribute(0, "age", "number"),
    attribute(1, "segment", "string"),
    attribute(2, "vip", "boolean"),
    attribute(3, "products", "set"),
  ],
);

function stateAfter(events: readonly ReturnType<typeof event>[]): ProfileState {
  const store = createProfileStore({ layout: LAYOUT });
  store.load(KEY, undefined);
  for (const one of events) store.fold(KEY, one);
  return store.state(KEY);
}

describe("the codec of the state", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 30 });
  const instant = fc
    .oneof(fc.integer({ min: 0, max: 2 ** 48 }), fc.constantFrom(NEVER, LONG_AGO))
    .map((ms) => ms as Instant);
  const hash = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((one) => one as NameHash);
  const ids = fc.oneof(
    fc.uint8Array({ minLength: 16, maxLength: 16 }).chain((bytes) =>
      fc.nat(999).map((ordinal) => {
        const decision = idOfBytes(bytes) as DecisionId;
        return { decision, trackingCode: `${decision}.${ordinal}` as TrackingCode };
      }),
    ),
    fc
      .record({ decision: text, trackingCode: text })
      .map((one) => one as { decision: DecisionId; trackingCode: TrackingCode }),
  );
  const contacts = fc
    .record({
      ids,
      names: fc.record({ issue: hash, group: hash, action: hash, treatment: hash, channel: hash, placement: hash }),
      flags: fc.record({
        inbound: fc.boolean(),
        live: fc.boolean(),
        tried: fc.boolean(),
        exempt: fc.boolean(),
        shadow: fc.boolean(),
      }),
      state: fc.constantFrom(...CONTACT_STATES),
      countsAt: fc.constantFrom(...COUNTS_AT),
      outcome: fc.constantFrom(...OUTCOMES),
      previous: fc.constantFrom(...OUTCOMES),
      rank: fc.nat(300),
      times: fc.record({
        at: instant,
        reservedUntil: instant,
        expiresAt: instant,
        respondBy: instant,
        outcomeAt: instant,
        until: instant,
      }),
    })
    .map(({ ids: own, names, flags, times, ...rest }) => contact({ ...own, ...names, ...flags, ...times, ...rest }));
  const attributes = fc.tuple(
    fc.option(fc.double({ noNaN: true }), { nil: undefined }),
    fc.option(text, { nil: undefined }),
    fc.option(fc.boolean(), { nil: undefined }),
    fc.option(fc.array(text, { maxLength: 5 }), { nil: undefined }),
  );
  const dated = { caseId: text, kind: text, openedAt: instant };
  const key = fc.string({ minLength: 1, maxLength: 20 }).map((one) => one as CustomerKey);
  const marks = fc.record({ step: fc.nat(9), at: instant, source: text, event: text });
  const heldMessages = fc.record({
    trigger: hash,
    source: text,
    event: text,
    at: instant,
    until: instant,
    dropAfter: instant,
    context: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 9 }).filter((name) => name !== "__proto__"),
      fc.oneof(text, fc.double({ noNaN: true }), fc.boolean(), fc.array(text, { maxLength: 3 })),
      { maxKeys: 4, noNullPrototype: true },
    ),
  });
  const states: fc.Arbitrary<ProfileState> = fc
    .record({
      attributes,
      stamps: fc.array(fc.integer(), { minLength: 4, maxLength: 4 }),
      consents: fc.array(fc.record({ channel: text, purpose: text, granted: fc.boolean(), ts: instant }), {
        maxLength: 4,
      }),
      openCases: fc.array(fc.oneof(fc.record(dated), fc.record({ ...dated, slaDueAt: instant })), { maxLength: 4 }),
      closedCases: fc.array(fc.record({ caseId: text, closedAt: instant }), { maxLength: 4 }),
      tasks: fc.array(
        fc.oneof(
          fc.record({ taskId: text, title: text, state: text }),
          fc.record({ taskId: text, title: text, state: text, dueAt: instant }),
        ),
        { maxLength: 4 },
      ),
      contacts: fc.array(contacts, { maxLength: 6 }),
      patterns: fc.array(fc.record({ pattern: hash, due: instant, marks: fc.array(marks, { maxLength: 3 }) }), {
        maxLength: 3,
      }),
      held: fc.array(heldMessages, { maxLength: 2 }),
      rescoredAt: instant,
      campaigns: fc.array(fc.record({ campaign: hash, at: instant }), { maxLength: 3 }),
      sealedTo: fc.option(key, { nil: undefined }),
      absorbed: fc.array(key, { maxLength: 3 }),
      joining: fc.nat(9),
      awaiting: fc.array(heldMessages, { maxLength: 2 }),
    })
    .map(({ stamps, ...rest }) => ({
      ...rest,
      attributeTs: rest.attributes.map((value, index) => (value === undefined ? LONG_AGO : (stamps[index] as number))),
    }));

  test("gives back what was put in", () => {
    fc.assert(
      fc.property(states, (state) => {
        expect(decodeState(encodeState(state, LAYOUT), LAYOUT)).toEqual(state);
      }),
      { numRuns: RUNS * 2 },
    );
  });

  test("refuses bytes that are cut off or go on", () => {
    fc.assert(
      fc.property(states, (state) => {
        const bytes = encodeState(state, LAYOUT);
        for (let length = 1; length < bytes.length; length++) {
          expect(() => decodeState(bytes.subarray(0, length), LAYOUT)).toThrow(RangeError);
        }
        if (bytes.length > 0) expect(() => decodeState(Uint8Array.of(...bytes, 0), LAYOUT)).toThrow(RangeError);
      }),
      { numRuns: 5 },
    );
  });

  test("needs nothing for an empty state, and less than 100 bytes for a contact", () => {
    const empty = stateAfter([]);
    expect(encodeState(empty, LAYOUT).length).toBe(0);
    expect(encodeState({ ...empty, contacts: [contact({})] }, LAYOUT).length).toBeLessThan(107);
  });

  test("ids of 16 bytes go through base64url as Node's own does", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const id = idOfBytes(bytes);
        expect(id).toBe(Buffer.from(bytes).toString("base64url"));
        const back = new Uint8Array(16);
        expect(bytesOfId(id, back)).toBe(true);
        expect(back).toEqual(bytes);
      }),
    );
    expect(bytesOfId("AAECAwQFBgcICQoLDA0ODx", new Uint8Array(16))).toBe(false);
    expect(bytesOfId("AAECAwQFBgcICQoLDA0OD*", new Uint8Array(16))).toBe(false);
  });
});

describe("profile_update", () => {
  test("an older ts never overwrites a newer one, attribute by attribute; of equal ones the later entry stands", () => {
    const update = fc.record({
      ts: fc.integer({ min: 0, max: 5 }),
      props: fc.record(
        { age: fc.nat(), segment: fc.constantFrom("a", "b"), products: fc.array(fc.constantFrom("x", "y")) },
        { requiredKeys: [] },
      ),
    });
    fc.assert(
      fc.property(fc.array(update, { maxLength: 12 }), (updates) => {
        const state = stateAfter(
          updates.map(({ ts, props }) => event("profile_update", START + ts, props as Record<string, PropValue>)),
        );
        for (const [index, name] of ["age", "segment", "vip", "products"].entries()) {
          const setters = updates.filter(({ props }) => name in props);
          const newest = Math.max(...setters.map(({ ts }) => ts));
          const winner = setters.filter(({ ts }) => ts === newest).at(-1);
          expect(state.attributes[index]).toEqual(winner?.props[name as "age"]);
          expect(state.attributeTs[index]).toBe(winner === undefined ? LONG_AGO : START + newest);
        }
      }),
      { numRuns: RUNS },
    );
  });

  test("with another type than declared, or an undeclared name, is a fault that says what would be right", () => {
    const fault = (props: Record<string, PropValue>) => attributeFault(LAYOUT, props);
    expect(fault({ age: 40, segment: "gold", vip: true, products: ["card"] })).toBeUndefined();
    expect(fault({ age: "40" })).toBe('attribute "age" is declared as number, got string');
    expect(fault({ products: "card" })).toBe('attribute "products" is declared as set, got string');
    expect(fault({ segment: ["gold"] })).toBe('attribute "segment" is declared as string, got set');
    expect(fault({ agee: 40 })).toBe('unknown attribute "agee": declare it under attributes in features.yaml');
    expect(fault({ constructor: 1 })).toMatch(/unknown attribute "constructor"/);
    expect(fault({ segment: "x".repeat(257) })).toMatch(/257 characters, at most 256/);
    expect(fault({ products: Array.from({ length: 65 }, String) })).toMatch(/65 strings, at most 64/);
    expect(fault({ products: ["x".repeat(257)] })).toMatch(/257 characters/);
    expect(fault({ age: Number.NaN })).toMatch(/not a finite number/);
    expect(stateAfter([event("profile_update", START, { age: "40", vip: true })]).attributes).toEqual([
      undefined,
      undefined,
      true,
      undefined,
    ]);
  });
});

describe("consents, cases and tasks", () => {
  test("the consent of the greatest ts stands for each channel and purpose", () => {
    const consent = (channel: string, granted: boolean, ts: number) =>
      event("consent_update", ts, { channel, purpose: "marketing", granted });
    const { consents } = stateAfter([
      consent("push", true, START),
      consent("push", false, START + 10),
      consent("push", true, START + 5),
      consent("email", true, START),
      event("consent_update", START, { channel: "email", purpose: "marketing", granted: "yes" }),
    ]);
    expect(consents).toEqual([
      { channel: "push", purpose: "marketing", granted: false, ts: START + 10 },
      { channel: "email", purpose: "marketing", granted: true, ts: START },
    ]);
  });

  test("a denial outlives any number of grants", () => {
    const events = [event("consent_update", START, { channel: "push", purpose: "marketing", granted: false })];
    for (let index = 0; index < 100; index++) {
      events.push(event("consent_update", START + index, { channel: "push", purpose: `p-${index}`, granted: true }));
    }
    const { consents } = stateAfter(events);
    expect(consents.length).toBe(64);
    expect(consents.some(({ granted }) => !granted)).toBe(true);
  });

  test("a case is open from case_opened to case_closed by ts, in whatever order they come", () => {
    const opened = (ts: number) =>
      event("case_opened", ts, { caseId: "k-1", kind: "complaint", slaDueAt: START + DAY_MS });
    const closed = (ts: number) => event("case_closed", ts, { caseId: "k-1" });
    const open = { caseId: "k-1", kind: "complaint", openedAt: START, slaDueAt: START + DAY_MS };
    expect(stateAfter([opened(START)]).openCases).toEqual([open]);
    expect(stateAfter([opened(START), opened(START)]).openCases).toEqual([open]);
    expect(stateAfter([opened(START), closed(START + 5)]).openCases).toEqual([]);
    expect(stateAfter([closed(START + 5), opened(START)]).openCases).toEqual([]);
    expect(stateAfter([opened(START), closed(START + 5), opened(START + 9)]).openCases.length).toBe(1);
    expect(stateAfter([opened(START), opened(START + 9), closed(START + 5)]).openCases.length).toBe(1);
  });

  test("a task stays until it is done or closed, and the lists are bounded", () => {
    const task = (taskId: string, props: Record<string, PropValue>) => event("task", START, { taskId, ...props });
    const call = task("t-1", { title: "call back", dueAt: START + 1 });
    expect(stateAfter([call, task("t-1", { state: "started" })]).tasks).toEqual([
      { taskId: "t-1", title: "call back", state: "started", dueAt: START + 1 },
    ]);
    expect(stateAfter([call, task("t-1", { state: "done" })]).tasks).toEqual([]);
    expect(stateAfter([call, task("t-1", { state: "closed" })]).tasks).toEqual([]);
    const many = Array.from({ length: 200 }, (_, index) => task(`t-${index}`, { title: "x" }));
    const cases = Array.from({ length: 200 }, (_, index) =>
      event("case_opened", START + index, { caseId: `k-${index}` }),
    );
    const closings = Array.from({ length: 200 }, (_, index) => event("case_closed", START, { caseId: `z-${index}` }));
    const state = stateAfter([...many, ...cases, ...closings]);
    expect([state.tasks.length, state.openCases.length, state.closedCases.length]).toEqual([32, 16, 16]);
    expect(state.openCases.at(-1)?.caseId).toBe("k-199");
  });
});

describe("contact of another sender", () => {
  const push = (id: string, ts: number = START) =>
    event("contact", ts, { channel: "push", group: "cards", direction: "outbound" }, id);

  test("counts as confirmed from its ts, once per event", () => {
    const { contacts } = stateAfter([push("a"), push("a"), push("b")]);
    expect(contacts.length).toBe(2);
    expect(contacts[0]).toMatchObject({
      channel: nameHash("channel", "push"),
      group: nameHash("group", "cards"),
      action: 0,
      state: "confirmed",
      inbound: false,
      live: false,
      at: START,
    });
    expect(new Set(contacts.map(({ trackingCode }) => trackingCode)).size).toBe(2);
    expect(contacts.every(({ trackingCode }) => parseTrackingCode(trackingCode) !== undefined)).toBe(true);
  });

  test("the list stays bounded, the newest are kept", () => {
    const { contacts } = stateAfter(Array.from({ length: 200 }, (_, index) => push(`e-${index}`, START + index)));
    expect(contacts.length).toBe(128);
    expect(contacts.at(-1)?.at).toBe(START + 199);
  });
});
