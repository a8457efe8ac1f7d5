// The cold part of a profile: attributes, consents, cases, tasks, contacts. Decoded on demand, encoded when it changes.
//
//   version u8
//   attributes   count, then each: hash of type and name u32 · ts f64 · value by type
//   consents     count, then each: channel, purpose · granted u8 · ts f64
//   open cases   count, then each: caseId, kind · openedAt f64 · slaDueAt f64 (NaN: none)
//   closed cases count, then each: caseId · closedAt f64
//   tasks        count, then each: taskId, title, state · dueAt f64 (NaN: none)
//   contacts     count, then each as in contact-codec.ts
//   more         u8: 0 = the rest is as nobody has it and is left out, 1 = it follows
//   patterns     count, then each: pattern u32 · due f64 · marks: count, then each: step · at f64 · source, event
//   held         count, then each: trigger u32 · source, event · at f64, until f64, dropAfter f64 · props
//   rescoredAt   f64
//   campaigns    count, then each: campaign u32 · at f64
//   sealedTo     text ('' = not sealed)
//   absorbed     count, then each: anonymous key
//   joining      count
//   awaiting     as held
//
// An empty state is no bytes at all. Attributes are named by hash, so that a later layout finds them again; one that it
// does not declare, or declares with another type, is skipped.
import type { Contact } from "../domain/contact.ts";
import type { Consent, OpenCase, Task } from "../domain/decision.ts";
import type { Props, PropValue } from "../domain/event.ts";
import type { CustomerKey, NameHash } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { AttributeType } from "../rulebook/rulebook.ts";
import { type ByteReader, type ByteWriter, createByteReader, createByteWriter } from "./binary.ts";
import { readContact, writeContact } from "./contact-codec.ts";
import type { Layout } from "./layout.ts";

interface ClosedCase {
  readonly caseId: string;
  readonly closedAt: Instant;
}

export interface ProfileState {
  /** By AttributeIndex of the current layout; undefined where never set. */
  readonly attributes: readonly (PropValue | undefined)[];
  /** By AttributeIndex: ts of the event that set it; LONG_AGO where never set. */
  readonly attributeTs: readonly number[];
  readonly consents: readonly Consent[];
  readonly openCases: readonly OpenCase[];
  /** The last ones closed, so that a late `case_opened` does not open them again. */
  readonly closedCases: readonly ClosedCase[];
  readonly tasks: readonly Task[];
  /** Oldest first. */
  readonly contacts: readonly Contact[];
  /** Patterns that have begun. One for each trigger at most, and those of triggers that are no more. */
  readonly patterns: readonly PatternState[];
  /** Messages kept back by quiet hours. One for each trigger at most. */
  readonly held: readonly HeldMessage[];
  /** When the daily triggers were last asked for; LONG_AGO where never. */
  readonly rescoredAt: Instant;
  /** Campaigns that have had their turn with this customer. */
  readonly campaigns: readonly { readonly campaign: NameHash; readonly at: Instant }[];
  /** For an anonymous profile: the customer to whom it was joined, and to whom later events are forwarded. */
  readonly sealedTo: CustomerKey | undefined;
  /** For a customer: anonymous keys that were joined, oldest first. */
  readonly absorbed: readonly CustomerKey[];
  /** For a customer: seals of anonymous keys without an answer yet. While there is one, nothing is decided. */
  readonly joining: number;
  /** Messages that were triggered meanwhile, oldest first: decided once nothing is on its way. `until` is NEVER. */
  readonly awaiting: readonly HeldMessage[];
}

/** What a pattern has seen so far. */
export interface PatternState {
  /** Trigger.keptAs */
  readonly pattern: NameHash;
  /** When it is complete if nothing happens; NEVER where only an event can complete it. */
  readonly due: Instant;
  /** Events that count, oldest first, by event time. */
  readonly marks: readonly PatternMark[];
}

export interface PatternMark {
  /** Which part of the pattern it is; 0 = the first step, or what arms it. */
  readonly step: number;
  /** Event time. */
  readonly at: Instant;
  readonly source: string;
  readonly event: string;
}

/** An outbound message that waits for the end of quiet hours, to be decided again. */
export interface HeldMessage {
  readonly trigger: NameHash;
  /** The event that asked first: names the decisions. */
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
  /** Decided again then. */
  readonly until: Instant;
  /** Not decided again after this. */
  readonly dropAfter: Instant;
  readonly context: Props;
}

const VERSION = 2;
const ATTRIBUTE_TYPES: readonly AttributeType[] = ["number", "string", "boolean", "set"];

