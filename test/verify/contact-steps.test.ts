// Two readings of what becomes of a contact, written apart: the engine's and verify's, along random histories.
import fc from "fast-check";
import { expect, it } from "vitest";
import { type Contact, OUTCOMES } from "../../engine/domain/contact.ts";
import type { TrackingCode } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { applyDelivered, applyOutcome, fireDue, nextDue } from "../../engine/profile/outcome.ts";
import {
  delivered,
  dueOf,
  learnedBetween,
  reported,
  timePassed,
  withdrawnBecause,
} from "../../engine/verify/contact-steps.ts";
import { contact as contactOf } from "../profile/contact.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 100_000 : 3_000;

const at = fc.integer({ min: 0, max: 12 }).map((n) => n as Instant);
const begins = fc.record({
  inbound: fc.boolean(),
  shadow: fc.boolean(),
  countsAt: fc.constantFrom("decided" as const, "delivered" as const, "presented" as const),
  reservedUntil: at,
  expiresAt: at,
  respondBy: at,
});
const step = fc.oneof(
  fc.record({
    kind: fc.constant("report" as const),
    outcome: fc.constantFrom(...OUTCOMES),
    at,
    until: fc.option(at, { nil: undefined }),
  }),
  fc.record({ kind: fc.constant("delivered" as const), at }),
  fc.record({ kind: fc.constant("time" as const), at }),
);

it("OUT-1 OUT-2 OUT-3 OUT-5 OUT-6: both readings agree after every step, and on what it teaches and takes away", () => {
  fc.assert(
    fc.property(begins, fc.array(step, { maxLength: 12 }), (first, steps) => {
      const isConfirmed = first.countsAt === "decided" || first.shadow;
      let contact: Contact = contactOf({
        ...first,
        at: 0 as Instant,
        live: true,
        state: isConfirmed ? "confirmed" : "reserved",
      });
      for (const one of steps) {
        const report = { trackingCode: contact.trackingCode as TrackingCode, outcome: "pending" as const };
        const asked =
          one.kind === "report"
            ? { ...report, outcome: one.outcome, ...(one.until === undefined ? {} : { until: one.until }) }
            : report;
        const theirs =
          one.kind === "report"
            ? applyOutcome(contact, asked, one.at)
            : one.kind === "delivered"
              ? applyDelivered(contact, one.at)
              : fireDue(contact, one.at);
        const ours =
          one.kind === "report"
            ? reported(contact, asked, one.at)
            : one.kind === "delivered"
              ? delivered(contact)
              : timePassed(contact, one.at);
        expect(ours).toEqual(theirs.contact);
        expect(learnedBetween(contact, ours)).toEqual([theirs.trials, theirs.positives]);
        expect(withdrawnBecause(contact, ours)).toBe(theirs.withdraw);
        expect(dueOf(ours)).toBe(nextDue([theirs.contact]));
        contact = ours;
      }
    }),
    { numRuns: RUNS },
  );
});

it("OUT-1 OUT-3: forward only, back by taking back, and once", () => {
  const contact = contactOf({
    outcome: "presented",
    state: "confirmed",
    tried: true,
    live: true,
    expiresAt: 100 as Instant,
  });
  const say = (before: Contact, outcome: (typeof OUTCOMES)[number], when: number): Contact =>
    reported(before, { trackingCode: before.trackingCode, outcome }, when as Instant);
  const declined = say(contact, "declined", 10);
  expect(declined).toMatchObject({ outcome: "declined", previous: "presented", live: false });
  expect(say(declined, "presented", 20)).toBe(declined);
  const back = say(declined, "retracted", 30);
  expect(back).toMatchObject({ outcome: "presented", previous: "retracted", live: true });
  expect(say(back, "declined", 30), "a repetition").toBe(back);
  expect(say(back, "declined", 31)).toMatchObject({ outcome: "declined" });
});
