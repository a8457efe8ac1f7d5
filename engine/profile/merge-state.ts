// What is known of two keys as of one person. Everything is a union; where both know the same thing, the newer counts.
import type { Contact } from "../domain/contact.ts";
import type { Consent, OpenCase } from "../domain/decision.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import {
  ABSORBED_MAX,
  AWAITING_MAX,
  CAMPAIGNS_KEPT_MAX,
  CLOSED_CASES_MAX,
  CONSENTS_MAX,
  CONTACTS_MAX,
  OPEN_CASES_MAX,
  PATTERN_MARKS_MAX,
  TASKS_MAX,
} from "./bounds.ts";
import { addContacts } from "./outcome.ts";
import { addMark, boundMarks, type Marks, readMarks, writeMarks } from "./pattern-marks.ts";
import type { HeldMessage, PatternState, ProfileState } from "./state.ts";
import { boundConsents } from "./state-fold.ts";

export interface MergedState {
  readonly state: ProfileState;
  /** Contacts that found no place any more; those among them that are live leave the screens. */
  readonly evicted: readonly Contact[];
}

/**
 * The state of `into` after everything that `from`, of the same layout, knew was learned of the same person. Where two
 * things of one instant contradict each other that of `into` stays; of two consents the refusal.
 * @param now time of the merge
 * @param memoryMs how long a contact can matter to the contact policy
 */
export function mergeStates(into: ProfileState, from: ProfileState, now: Instant, memoryMs: number): MergedState {
  const { contacts, evicted } = mergeContacts(into.contacts, from.contacts, now, memoryMs);
  const state: ProfileState = {
    ...mergeAttributes(into, from),
    ...mergeCases(into, from),
    consents: mergeConsents(into.consents, from.consents),
    tasks: unionBy(
      from.tasks,
      into.tasks,
      ({ taskId }) => taskId,
      () => true,
    ).slice(-TASKS_MAX),
    contacts,
    patterns: mergePatterns(into.patterns, from.patterns),
    held: mergeHeld(into.held, from.held),
    rescoredAt: Math.max(into.rescoredAt, from.rescoredAt) as Instant,
    campaigns: mergeCampaigns(into.campaigns, from.campaigns),
    sealedTo: into.sealedTo,
    absorbed: unionBy(
      into.absorbed,
      from.absorbed,
      (key) => key,
      () => false,
    ).slice(-ABSORBED_MAX),
    joining: into.joining,
    awaiting: [...into.awaiting, ...from.awaiting].sort(byTime).slice(-AWAITING_MAX),
  };
  return { state, evicted };
}

/** The customer's end of a join: one seal more is answered. `isJoined`: the anonymous key is this customer's. */
export function endJoining(state: ProfileState, anonymous: CustomerKey, isJoined: boolean): ProfileState {
  const absorbed = isJoined ? [...state.absorbed.filter((key) => key !== anonymous), anonymous] : state.absorbed;
  return {
    ...state,
    joining: Math.max(0, state.joining - 1),
    absorbed: absorbed.slice(-ABSORBED_MAX),
  };
}

function mergeAttributes(into: ProfileState, from: ProfileState): Pick<ProfileState, "attributes" | "attributeTs"> {
  const attributes = [...into.attributes];
  const attributeTs = [...into.attributeTs];
  for (const [index, value] of from.attributes.entries()) {
    const ts = from.attributeTs[index] as number;
    if (value === undefined || ts <= (attributeTs[index] as number)) continue;
    attributes[index] = value;
    attributeTs[index] = ts;
  }
  return { attributes, attributeTs };
}

function mergeConsents(into: readonly Consent[], from: readonly Consent[]): readonly Consent[] {
  const isBetter = (theirs: Consent, own: Consent): boolean =>
    theirs.ts > own.ts || (theirs.ts === own.ts && !theirs.granted);
  let consents: readonly Consent[] = unionBy(into, from, ({ channel, purpose }) => `${channel}\n${purpose}`, isBetter);
  while (consents.length > CONSENTS_MAX) consents = boundConsents(consents);
  return consents;
}

