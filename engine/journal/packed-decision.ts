// The parts of a decision that are numbers, as bytes within its journal record: a contact as a map repeats 24 names, and
// nine of ten bytes of the factors of an item were their names and tags.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, Priority, ProfileView, SlateRecord } from "../domain/decision.ts";
import { createByteReader, createByteWriter } from "../profile/binary.ts";
import { readContact, writeContact } from "../profile/contact-codec.ts";

/** In this order; one more would be one more version of the record. */
const FACTORS = [
  "raw",
  "propensity",
  "context",
  "value",
  "lever",
  "boost",
  "fatigue",
  "priority",
] as const satisfies readonly (keyof Priority)[];

type PackedItem = Omit<ItemRecord, "factors"> & { readonly factors: Buffer | Priority };
type PackedSlate = Omit<SlateRecord, "items"> & { readonly items: readonly PackedItem[] };
type PackedContacts = Buffer | readonly Contact[];
type PackedView = Omit<ProfileView, "features" | "contacts"> & {
  readonly features: Buffer;
  readonly contacts: PackedContacts;
};

/** What is a Buffer is plain in a record of version 2; the features are bytes in both. */
export type PackedDecision = Omit<DecisionRecord, "slates" | "withheld" | "contacts" | "input"> & {
  readonly slates: readonly PackedSlate[];
  readonly withheld: readonly PackedSlate[];
  readonly contacts: PackedContacts;
  readonly input: Omit<DecisionRecord["input"], "profile"> & { readonly profile: PackedView };
};

export function packDecision(decision: DecisionRecord): PackedDecision {
  const { profile } = decision.input;
  const { buffer, byteOffset, byteLength } = profile.features;
  const features = Buffer.from(buffer, byteOffset, byteLength);
  return {
    ...decision,
    slates: decision.slates.map(packSlate),
    withheld: decision.withheld.map(packSlate),
    contacts: packContacts(decision.contacts),
    input: { ...decision.input, profile: { ...profile, features, contacts: packContacts(profile.contacts) } },
  };
}

export function unpackDecision(packed: PackedDecision): DecisionRecord {
  const { profile } = packed.input;
  const bytes = new Uint8Array(profile.features); // a copy: aligned, and independent of the reply that it came in
  const features = new Float64Array(bytes.buffer);
  return {
    ...packed,
    slates: packed.slates.map(unpackSlate),
    withheld: packed.withheld.map(unpackSlate),
    contacts: unpackContacts(packed.contacts),
    input: { ...packed.input, profile: { ...profile, features, contacts: unpackContacts(profile.contacts) } },
  };
}

function packSlate(slate: SlateRecord): PackedSlate {
  return { ...slate, items: slate.items.map((item) => ({ ...item, factors: packFactors(item.factors) })) };
}

function unpackSlate(slate: PackedSlate): SlateRecord {
  return { ...slate, items: slate.items.map((item) => ({ ...item, factors: unpackFactors(item.factors) })) };
}

function packFactors(factors: Priority): Buffer {
  const row = Float64Array.from(FACTORS, (name) => factors[name]);
  return Buffer.from(row.buffer);
}

function unpackFactors(packed: Buffer | Priority): Priority {
  if (!Buffer.isBuffer(packed)) return packed;
  const at = (index: number): number => packed.readDoubleLE(index * 8);
  return {
    raw: at(0),
    propensity: at(1),
    context: at(2),
    value: at(3),
    lever: at(4),
    boost: at(5),
    fatigue: at(6),
    priority: at(7),
  };
}

const NO_CONTACTS = Buffer.alloc(0);
const writer = createByteWriter();

function packContacts(contacts: readonly Contact[]): Buffer {
  if (contacts.length === 0) return NO_CONTACTS;
  for (const contact of contacts) writeContact(writer, contact);
  const bytes = writer.take();
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unpackContacts(packed: PackedContacts): readonly Contact[] {
  if (!Buffer.isBuffer(packed)) return packed;
  const contacts: Contact[] = [];
  for (const reader = createByteReader(packed); !reader.done(); ) contacts.push(readContact(reader));
  return contacts;
}
