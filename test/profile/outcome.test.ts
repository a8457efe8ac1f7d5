import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CONTACT_STATES, COUNTS_AT, type Contact, OUTCOMES, type Outcome } from "../../engine/domain/contact.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { type Instant, NEVER } from "../../engine/domain/time.ts";
import { applyDecision } from "../../engine/profile/apply-decision.ts";
import {
  addContacts,
  applyDelivered,
  applyOutcome,
  type ContactStep,
  fireDue,
  nextDue,
  room,
} from "../../engine/profile/outcome.ts";
import type { ProfileState } from "../../engine/profile/state.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { contact } from "./contact.ts";
import { RUNS } from "./features.ts";

const at = (ms: number): Instant => ms as Instant;
const report = (code: Contact["trackingCode"], outcome: Outcome) => ({ trackingCode: code, outcome });
const apply = (before: Contact, outcome: Outcome, ms: number): ContactStep =>
  applyOutcome(before, report(before.trackingCode, outcome), at(ms));

/** The table of the head comment of outcome.ts, letter by letter; columns in the order of OUTCOMES, `pending` first. */
const TABLE: Readonly<Record<Exclude<Outcome, "retracted">, string>> = {
  //               pnd pre clk acc dec lat con nor ndl ret
  pending: "        .   P   C   A   D   L   V   .   N   .",
  presented: "      .   .   C   A   D   L   V   R   N   .",
  clicked: "        .   .   .   A   D   L   V   R   .   .",
  accepted: "       .   .   .   .   .   .   V   .   .   <",
  declined: "       .   .   .   A   .   .   V   .   .   <",
  later: "          .   .   .   A   .   .   V   .   .   <",
  converted: "      .   .   .   .   .   .   .   .   .   <",
  "no-response": "  .   .   .   A   D   L   V   .   .   .",
  "not-delivered": ".   P   C   A   D   L   V   .   .   .",
};
const LETTERS: Readonly<Record<string, Outcome>> = {
  P: "presented",
  C: "clicked",
  A: "accepted",
  D: "declined",
  L: "later",
  V: "converted",
  R: "no-response",
  N: "not-delivered",
};
const PROOFS: readonly Outcome[] = [
  "presented",
  "clicked",
  "accepted",
  "declined",
  "later",
  "converted",
  "no-response",
];
const POSITIVES: readonly Outcome[] = ["accepted", "converted"];
const isOne = (list: readonly Outcome[], outcome: Outcome): number => (list.includes(outcome) ? 1 : 0);

function expectCell(from: Outcome, outcome: Outcome, letter: string, state: Contact["state"], live: boolean): void {
  const before = contact({ outcome: from, state, live, tried: PROOFS.includes(from), outcomeAt: at(50) });
  const done = apply(before, outcome, 60);
  if (letter === ".") {
    expect(done).toEqual({ contact: before, trials: 0, positives: 0, withdraw: undefined, changed: false });
    return;
  }
  const to = letter === "<" ? before.previous : (LETTERS[letter] as Outcome);
  expect(done.changed).toBe(true);
  expect(done.contact.outcome).toBe(to);
  expect(done.contact.previous).toBe(letter === "<" ? "retracted" : from);
  expect(done.contact.outcomeAt).toBe(60);
  expect(done.trials).toBe(isOne(PROOFS, to) - isOne(PROOFS, from));
  expect(done.positives).toBe(isOne(POSITIVES, to) - isOne(POSITIVES, from));
  const proven = PROOFS.includes(to) ? "confirmed" : "released";
  expect(done.contact.state).toBe(letter === "<" ? state : proven);
  const reasons = { accepted: "taken", converted: "taken", declined: "declined", later: "later" } as const;
  const reason = to === "not-delivered" ? to : reasons[to as keyof typeof reasons];
  expect(done.withdraw).toBe(live && letter !== "<" ? reason : undefined);
}

describe("outcome table", () => {
  for (const [from, row] of Object.entries(TABLE) as [Exclude<Outcome, "retracted">, string][]) {
    for (const [column, letter] of row.trim().split(/\s+/).entries()) {
      const outcome = OUTCOMES[column] as Outcome;
      test(`${from} + ${outcome} -> ${letter}`, () => {
        for (const state of CONTACT_STATES) {
          for (const live of [true, false]) expectCell(from, outcome, letter, state, live);
        }
      });
    }
  }

  test("a contact is never in the outcome `retracted`, and nothing leads out of it", () => {
    for (const outcome of OUTCOMES) expect(apply(contact({ outcome: "retracted" }), outcome, 60).changed).toBe(false);
  });
});

