// A stored profile against what the streams tell of its customer.
import { DAY_MS } from "../domain/time.ts";
import type { ProfileState } from "../profile/state.ts";
import { featureRow } from "./ask-for.ts";
import type { Book } from "./book-shelf.ts";
import { plainJson } from "./difference.ts";
import { attributesOf, type Known } from "./known.ts";
import { patternFrom } from "./known-pattern.ts";
import type { KnownPattern } from "./pattern-memory.ts";
import { sameNumber } from "./same-numbers.ts";
import type { StoredProfile } from "./stored-profile.ts";

export type Unequal = (field: string, found: unknown, expected: unknown) => void;

/** Features are read as of now, a day on, when events of clocks that ran ahead are there, and when short windows are over. */
const LATER_MS = [0, DAY_MS, 5 * DAY_MS];

/**
 * `book`: of the very layout of the profile; undefined where its rulebook is not known: then features are not compared.
 * `clock`: the latest time that anything was folded at. Tells how many features could not be compared.
 */
export function compareKnown(
  known: Known,
  stored: StoredProfile,
  book: Book | undefined,
  clock: number,
  unequal: Unequal,
): number {
  compareState(known, stored, unequal);
  return book === undefined ? 0 : compareFeatures(known, stored, book, clock, unequal);
}

function compareFeatures(known: Known, stored: StoredProfile, book: Book, clock: number, unequal: Unequal): number {
  const untold = new Set<string>();
  const told = new Set<string>();
  for (const laterMs of LATER_MS) {
    const now = clock + laterMs;
    const found = stored.features(book.layout, now);
    const expected = featureRow(known, book, now);
    for (const { index, name } of book.rulebook.features) {
      const value = expected[index];
      if (value === undefined) untold.add(name);
      else if (!sameNumber(found[index] as number, value) && !told.has(name)) {
        told.add(name);
        unequal(`features.${name} at ${new Date(now).toISOString()}`, found[index], value);
      }
    }
  }
  return untold.size;
}

function compareState(known: Known, stored: StoredProfile, unequal: Unequal): void {
  const { state } = stored;
  const same = (field: string, found: unknown, expected: unknown): void => {
    if (plainJson(found) !== plainJson(expected)) unequal(field, found, expected);
  };
  compareLists("attributes", attributesOf(stored), known.attributes, ({ name }) => name, unequal);
  compareLists("consents", state.consents, known.consents, ({ channel, purpose }) => `${channel} ${purpose}`, unequal);
  compareLists("openCases", state.openCases, known.openCases, ({ caseId }) => caseId, unequal);
  compareLists("closedCases", state.closedCases, known.closedCases, ({ caseId }) => caseId, unequal);
  compareLists("tasks", state.tasks, known.tasks, ({ taskId }) => taskId, unequal);
  compareLists("contacts", state.contacts, known.contacts, ({ trackingCode }) => trackingCode, unequal);
  const codes = (contacts: readonly Known["contacts"][number][]): readonly string[] =>
    contacts.map(({ trackingCode }) => trackingCode);
  same("order of contacts", codes(state.contacts), codes(known.contacts));
  comparePatterns(known, state, unequal);
  compareLists("held", state.held, known.held, ({ trigger }) => String(trigger), unequal);
  same("rescoredAt", state.rescoredAt, known.rescoredAt);
  compareLists("campaigns", state.campaigns, known.campaigns, ({ campaign }) => String(campaign), unequal);
  same("sealedTo", state.sealedTo, known.sealedTo);
  same("absorbed", state.absorbed, known.absorbed);
  same("joining", state.joining, known.joining);
  same("awaiting", state.awaiting, known.awaiting);
}

/** Each difference by the name of what differs, so that it can be found in a long list. */
function compareLists<Element>(
  list: string,
  found: readonly Element[],
  expected: readonly Element[],
  nameOf: (element: Element) => string,
  unequal: Unequal,
): void {
  const ours = new Map(expected.map((element) => [nameOf(element), element]));
  const theirs = new Map(found.map((element) => [nameOf(element), element]));
  if (theirs.size < found.length) unequal(`${list}: number of names`, theirs.size, found.length);
  for (const name of new Set([...theirs.keys(), ...ours.keys()])) {
    const [their, our] = [theirs.get(name), ours.get(name)];
    if (plainJson(their) !== plainJson(our)) unequal(`${list}[${name}]`, their, our);
  }
}

function comparePatterns(known: Known, state: ProfileState, unequal: Unequal): void {
  const found = new Map(state.patterns.map((pattern) => [pattern.pattern, patternFrom(pattern)]));
  if (found.size < state.patterns.length) unequal("patterns: number of names", found.size, state.patterns.length);
  for (const name of new Set([...found.keys(), ...known.patterns.keys()])) {
    const [theirs, ours] = [shownPattern(found.get(name)), shownPattern(known.patterns.get(name))];
    if (plainJson(theirs) !== plainJson(ours)) unequal(`patterns[${name}]`, theirs, ours);
  }
}

function shownPattern(pattern: KnownPattern | undefined): unknown {
  return pattern && { floor: pattern.floor, due: pattern.due, marks: pattern.marks };
}

export function byName<Element>(list: readonly Element[]): readonly string[] {
  return list.map((element) => plainJson(element)).sort();
}
