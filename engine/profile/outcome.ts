// What becomes of one contact: a state machine of outcomes, and what each step means for caps, evidence and screens.
//
//   is \ reported   presented clicked accepted declined later converted no-response not-delivered retracted
//   pending         P         C       A        D        L     V         .           N             .
//   presented       .         C       A        D        L     V         R           N (1)         .
//   clicked         .         .       A        D        L     V         R           .             .
//   accepted        .         .       .        .        .     V         .           .             <
//   declined        .         .       A        .        .     V         .           .             <
//   later           .         .       A        .        .     V         .           .             <
//   converted       .         .       .        .        .     .         .           .             <
//   no-response     .         .       A        D        L     V         .           .             .
//   not-delivered   P (2)     C       A        D        L     V         .           .             .
//   `pending` reported: nothing.      .  changes nothing: it repeats, or goes backwards
//
//   (1) not where it was `not-delivered` before: that report is being repeated      (2) the same for `presented`
//   <   back to the outcome before, once for each answer; the report may not be older than the answer
//
// So a report that was applied once changes nothing when it comes again, however late. Taking back is the one way to an
// earlier outcome: right after it a report that is not newer than it counts as a repetition; once something newer was
// reported, an old copy of the answer that was taken back can no longer be told from a new answer.
//
// Whatever proves that the customer saw it (all but `pending` and `not-delivered`) makes it a trial, once, and confirms
// the contact, even one that was released meanwhile: it has happened, though its place under the caps may have been
// given away. That over-count cannot be prevented, only avoided by a `reserveFor` that is long enough.
// A message that counts as sent and stays without a word is `no-response` in the end, and a trial: gateways seldom tell
// who looked at it, and a treatment whose answers alone were counted would look as if everybody answered.
// A shadow contact, which the holdout withheld, was never sent: no report applies to it, and it leaves no screen.
// `tried` and the positive are functions of the outcome, so evidence is what the outcomes say, after any path.
import type { Contact, ContactState, Outcome, WithdrawReason } from "../domain/contact.ts";
import type { OutcomeReport } from "../domain/event.ts";
import { type Instant, NEVER } from "../domain/time.ts";
import { CONTACTS_MAX } from "./bounds.ts";

/** What one step did. `trials` and `positives`: to be added to the evidence of the contact's treatment. */
export interface ContactStep {
  readonly contact: Contact;
  readonly trials: -1 | 0 | 1;
  readonly positives: -1 | 0 | 1;
  /** It leaves the screens, for this reason. */
  readonly withdraw: WithdrawReason | undefined;
  readonly changed: boolean;
}

const ANSWERS = ["accepted", "declined", "later", "converted"] as const;
const NEXT: Readonly<Record<Outcome, readonly Outcome[]>> = {
  pending: ["presented", "clicked", ...ANSWERS, "not-delivered"],
  presented: ["clicked", ...ANSWERS, "no-response", "not-delivered"],
  clicked: [...ANSWERS, "no-response"],
  accepted: ["converted", "retracted"],
  declined: ["accepted", "converted", "retracted"],
  later: ["accepted", "converted", "retracted"],
  converted: ["retracted"],
  "no-response": ANSWERS,
  "not-delivered": ["presented", "clicked", ...ANSWERS],
  // Never an outcome of its own: in `previous` it marks that an answer was taken back.
  retracted: [],
};

/** One report about one contact; `at` is when it happened. */
export function applyOutcome(contact: Contact, report: OutcomeReport, at: Instant): ContactStep {
  const { outcome } = report;
  if (contact.shadow) return unchanged(contact);
  if (!NEXT[contact.outcome].includes(outcome)) return unchanged(contact);
  if (outcome === "retracted") return at < contact.outcomeAt ? unchanged(contact) : retract(contact, at);
  if (contact.previous === "retracted" && at <= contact.outcomeAt) return unchanged(contact);
  if (contact.previous === outcome) return unchanged(contact);
  return step(contact, {
    ...contact,
    outcome,
    previous: contact.outcome,
    outcomeAt: at,
    tried: isProof(outcome),
    state: stateAfter(contact.state, outcome),
    until: outcome === "later" && report.until !== undefined ? report.until : (0 as Instant),
    live: contact.live && !leavesScreens(outcome),
  });
}

/** The channel says that it was delivered. Confirms where the channel counts at delivery. */
export function applyDelivered(contact: Contact, _at: Instant): ContactStep {
  const counts = contact.countsAt === "delivered" && contact.outcome !== "not-delivered" && !contact.shadow;
  if (!counts || contact.state === "confirmed") return unchanged(contact);
  return step(contact, { ...contact, state: "confirmed" });
}

/**
 * Everything that is due at `now`: a reservation that is over is released and, as its place may be given away, leaves
 * the screens; what has expired leaves them too, and gives its reservation back, for nobody may show it any more; a
 * presented contact without an answer becomes `no-response`, as of `respondBy`.
 */
export function fireDue(contact: Contact, now: Instant): ContactStep {
  if (dueAt(contact) > now) return unchanged(contact);
  const released = contact.state === "reserved" && reservationEnds(contact) <= now;
  const silent = awaitsAnswer(contact) && contact.respondBy <= now;
  const next: Contact = {
    ...contact,
    state: released ? "released" : contact.state,
    live: contact.live && !released && contact.expiresAt > now,
  };
  if (!silent) return step(contact, next);
  const previous = contact.previous === "retracted" ? "retracted" : contact.outcome;
  return step(contact, { ...next, outcome: "no-response", previous, outcomeAt: contact.respondBy, tried: true });
}