describe("retracted", () => {
  test("takes an answer back with what it had brought, once, and puts the offer back on the screen", () => {
    const accepted = apply(contact({ live: true }), "accepted", 10);
    expect([accepted.trials, accepted.positives, accepted.withdraw]).toEqual([1, 1, "taken"]);
    const back = apply(accepted.contact, "retracted", 20);
    expect([back.contact.outcome, back.trials, back.positives, back.contact.live]).toEqual(["pending", -1, -1, true]);
    expect(apply(back.contact, "retracted", 30).changed).toBe(false);
    expect(apply(back.contact, "accepted", 10).changed).toBe(false);
    const declined = apply(back.contact, "declined", 30);
    expect([declined.contact.outcome, declined.trials, declined.positives]).toEqual(["declined", 1, 0]);
    expect(apply(declined.contact, "retracted", 20).changed).toBe(false);
  });

  test("keeps the trial where the offer had been presented before", () => {
    const presented = apply(contact({}), "presented", 5).contact;
    const back = apply(apply(presented, "declined", 10).contact, "retracted", 20);
    expect([back.contact.outcome, back.trials, back.contact.tried]).toEqual(["presented", 0, true]);
  });

  test("of `converted` leaves the acceptance", () => {
    const accepted = apply(contact({}), "accepted", 5).contact;
    const back = apply(apply(accepted, "converted", 10).contact, "retracted", 20);
    expect([back.contact.outcome, back.positives, back.contact.live]).toEqual(["accepted", 0, false]);
  });
});

describe("any history of reports", () => {
  const outcomes = fc.constantFrom(...OUTCOMES.filter((outcome) => outcome !== "retracted"));
  const contacts = fc
    .record({ countsAt: fc.constantFrom(...COUNTS_AT), live: fc.boolean(), state: fc.constantFrom(...CONTACT_STATES) })
    .map(contact);

  test("without taking back, every copy of a report that was applied changes nothing", () => {
    fc.assert(
      fc.property(contacts, fc.array(outcomes, { maxLength: 12 }), (start, reports) => {
        let current = start;
        const applied: { outcome: Outcome; ms: number }[] = [];
        for (const [index, outcome] of reports.entries()) {
          const done = apply(current, outcome, index);
          if (done.changed) applied.push({ outcome, ms: index });
          current = done.contact;
          for (const earlier of applied) {
            expect(apply(current, earlier.outcome, earlier.ms).changed).toBe(false);
            expect(apply(current, earlier.outcome, index + 100).changed).toBe(false);
          }
        }
      }),
      { numRuns: RUNS * 5 },
    );
  });

  test("trials and positives add up to what the last outcome says; a withdrawal comes once", () => {
    const steps = fc.array(
      fc.oneof(fc.constantFrom(...OUTCOMES), fc.constant("delivered" as const), fc.constant("due" as const)),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(contacts, steps, (start, list) => {
        let current = start;
        let trials = 0;
        let positives = 0;
        for (const [ms, one] of list.entries()) {
          const wasLive = current.live;
          const done = takeStep(current, one, ms);
          if (!done.changed) expect(done.contact).toBe(current);
          trials += done.trials;
          positives += done.positives;
          current = done.contact;
          expect(done.withdraw !== undefined).toBe(wasLive && !current.live);
          expect(trials).toBe(isOne(PROOFS, current.outcome));
          expect(current.tried).toBe(trials === 1);
          expect(positives).toBe(isOne(POSITIVES, current.outcome));
        }
      }),
      { numRuns: RUNS * 5 },
    );
  });

  function takeStep(current: Contact, one: Outcome | "delivered" | "due", ms: number): ContactStep {
    if (one === "delivered") return applyDelivered(current, at(ms));
    return one === "due" ? fireDue(current, at(ms)) : apply(current, one, ms);
  }
});