function mergeCases(into: ProfileState, from: ProfileState): Pick<ProfileState, "openCases" | "closedCases"> {
  const closed = unionBy(
    into.closedCases,
    from.closedCases,
    ({ caseId }) => caseId,
    (a, b) => a.closedAt > b.closedAt,
  );
  const open = unionBy(
    into.openCases,
    from.openCases,
    ({ caseId }) => caseId,
    (a, b) => a.openedAt > b.openedAt,
  );
  const closedAt = new Map(closed.map((one) => [one.caseId, one.closedAt]));
  const isOpen = ({ caseId, openedAt }: OpenCase): boolean => !((closedAt.get(caseId) ?? -Infinity) >= openedAt);
  return {
    openCases: open
      .filter(isOpen)
      .sort((a, b) => a.openedAt - b.openedAt)
      .slice(-OPEN_CASES_MAX),
    closedCases: closed.sort((a, b) => a.closedAt - b.closedAt).slice(-CLOSED_CASES_MAX),
  };
}

/**
 * Where more than are kept would be, those go that can no longer matter, then the oldest that are on no screen, then the
 * oldest. A full list offers nothing new, so that what it lost cannot be offered beyond a cap.
 */
function mergeContacts(
  into: readonly Contact[],
  from: readonly Contact[],
  now: Instant,
  memoryMs: number,
): { readonly contacts: readonly Contact[]; readonly evicted: readonly Contact[] } {
  const all = unionBy(
    into,
    from,
    ({ trackingCode }) => trackingCode,
    () => false,
  ).sort(byTime);
  const live = all.filter((contact) => contact.live);
  const tooMany = new Set(live.slice(0, Math.max(0, live.length - CONTACTS_MAX)));
  const rest = all.filter((contact) => !tooMany.has(contact));
  const { contacts, evicted } = addContacts(rest, [], now, memoryMs);
  return { contacts, evicted: [...tooMany, ...evicted] };
}

/**
 * Seen by both: all marks, settled only as far as both are, due at the earlier of the two. Whether it is complete now is
 * for `firePattern` to say.
 */
function mergePatterns(into: readonly PatternState[], from: readonly PatternState[]): readonly PatternState[] {
  const byName = new Map(into.map((known) => [known.pattern, known]));
  for (const theirs of from) {
    const own = byName.get(theirs.pattern);
    if (own === undefined) {
      byName.set(theirs.pattern, theirs);
      continue;
    }
    const { floor, events } = readMarks(own.marks);
    const other = readMarks(theirs.marks);
    let marks: Marks = { floor: Math.min(floor, other.floor) as Instant, events };
    for (const mark of other.events) marks = addMark(marks, mark);
    const due = Math.min(own.due, theirs.due) as Instant;
    byName.set(theirs.pattern, { ...own, due, marks: writeMarks(boundMarks(marks, marksMax(own, theirs))) });
  }
  return [...byName.values()];
}

/** A pattern that counts to more has more marks. */
function marksMax(own: PatternState, theirs: PatternState): number {
  return Math.max(PATTERN_MARKS_MAX, own.marks.length, theirs.marks.length);
}

function mergeCampaigns(into: ProfileState["campaigns"], from: ProfileState["campaigns"]): ProfileState["campaigns"] {
  return unionBy(into, from, ({ campaign }) => campaign, isLater)
    .sort(byTime)
    .slice(-CAMPAIGNS_KEPT_MAX);
}

function mergeHeld(into: readonly HeldMessage[], from: readonly HeldMessage[]): readonly HeldMessage[] {
  return unionBy(into, from, ({ trigger }) => trigger, isLater);
}

/** `into` in its order, with those of `from` in place that are better, then what only `from` has. */
function unionBy<Element, Name>(
  into: readonly Element[],
  from: readonly Element[],
  nameOf: (element: Element) => Name,
  isBetter: (theirs: Element, own: Element) => boolean,
): Element[] {
  const union = new Map(into.map((element) => [nameOf(element), element]));
  for (const theirs of from) {
    const own = union.get(nameOf(theirs));
    if (own === undefined || isBetter(theirs, own)) union.set(nameOf(theirs), theirs);
  }
  return [...union.values()];
}

function isLater(theirs: { readonly at: Instant }, own: { readonly at: Instant }): boolean {
  return theirs.at > own.at;
}

function byTime(a: { readonly at: Instant }, b: { readonly at: Instant }): number {
  return a.at - b.at;
}
