// One customer as the streams tell of them, in plain values.
import type { Contact } from "../domain/contact.ts";
import type { Consent, OpenCase, Task } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, NameHash } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { HeldMessage, ProfileState } from "../profile/state.ts";
import type { AttributeType, Rulebook } from "../rulebook/rulebook.ts";
import type { Book } from "./book-shelf.ts";
import { type KeptEvents, moveTo, newKeptEvents, noteWidened } from "./kept-events.ts";
import { patternFrom } from "./known-pattern.ts";
import type { KnownPattern } from "./pattern-memory.ts";
import type { StoredProfile } from "./stored-profile.ts";

export interface KnownAttribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly value: PropValue;
  readonly ts: number;
}

export interface Known {
  readonly key: CustomerKey;
  kept: KeptEvents;
  attributes: KnownAttribute[];
  consents: Consent[];
  openCases: OpenCase[];
  closedCases: ProfileState["closedCases"][number][];
  tasks: Task[];
  contacts: Contact[];
  /** Contacts that counted when the profile had no room for them any more. */
  forgotten: Contact[];
  patterns: Map<NameHash, KnownPattern>;
  held: HeldMessage[];
  rescoredAt: Instant;
  campaigns: ProfileState["campaigns"][number][];
  sealedTo: CustomerKey | undefined;
  absorbed: CustomerKey[];
  joining: number;
  awaiting: HeldMessage[];
  /** The first and the last commit that changed anything of it; 0: none. */
  since: CommitSeq;
  changed: CommitSeq;
  /** What it was read from says so much already: entries and decisions up to this commit are in it. */
  reflected: CommitSeq;
}

export function newKnown(key: CustomerKey): Known {
  return {
    key,
    kept: newKeptEvents(),
    attributes: [],
    consents: [],
    openCases: [],
    closedCases: [],
    tasks: [],
    contacts: [],
    forgotten: [],
    patterns: new Map(),
    held: [],
    rescoredAt: LONG_AGO,
    campaigns: [],
    sealedTo: undefined,
    absorbed: [],
    joining: 0,
    awaiting: [],
    since: 0 as CommitSeq,
    changed: 0 as CommitSeq,
    reflected: 0 as CommitSeq,
  };
}

/** As a stored profile has it: where the streams do not go back to the beginning any more. */
export function knownFrom(key: CustomerKey, stored: StoredProfile): Known {
  const { state, descriptor, numbers, seq } = stored;
  const known: Known = {
    ...newKnown(key),
    attributes: attributesOf(stored),
    consents: [...state.consents],
    openCases: [...state.openCases],
    closedCases: [...state.closedCases],
    tasks: [...state.tasks],
    contacts: [...state.contacts],
    patterns: new Map(state.patterns.map((pattern) => [pattern.pattern, patternFrom(pattern)])),
    held: [...state.held],
    rescoredAt: state.rescoredAt,
    campaigns: [...state.campaigns],
    sealedTo: state.sealedTo,
    absorbed: [...state.absorbed],
    joining: state.joining,
    awaiting: [...state.awaiting],
    since: seq,
    changed: seq,
    reflected: seq,
  };
  known.kept.layout = descriptor;
  known.kept.packed.push(numbers);
  return known;
}

export function attributesOf({ state, descriptor }: StoredProfile): KnownAttribute[] {
  return descriptor.attributes.flatMap(({ name, type }, index) => {
    const value = state.attributes[index];
    return value === undefined ? [] : [{ name, type, value, ts: state.attributeTs[index] as number }];
  });
}

/** By AttributeIndex of this rulebook; undefined where it is not set. */
export function attributeValues({ attributes }: Known, rulebook: Rulebook): readonly (PropValue | undefined)[] {
  return rulebook.attributes.map(
    (spec) => attributes.find(({ name, type }) => name === spec.name && type === spec.type)?.value,
  );
}

/** Numbers that came packed under another layout, as those of this customer. */
export function takeNumbers(known: Known, stored: StoredProfile, book: Book, clock: number): void {
  const { layout } = book;
  const own = newKeptEvents();
  own.layout = stored.descriptor;
  own.packed.push(stored.numbers);
  moveTo(own, book, clock);
  known.kept.packed.push(...own.packed);
  noteWidened(known.kept, stored.descriptor, layout, clock);
}

/** Whatever is written of a state forgets attributes that the rulebook of then does not declare. */
export function forgetUndeclared(known: Known, { rulebook }: Book): void {
  const isDeclared = ({ name, type }: KnownAttribute): boolean =>
    rulebook.attributes.some((spec) => spec.name === name && spec.type === type);
  if (!known.attributes.every(isDeclared)) known.attributes = known.attributes.filter(isDeclared);
}
