// The window of a contact limit: which contacts count in it, and when one leaves it.
//
//   rolling               now - windowMs                 now
//                   ---------(--x-----x-----------x-------]-->    counts while at > now - windowMs: leaves at `at + windowMs`
//   calendar days         start of the first local day   now
//                   ---------[--x-----x---:-------x-------]-->    counts from the start on: leaves when its day is no longer
//                             Mon             Tue (today)         among the last so many
import type { Contact } from "../domain/contact.ts";
import type { Direction } from "../domain/decision.ts";
import type { NameHash } from "../domain/ids.ts";
import { DAY_MS, type Instant, plus } from "../domain/time.ts";
import type { ContactLimit } from "../rulebook/policies.ts";
import { dayOf, type LocalZone, startOfLocalDay } from "./local-time.ts";

/** What a limit may narrow down to, of a contact or of what would become one. */
export type LimitScope = Pick<Contact, "channel" | "issue" | "group" | "action">;

/**
 * Where the window begins. Without a time zone calendar days are as many times 24 hours and an hour: that is never less
 * than the days of any zone.
 */
export function windowStart(
  { windowMs, calendarDays }: ContactLimit,
  now: Instant,
  zone: LocalZone | undefined,
): Instant {
  return calendarDays === 0 || zone === undefined ? plus(now, -windowMs) : startOfLocalDay(zone, now, calendarDays - 1);
}

/** Does the contact count? `start` is the limit's `windowStart`; `direction` that of the next contact. */
export function counts(
  limit: ContactLimit,
  contact: Contact,
  start: Instant,
  direction: Direction,
  zone: LocalZone | undefined,
): boolean {
  if (contact.state === "released" || contact.exempt || !matchesScope(limit, contact)) return false;
  if (limit.direction !== "both") {
    const counted = limit.direction === "each" ? direction : limit.direction;
    if (contact.inbound !== (counted === "inbound")) return false;
  }
  return contact.at > start || (contact.at === start && limit.calendarDays > 0 && zone !== undefined);
}

/** When a contact made at `at` counts no longer. */
export function leavesAt({ windowMs, calendarDays }: ContactLimit, at: Instant, zone: LocalZone | undefined): Instant {
  if (calendarDays === 0 || zone === undefined) return plus(at, windowMs);
  return zone.firstAt((dayOf(zone, at) + calendarDays) * DAY_MS);
}

/** Does it limit contacts of this direction? */
export function limits({ direction: own }: ContactLimit, direction: Direction): boolean {
  return own === "both" || own === "each" || own === direction;
}

export function matchesScope(limit: ContactLimit, scope: LimitScope): boolean {
  return (
    (limit.channel === undefined || limit.channel === scope.channel) &&
    (limit.issue === undefined || limit.issue === scope.issue) &&
    (limit.group === undefined || limit.group === scope.group) &&
    (limit.action === undefined || limit.action === scope.action)
  );
}

/** Which counter of the limit it advances; undefined where there is one for all. */
export function counterValue(limit: ContactLimit, scope: LimitScope): NameHash | undefined {
  return limit.per === "all" ? undefined : scope[limit.per];
}