describe("delivered", () => {
  test("confirms where the channel counts at delivery, a released one too, but not what was not delivered", () => {
    const reserved = contact({ countsAt: "delivered" });
    expect(applyDelivered(reserved, at(5)).contact.state).toBe("confirmed");
    expect(applyDelivered({ ...reserved, state: "released" }, at(5)).contact.state).toBe("confirmed");
    expect(applyDelivered({ ...reserved, state: "confirmed" }, at(5)).changed).toBe(false);
    expect(applyDelivered({ ...reserved, outcome: "not-delivered", state: "released" }, at(5)).changed).toBe(false);
    expect(applyDelivered(contact({ countsAt: "presented" }), at(5)).changed).toBe(false);
    expect(applyDelivered(contact({ countsAt: "decided", state: "confirmed" }), at(5)).changed).toBe(false);
  });
});

describe("what falls due", () => {
  const timed = contact({ live: true, reservedUntil: at(100), expiresAt: at(200), respondBy: at(300) });

  test("a reservation that is over is released, and leaves the screens", () => {
    expect(fireDue(timed, at(99)).changed).toBe(false);
    const done = fireDue(timed, at(100));
    expect([done.contact.state, done.contact.live, done.withdraw]).toEqual(["released", false, "expired"]);
  });

  test("RSV-4 what expires gives its reservation back, also when it has left the screens before", () => {
    const short = { ...timed, reservedUntil: at(250) };
    for (const one of [short, { ...short, live: false }]) {
      expect(nextDue([one])).toBe(200);
      expect(fireDue(one, at(199)).changed).toBe(false);
      const done = fireDue(one, at(200));
      expect([done.contact.state, done.contact.live]).toEqual(["released", false]);
    }
  });

  test("what was presented expires, then becomes no-response as of respondBy, and counts on", () => {
    const presented = apply(timed, "presented", 50).contact;
    expect(nextDue([presented])).toBe(200);
    const expired = fireDue(presented, at(250));
    expect([expired.contact.outcome, expired.contact.live, expired.withdraw]).toEqual(["presented", false, "expired"]);
    expect(expired.contact.state).toBe("confirmed");
    expect(nextDue([expired.contact])).toBe(300);
    const silent = fireDue(expired.contact, at(400));
    expect([silent.contact.outcome, silent.contact.outcomeAt, silent.trials]).toEqual(["no-response", 300, 0]);
    expect(silent.contact.state).toBe("confirmed");
    expect(nextDue([silent.contact])).toBe(NEVER);
  });

  test("a message that counts as sent is ignored without a word about it, and was a trial; one that does not is not", () => {
    const sent = contact({ ...timed, live: false, inbound: false, state: "confirmed" });
    expect(nextDue([sent])).toBe(300);
    const ignored = fireDue(sent, at(300));
    expect([ignored.contact.outcome, ignored.contact.outcomeAt, ignored.trials]).toEqual(["no-response", 300, 1]);
    const others = [{ state: "released" }, { inbound: true }, { shadow: true }] as const;
    for (const other of others) expect(nextDue([{ ...sent, ...other }])).toBe(NEVER);
  });

  test("after firing nothing is due any more, and nothing changes before the next due time", () => {
    const moment = fc.integer({ min: 0, max: 50 }).map(at);
    const any = fc
      .record({
        reservedUntil: moment,
        expiresAt: moment,
        respondBy: moment,
        live: fc.boolean(),
        state: fc.constantFrom(...CONTACT_STATES),
        outcome: fc.constantFrom(...OUTCOMES),
      })
      .map(contact);
    fc.assert(
      fc.property(any, moment, (one, now) => {
        const due = nextDue([one]);
        const done = fireDue(one, now);
        expect(done.changed).toBe(due <= now);
        expect(nextDue([done.contact])).toBeGreaterThan(now);
      }),
      { numRuns: RUNS * 5 },
    );
  });
});

