// What becomes of one contact, by the rules OUT-1 to OUT-7 of engine/decide/SPEC.md.
import type { Contact, Outcome } from "../domain/contact.ts";
import type { OutcomeReport } from "../domain/event.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import type { Channel } from "../rulebook/rulebook.ts";

const FORWARD: Readonly<Record<Outcome, string>> = {
  pending: "presented clicked accepted declined later converted not-delivered",
  presented: "clicked accepted declined later converted no-response not-delivered",
  clicked: "accepted declined later converted no-response",
  accepted: "converted",
  declined: "accepted converted",
  later: "accepted converted",
  converted: "",
  "no-response": "accepted declined later converted",
  "not-delivered": "presented clicked accepted declined later converted",
  retracted: "",
};
const MAY_BE_TAKEN_BACK = "accepted declined later converted";
const PROVES_SIGHT = "presented clicked accepted declined later converted no-response";
const LEAVES: Readonly<Partial<Record<Outcome, string>>> = {
  accepted: "taken",
  converted: "taken",
  declined: "declined",
  later: "later",
  "not-delivered": "not-delivered",
};

/** OUT-1 to OUT-4: the same contact where the report changes nothing. */
export function reported(contact: Contact, { outcome, until }: OutcomeReport, at: Instant): Contact {
  const { outcome: last, previous, outcomeAt } = contact;
  if (contact.shadow) return contact;
  if (outcome === "retracted") {
    const isStale = at < outcomeAt || previous === "retracted";
    if (!isOneOf(MAY_BE_TAKEN_BACK, last) || isStale) return contact;
    return {
      ...contact,
      outcome: previous,
      previous: "retracted",
      outcomeAt: at,
      tried: isOneOf(PROVES_SIGHT, previous),
      until: 0 as Instant,
      live: contact.expiresAt > at && LEAVES[previous] === undefined,
    };
  }
  const isRepeated = previous === outcome || (previous === "retracted" && at <= outcomeAt);
  if (!isOneOf(FORWARD[last], outcome) || isRepeated) return contact;
  const isSeen = isOneOf(PROVES_SIGHT, outcome);
  const state = isSeen ? "confirmed" : outcome === "not-delivered" ? "released" : contact.state;
  return {
    ...contact,
    outcome,
    previous: last,
    outcomeAt: at,
    tried: isSeen,
    state,
    until: outcome === "later" && until !== undefined ? until : (0 as Instant),
    live: contact.live && LEAVES[outcome] === undefined,
  };
}

/** OUT-5 */
export function delivered(contact: Contact): Contact {
  const { countsAt, outcome, shadow, state } = contact;
  if (countsAt !== "delivered" || outcome === "not-delivered" || shadow || state === "confirmed") return contact;
  return { ...contact, state: "confirmed" };
}

/** OUT-6: whatever is due by `now`. */
export function timePassed(contact: Contact, now: Instant): Contact {
  const { state, live, reservedUntil, expiresAt, respondBy, previous, outcome } = contact;
  if (dueOf(contact) > now) return contact;
  const isReleased = state === "reserved" && Math.min(reservedUntil, expiresAt) <= now;
  const next: Contact = {
    ...contact,
    state: isReleased ? "released" : state,
    live: live && !isReleased && expiresAt > now,
  };
  if (!isWaited(contact) || respondBy > now) return next;
  return {
    ...next,
    outcome: "no-response",
    previous: previous === "retracted" ? "retracted" : outcome,
    outcomeAt: respondBy,
    tried: true,
  };
}

/** RSV-5: taken off the screens before its time; screens of a websocket take it away, so nobody can see it any more. */
export function takenOff(contact: Contact, channels: readonly Pick<Channel, "hash" | "kind">[]): Contact {
  const isTakenAway = channels.some(({ hash, kind }) => hash === contact.channel && kind === "websocket");
  return { ...contact, live: false, state: isTakenAway && contact.state === "reserved" ? "released" : contact.state };
}

/** When time changes something of it next. */
export function dueOf(contact: Contact): Instant {
  const { state, live, reservedUntil, expiresAt, respondBy } = contact;
  const reservation = state === "reserved" ? Math.min(reservedUntil, expiresAt) : NEVER;
  const screen = live ? expiresAt : NEVER;
  const answer = isWaited(contact) ? respondBy : NEVER;
  return Math.min(reservation, screen, answer) as Instant;
}

/** Why it left the screens between these two; undefined where it did not, or never was on one. */
export function withdrawnBecause(before: Contact, after: Contact): string | undefined {
  const left = before.live && !after.live && !after.shadow;
  return left ? (LEAVES[after.outcome] ?? "expired") : undefined;
}

/** What its treatment learns from the step from one to the other: trials and positives. */
export function learnedBetween(before: Contact, after: Contact): readonly [trials: number, positives: number] {
  const positive = ({ outcome }: Contact): number => (outcome === "accepted" || outcome === "converted" ? 1 : 0);
  return [Number(after.tried) - Number(before.tried), positive(after) - positive(before)];
}

/** It was seen and not answered; or it was sent, and nobody said anything. */
function isWaited({ outcome, state, inbound, shadow }: Contact): boolean {
  if (outcome === "presented" || outcome === "clicked") return true;
  return outcome === "pending" && state === "confirmed" && !inbound && !shadow;
}

function isOneOf(names: string, name: string): boolean {
  return names.split(" ").includes(name);
}