/** When the next of these contacts falls due; NEVER where none does. */
export function nextDue(contacts: readonly Contact[]): Instant {
  let due = NEVER;
  for (const contact of contacts) {
    const own = dueAt(contact);
    if (own < due) due = own;
  }
  return due;
}

/** How many contacts can be added without losing one that still counts or is on a screen. */
export function room(contacts: readonly Contact[], now: Instant, memoryMs: number, max: number = CONTACTS_MAX): number {
  let kept = 0;
  for (const contact of contacts) if (!isForgettable(contact, now, memoryMs)) kept++;
  return Math.max(0, max - kept);
}

/**
 * Adds contacts, oldest first as given. Where there are more than `max`, those go first that can no longer matter, then
 * the oldest that are not on a screen; `evicted` names them all. Within `room` only the former happens, so a caller who
 * asks for no more loses nothing that counts. Throws RangeError where more than `max` are on the screens.
 */
export function addContacts(
  contacts: readonly Contact[],
  added: readonly Contact[],
  now: Instant,
  memoryMs: number,
  max: number = CONTACTS_MAX,
): { readonly contacts: readonly Contact[]; readonly evicted: readonly Contact[] } {
  const all = [...contacts, ...added];
  const excess = all.length - max;
  if (excess <= 0) return { contacts: all, evicted: [] };
  const evicted = new Set(all.filter((contact) => isForgettable(contact, now, memoryMs)).slice(0, excess));
  for (const contact of contacts) {
    if (evicted.size === excess) break;
    if (!contact.live) evicted.add(contact);
  }
  if (evicted.size < excess) {
    throw new RangeError(
      `${all.length} contacts, of which ${all.length - evicted.size} count; at most ${max} are kept`,
    );
  }
  return { contacts: all.filter((contact) => !evicted.has(contact)), evicted: [...evicted] };
}

function dueAt(contact: Contact): Instant {
  let due = NEVER;
  if (contact.state === "reserved") due = reservationEnds(contact);
  if (contact.live && contact.expiresAt < due) due = contact.expiresAt;
  if (awaitsAnswer(contact) && contact.respondBy < due) due = contact.respondBy;
  return due;
}

function reservationEnds({ reservedUntil, expiresAt }: Contact): Instant {
  return expiresAt < reservedUntil ? expiresAt : reservedUntil;
}

/** A message that counts as sent waits too: gateways seldom tell that somebody looked at it. */
function awaitsAnswer({ outcome, state, inbound, shadow }: Contact): boolean {
  if (outcome === "presented" || outcome === "clicked") return true;
  return outcome === "pending" && state === "confirmed" && !inbound && !shadow;
}

function retract(contact: Contact, at: Instant): ContactStep {
  if (contact.previous === "retracted") return unchanged(contact);
  const outcome = contact.previous;
  return step(contact, {
    ...contact,
    outcome,
    previous: "retracted",
    outcomeAt: at,
    tried: isProof(outcome),
    until: 0 as Instant,
    live: contact.expiresAt > at && !leavesScreens(outcome),
  });
}

function isProof(outcome: Outcome): boolean {
  return outcome !== "pending" && outcome !== "not-delivered" && outcome !== "retracted";
}

function isPositive(outcome: Outcome): boolean {
  return outcome === "accepted" || outcome === "converted";
}

function stateAfter(state: ContactState, outcome: Outcome): ContactState {
  if (outcome === "not-delivered") return "released";
  return isProof(outcome) ? "confirmed" : state;
}

function leavesScreens(outcome: Outcome): boolean {
  return reasonOf(outcome) !== undefined;
}

function reasonOf(outcome: Outcome): WithdrawReason | undefined {
  switch (outcome) {
    case "accepted":
    case "converted":
      return "taken";
    case "declined":
      return "declined";
    case "later":
      return "later";
    case "not-delivered":
      return "not-delivered";
    case "pending":
    case "presented":
    case "clicked":
    case "no-response":
    case "retracted":
      return undefined;
  }
}

function unchanged(contact: Contact): ContactStep {
  return { contact, trials: 0, positives: 0, withdraw: undefined, changed: false };
}

function step(before: Contact, contact: Contact): ContactStep {
  return {
    contact,
    trials: difference(contact.tried, before.tried),
    positives: difference(isPositive(contact.outcome), isPositive(before.outcome)),
    withdraw: before.live && !contact.live && !contact.shadow ? (reasonOf(contact.outcome) ?? "expired") : undefined,
    changed: true,
  };
}

function difference(after: boolean, before: boolean): -1 | 0 | 1 {
  if (after === before) return 0;
  return after ? 1 : -1;
}

/** Neither on a screen nor counted by any policy. A reservation counts however old it is. */
function isForgettable(contact: Contact, now: Instant, memoryMs: number): boolean {
  if (contact.live || contact.state === "reserved") return false;
  return contact.state === "released" || Math.max(contact.at, contact.outcomeAt, contact.until) <= now - memoryMs;
}