describe("the list of contacts", () => {
  const day = 86_400_000;

  test("stays bounded, loses nothing that counts within `room`, and names all that it evicts", () => {
    const one = fc
      .record({
        at: fc.integer({ min: 0, max: 100 }).map((days) => at(days * day)),
        live: fc.boolean(),
        state: fc.constantFrom(...CONTACT_STATES),
      })
      .map((given) => contact({ ...given, outcomeAt: given.at }));
    const inputs = [
      fc.array(one, { maxLength: 8 }),
      fc.array(one, { maxLength: 8 }),
      fc.integer({ min: 0, max: 100 }),
    ] as const;
    fc.assert(
      fc.property(...inputs, (before, wanted, nowDays) => {
        const now = at(nowDays * day);
        const memoryMs = 30 * day;
        const added = wanted.slice(0, room(before, now, memoryMs, 8));
        const { contacts, evicted } = addContacts(before, added, now, memoryMs, 8);
        expect(contacts.length).toBeLessThanOrEqual(8);
        expect([...contacts, ...evicted].length).toBe(before.length + added.length);
        for (const gone of evicted) {
          expect(gone.live).toBe(false);
          expect(gone.state === "released" || (gone.state === "confirmed" && gone.at <= now - memoryMs)).toBe(true);
        }
        const order = [...before, ...added];
        expect(contacts).toEqual(order.filter((kept) => contacts.includes(kept)));
      }),
      { numRuns: RUNS * 5 },
    );
  });

  test("beyond `room` the oldest that is on no screen goes, and is named; one that is live never goes", () => {
    const held = [contact({ at: at(1), live: true }), contact({ at: at(2), state: "confirmed" })];
    const added = [contact({ at: at(3), live: true })];
    expect(room(held, at(5), day, 2)).toBe(0);
    expect(addContacts(held, added, at(5), day, 2)).toEqual({ contacts: [held[0], added[0]], evicted: [held[1]] });
    expect(() => addContacts([contact({ live: true })], added, at(5), day, 1)).toThrow(RangeError);
  });
});

describe("a shadow contact", () => {
  const shadow = contact({ shadow: true, state: "confirmed", outcome: "pending", live: true, expiresAt: at(100) });

  test("takes no report and no delivery, and teaches nothing", () => {
    for (const outcome of OUTCOMES)
      expect(apply(shadow, outcome, 60)).toMatchObject({ contact: shadow, changed: false });
    const reserved = { ...shadow, state: "reserved", countsAt: "delivered" } as const;
    expect(applyDelivered(reserved, at(60)).changed).toBe(false);
  });

  test("expires without a word", () => {
    expect(nextDue([shadow])).toBe(100);
    const done = fireDue(shadow, at(100));
    expect(done).toMatchObject({ changed: true, withdraw: undefined, trials: 0, positives: 0 });
    expect(done.contact).toMatchObject({ live: false, state: "confirmed", outcome: "pending" });
    expect(nextDue([done.contact])).toBe(NEVER);
  });

  test("is superseded and evicted without a word", () => {
    const record = {
      key: "c-1",
      now: 50,
      superseded: [shadow.trackingCode],
      contacts: [],
    } as unknown as DecisionRecord;
    const state = { contacts: [shadow] } as unknown as ProfileState;
    const applied = applyDecision(state, record, { channels: [], contactMemoryMs: 1_000 });
    expect(applied).toMatchObject({ isChanged: true, withdrawals: [] });
    expect(applied.state.contacts[0]).toMatchObject({ live: false, state: "confirmed" });
  });
});

describe("what a decision supersedes", () => {
  const desk = nameHash("channel", "desk");
  const channels = [{ hash: desk, kind: "websocket" }] as unknown as Rulebook["channels"];
  const supersede = (before: Contact): Contact | undefined => {
    const record = {
      key: "c-1",
      now: 50,
      superseded: [before.trackingCode],
      contacts: [],
    } as unknown as DecisionRecord;
    const state = { contacts: [before] } as unknown as ProfileState;
    return applyDecision(state, record, { channels, contactMemoryMs: 1_000 }).state.contacts[0];
  };
  const pushed = contact({ live: true, inbound: false, channel: desk, state: "reserved" });

  test("RSV-5 gives its place back where it was pushed to a screen that takes it away", () => {
    expect(supersede(pushed)).toMatchObject({ live: false, state: "released" });
    expect(supersede({ ...pushed, state: "confirmed" })).toMatchObject({ live: false, state: "confirmed" });
  });

  test("RSV-5 keeps its place where somebody had asked for it, or a gateway may have it", () => {
    expect(supersede({ ...pushed, inbound: true })).toMatchObject({ live: false, state: "reserved" });
    expect(supersede({ ...pushed, channel: nameHash("channel", "push") })).toMatchObject({
      live: false,
      state: "reserved",
    });
  });
});
