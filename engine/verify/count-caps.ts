// S3 counted anew: whether the contacts that a decision made exceed a limit of the rulebook that made it (CON-1 to CON-3, CON-8,
// CON-11), over every contact that the streams tell of, kept by the profile or not.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { NameHash } from "../domain/ids.ts";
import { DAY_MS } from "../domain/time.ts";
import type { ContactLimit } from "../rulebook/policies.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { attributeValues, type Known } from "./known.ts";
import { dateIn, isZone } from "./wall-date.ts";

export interface CapExceeded {
  readonly limit: string;
  readonly count: number;
  readonly max: number;
}

/** `known` after the decision. `rulebook`: the one that decided. */
export function capsExceeded(known: Known, record: DecisionRecord, rulebook: Rulebook): readonly CapExceeded[] {
  const made = record.contacts.filter(({ exempt }) => !exempt);
  if (made.length === 0) return [];
  const all = [...known.contacts, ...known.forgotten].filter(({ exempt, state }) => !exempt && state !== "released");
  const issues = new Map(rulebook.actions.map(({ group, issue }) => [group.hash, issue.hash]));
  const contacts = all.map((contact) => withIssue(contact, issues));
  const zone = zoneOf(known, rulebook);
  return rulebook.contactLimits.flatMap((limit) => {
    const isLimited = (contact: Contact): boolean => isOf(limit, contact) && isInDirection(limit, contact, contact);
    const counts = made.filter(isLimited).map((next) => {
      const counted = contacts.filter(
        (contact) =>
          isOf(limit, contact) &&
          isInDirection(limit, contact, next) &&
          (limit.per === "all" || contact[limit.per] === next[limit.per]) &&
          isWithin(limit, contact.at, record.now, zone),
      );
      return counted.length;
    });
    const count = Math.max(0, ...counts);
    return count > limit.max ? [{ limit: limit.id, count, max: limit.max }] : [];
  });
}

/** CON-11: another sender's contact is of the issue that its group has here. */
function withIssue(contact: Contact, issues: ReadonlyMap<NameHash, NameHash>): Contact {
  const issue = contact.issue === 0 ? issues.get(contact.group) : undefined;
  return issue === undefined ? contact : { ...contact, issue };
}

function isOf(limit: ContactLimit, contact: Contact): boolean {
  const scopes = ["channel", "issue", "group", "action"] as const;
  return scopes.every((scope) => limit[scope] === undefined || limit[scope] === contact[scope]);
}

function isInDirection({ direction }: ContactLimit, contact: Contact, next: Contact): boolean {
  if (direction === "both") return true;
  return direction === "each" ? contact.inbound === next.inbound : contact.inbound === (direction === "inbound");
}

/** Without a zone so many times 24 hours and an hour, which `windowMs` is then. */
function isWithin(
  { windowMs, calendarDays }: ContactLimit,
  at: number,
  now: number,
  zone: string | undefined,
): boolean {
  if (calendarDays === 0 || zone === undefined) return at > now - windowMs;
  const first = dateIn(zone, now) - (calendarDays - 1) * DAY_MS;
  return dateIn(zone, at) >= first;
}

/** QUI-3: the customer's own zone, else that of the country, else the rulebook's. */
function zoneOf(known: Known, rulebook: Rulebook): string | undefined {
  const { zoneAttribute, countryAttribute, countries, fallback } = rulebook.zones;
  const values = attributeValues(known, rulebook);
  const own = zoneAttribute === undefined ? undefined : values[zoneAttribute];
  const country = countryAttribute === undefined ? undefined : values[countryAttribute];
  const ofCountry = typeof country === "string" ? countries.get(country) : undefined;
  return [own, ofCountry, fallback].find((name): name is string => typeof name === "string" && isZone(name));
}