const writer = createByteWriter();

type More = Pick<
  ProfileState,
  "patterns" | "held" | "rescoredAt" | "campaigns" | "sealedTo" | "absorbed" | "joining" | "awaiting"
>;

const NOTHING_MORE: More = {
  patterns: [],
  held: [],
  rescoredAt: LONG_AGO,
  campaigns: [],
  sealedTo: undefined,
  absorbed: [],
  joining: 0,
  awaiting: [],
};

/** Of somebody of whom nothing is known; its attributes depend on the layout. */
const NOTHING: Omit<ProfileState, "attributes" | "attributeTs"> = {
  consents: [],
  openCases: [],
  closedCases: [],
  tasks: [],
  contacts: [],
  ...NOTHING_MORE,
};

/** Good until the next call: memory of its own for each would cost as much as the writing. */
export function encodeState(state: ProfileState, layout: Layout): Uint8Array {
  const { consents, openCases, closedCases, tasks, contacts } = state;
  const { patterns, held, rescoredAt, campaigns, sealedTo, absorbed, joining, awaiting } = state;
  const set = layout.attributes.map((_, index) => index).filter((index) => state.attributes[index] !== undefined);
  const more = [patterns, held, campaigns, absorbed, awaiting];
  const isPlain = rescoredAt === LONG_AGO && sealedTo === undefined && joining === 0;
  const hasNoMore = isPlain && more.every((list) => list.length === 0);
  const lists = [set, consents, openCases, closedCases, tasks, contacts];
  if (hasNoMore && lists.every((list) => list.length === 0)) return new Uint8Array(0);
  writer.u8(VERSION);
  writer.count(set.length);
  for (const index of set) {
    writer.u32(layout.attributeHashes[index] as number);
    writer.f64(state.attributeTs[index] as number);
    writeValue(writer, state.attributes[index] as PropValue);
  }
  writeList(consents, ({ channel, purpose, granted, ts }) => {
    writer.text(channel);
    writer.text(purpose);
    writer.u8(granted ? 1 : 0);
    writer.f64(ts);
  });
  writeList(openCases, ({ caseId, kind, openedAt, slaDueAt }) => {
    writer.text(caseId);
    writer.text(kind);
    writer.f64(openedAt);
    writer.f64(slaDueAt ?? Number.NaN);
  });
  writeList(closedCases, ({ caseId, closedAt }) => {
    writer.text(caseId);
    writer.f64(closedAt);
  });
  writeList(tasks, ({ taskId, title, state: taskState, dueAt }) => {
    writer.text(taskId);
    writer.text(title);
    writer.text(taskState);
    writer.f64(dueAt ?? Number.NaN);
  });
  writeList(contacts, (contact) => writeContact(writer, contact));
  if (hasNoMore) {
    writer.u8(0);
    return writer.take();
  }
  writer.u8(1);
  writeList(patterns, writePattern);
  writeList(held, writeHeld);
  writer.f64(rescoredAt);
  writeList(campaigns, ({ campaign, at }) => {
    writer.u32(campaign);
    writer.f64(at);
  });
  writer.text(sealedTo ?? "");
  writeList(absorbed, (key) => writer.text(key));
  writer.count(joining);
  writeList(awaiting, writeHeld);
  return writer.take();
}

type DeclaredAttributes = Pick<Layout, "attributes" | "attributeByHash">;

/** Throws RangeError where the bytes are not of `encodeState`. */
export function decodeState(bytes: Uint8Array, layout: DeclaredAttributes): ProfileState {
  const attributes: (PropValue | undefined)[] = new Array(layout.attributes.length).fill(undefined);
  const attributeTs: number[] = new Array(layout.attributes.length).fill(LONG_AGO);
  if (bytes.length === 0) {
    return { ...NOTHING, attributes, attributeTs };
  }
  const reader = createByteReader(bytes);
  const version = reader.u8();
  if (version !== VERSION) throw new RangeError(`the state of a profile has version ${version}, not ${VERSION}`);
  for (let left = reader.count(); left > 0; left--) {
    const index = layout.attributeByHash.get(reader.u32());
    const ts = reader.f64();
    const value = readValue(reader);
    if (index === undefined) continue;
    attributes[index] = value;
    attributeTs[index] = ts;
  }
  const state: ProfileState = {
    attributes,
    attributeTs,
    consents: readList(reader, readConsent),
    openCases: readList(reader, readOpenCase),
    closedCases: readList(reader, (from) => ({ caseId: from.text(), closedAt: from.f64() as Instant })),
    tasks: readList(reader, readTask),
    contacts: readList(reader, readContact),
    ...(reader.u8() === 0 ? NOTHING_MORE : readMore(reader)),
  };
  if (!reader.done()) throw new RangeError("the state of a profile goes on after its end");
  return state;
}

