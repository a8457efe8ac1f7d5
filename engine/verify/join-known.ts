// What is known under two keys as of one person (IDN-1): a union; where both know the same thing the newer counts, and of two
// things of one instant that of the customer, of two consents the refusal.
import type { Instant } from "../domain/time.ts";
import {
  ABSORBED_MAX,
  AWAITING_MAX,
  CAMPAIGNS_KEPT_MAX,
  CLOSED_CASES_MAX,
  CONTACTS_MAX,
  OPEN_CASES_MAX,
  TASKS_MAX,
} from "../profile/bounds.ts";
import { attributesOf, type Known, type KnownAttribute, takeNumbers } from "./known.ts";
import { patternFrom, patternOfBoth } from "./known-pattern.ts";
import { fewEnough } from "./learn-event.ts";
import { addToContacts, forget } from "./make-room.ts";
import type { StoredProfile } from "./stored-profile.ts";
import { type Telling, withdraw } from "./telling.ts";

export function joinKnown(telling: Telling, known: Known, theirs: StoredProfile, now: Instant): void {
  const { state } = theirs;
  const { book } = telling;
  takeNumbers(known, theirs, book, telling.clock);
  joinAttributes(known, attributesOf(theirs), book.rulebook.attributes);
  known.consents = fewEnough(
    union(
      known.consents,
      state.consents,
      ({ channel, purpose }) => `${channel}\n${purpose}`,
      (own, other) => other.ts > own.ts || (other.ts === own.ts && !other.granted),
    ),
  );
  joinCases(known, state);
  const tasks = union(
    state.tasks,
    known.tasks,
    ({ taskId }) => taskId,
    () => true,
  );
  known.tasks = tasks.slice(-TASKS_MAX);
  joinContacts(telling, known, state.contacts, now);
  for (const pattern of state.patterns) {
    const other = patternFrom(pattern);
    const own = known.patterns.get(pattern.pattern);
    known.patterns.set(pattern.pattern, own === undefined ? other : patternOfBoth(own, other));
  }
  known.held = union(known.held, state.held, ({ trigger }) => trigger, isOlder);
  known.rescoredAt = Math.max(known.rescoredAt, state.rescoredAt) as Instant;
  const campaigns = union(known.campaigns, state.campaigns, ({ campaign }) => campaign, isOlder).sort(byTime);
  known.campaigns = campaigns.slice(-CAMPAIGNS_KEPT_MAX);
  known.absorbed = [...new Set([...known.absorbed, ...state.absorbed])].slice(-ABSORBED_MAX);
  known.awaiting = [...known.awaiting, ...state.awaiting].sort(byTime).slice(-AWAITING_MAX);
}

function joinAttributes(
  known: Known,
  theirs: readonly KnownAttribute[],
  declared: readonly Pick<KnownAttribute, "name" | "type">[],
): void {
  const isDeclared = ({ name, type }: KnownAttribute): boolean =>
    declared.some((spec) => spec.name === name && spec.type === type);
  known.attributes = union(
    known.attributes,
    theirs.filter(isDeclared),
    ({ name, type }) => `${type} ${name}`,
    (own, other) => other.ts > own.ts,
  );
}

function joinCases(known: Known, { openCases, closedCases }: StoredProfile["state"]): void {
  const idOf = ({ caseId }: { readonly caseId: string }): string => caseId;
  const closed = union(known.closedCases, closedCases, idOf, (own, other) => other.closedAt > own.closedAt);
  const open = union(known.openCases, openCases, idOf, (own, other) => other.openedAt > own.openedAt);
  const isClosed = (caseId: string, openedAt: Instant): boolean =>
    closed.some((one) => one.caseId === caseId && one.closedAt >= openedAt);
  known.openCases = open
    .filter(({ caseId, openedAt }) => !isClosed(caseId, openedAt))
    .sort((a, b) => a.openedAt - b.openedAt)
    .slice(-OPEN_CASES_MAX);
  known.closedCases = closed.sort((a, b) => a.closedAt - b.closedAt).slice(-CLOSED_CASES_MAX);
}

/** Too many on screens: the oldest of those go, then as ever. */
function joinContacts(telling: Telling, known: Known, theirs: StoredProfile["state"]["contacts"], now: Instant): void {
  const all = union(
    known.contacts,
    theirs,
    ({ trackingCode }) => trackingCode,
    () => false,
  ).sort(byTime);
  const live = all.filter((contact) => contact.live);
  const tooMany = live.slice(0, Math.max(0, live.length - CONTACTS_MAX));
  known.contacts = all.filter((contact) => !tooMany.includes(contact));
  forget(known, tooMany);
  const gone = addToContacts(known, [], now, telling.book.rulebook.contactMemoryMs);
  for (const contact of [...tooMany, ...gone]) withdraw(telling, known.key, contact, "evicted");
}

/** Those of `own` in their order, replaced where another is better, then those that only the others have. */
function union<Element, Name>(
  own: readonly Element[],
  others: readonly Element[],
  nameOf: (element: Element) => Name,
  isBetter: (own: Element, other: Element) => boolean,
): Element[] {
  const joined = [...own];
  for (const other of others) {
    const at = joined.findIndex((element) => nameOf(element) === nameOf(other));
    if (at < 0) joined.push(other);
    else if (isBetter(joined[at] as Element, other)) joined[at] = other;
  }
  return joined;
}

function isOlder(own: { readonly at: Instant }, other: { readonly at: Instant }): boolean {
  return other.at > own.at;
}

function byTime(a: { readonly at: Instant }, b: { readonly at: Instant }): number {
  return a.at - b.at;
}