function writeList<Element>(list: readonly Element[], write: (element: Element) => void): void {
  writer.count(list.length);
  for (const element of list) write(element);
}

function readList<Element>(reader: ByteReader, read: (reader: ByteReader) => Element): Element[] {
  const list: Element[] = [];
  for (let left = reader.count(); left > 0; left--) list.push(read(reader));
  return list;
}

function writeValue(to: ByteWriter, value: PropValue): void {
  if (typeof value === "number") {
    to.u8(0);
    to.f64(value);
  } else if (typeof value === "string") {
    to.u8(1);
    to.text(value);
  } else if (typeof value === "boolean") {
    to.u8(2);
    to.u8(value ? 1 : 0);
  } else {
    to.u8(3);
    to.count(value.length);
    for (const text of value) to.text(text);
  }
}

function readValue(reader: ByteReader): PropValue {
  const code = reader.u8();
  const type = ATTRIBUTE_TYPES[code];
  if (type === undefined) throw new RangeError(`an attribute of unknown type ${code}`);
  switch (type) {
    case "number":
      return reader.f64();
    case "string":
      return reader.text();
    case "boolean":
      return reader.u8() === 1;
    case "set":
      return readList(reader, (from) => from.text());
  }
}

function writePattern({ pattern, due, marks }: PatternState): void {
  writer.u32(pattern);
  writer.f64(due);
  writeList(marks, ({ step, at, source, event }) => {
    writer.count(step);
    writer.f64(at);
    writer.text(source);
    writer.text(event);
  });
}

function readPattern(reader: ByteReader): PatternState {
  const pattern = reader.u32() as NameHash;
  const due = reader.f64() as Instant;
  const marks = readList(reader, (from) => ({
    step: from.count(),
    at: from.f64() as Instant,
    source: from.text(),
    event: from.text(),
  }));
  return { pattern, due, marks };
}

function writeHeld({ trigger, source, event, at, until, dropAfter, context }: HeldMessage): void {
  writer.u32(trigger);
  writer.text(source);
  writer.text(event);
  writer.f64(at);
  writer.f64(until);
  writer.f64(dropAfter);
  writeList(Object.keys(context), (name) => {
    writer.text(name);
    writeValue(writer, context[name] as PropValue);
  });
}

function readHeld(reader: ByteReader): HeldMessage {
  const trigger = reader.u32() as NameHash;
  const source = reader.text();
  const event = reader.text();
  const at = reader.f64() as Instant;
  const until = reader.f64() as Instant;
  const dropAfter = reader.f64() as Instant;
  const props = readList(reader, (from) => [from.text(), readValue(from)] as const);
  return { trigger, source, event, at, until, dropAfter, context: Object.fromEntries(props) };
}

function readMore(reader: ByteReader): More {
  return {
    patterns: readList(reader, readPattern),
    held: readList(reader, readHeld),
    rescoredAt: reader.f64() as Instant,
    campaigns: readList(reader, (from) => ({ campaign: from.u32() as NameHash, at: from.f64() as Instant })),
    sealedTo: keyOrNone(reader.text()),
    absorbed: readList(reader, (from) => from.text() as CustomerKey),
    joining: reader.count(),
    awaiting: readList(reader, readHeld),
  };
}

function keyOrNone(text: string): CustomerKey | undefined {
  return text === "" ? undefined : (text as CustomerKey);
}

function readConsent(reader: ByteReader): Consent {
  return {
    channel: reader.text(),
    purpose: reader.text(),
    granted: reader.u8() === 1,
    ts: reader.f64() as Instant,
  };
}

function readOpenCase(reader: ByteReader): OpenCase {
  const opened = { caseId: reader.text(), kind: reader.text(), openedAt: reader.f64() as Instant };
  const slaDueAt = reader.f64() as Instant;
  return Number.isNaN(slaDueAt) ? opened : { ...opened, slaDueAt };
}

function readTask(reader: ByteReader): Task {
  const task = { taskId: reader.text(), title: reader.text(), state: reader.text() };
  const dueAt = reader.f64() as Instant;
  return Number.isNaN(dueAt) ? task : { ...task, dueAt };
}
