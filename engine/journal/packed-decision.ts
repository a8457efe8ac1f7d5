// A decision within its journal record, by position instead of by name: names were half of what was written, and most of the
// time that it took. Numbers go as bytes: features and factors as their doubles, contacts as a profile keeps them.
// In version 2 of the record a decision was a map, and its features alone were bytes: it is read still.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, Priority, ProfileView, SlateRecord } from "../domain/decision.ts";
import { createByteReader, createByteWriter } from "../profile/binary.ts";
import { readContact, writeContact } from "../profile/contact-codec.ts";

type PackedItem = readonly [
  action: string,
  treatment: string,
  channel: string,
  rank: number,
  trackingCode: ItemRecord["trackingCode"],
  kept: boolean,
  factors: Buffer,
  content: ItemRecord["content"],
  reasons: ItemRecord["reasons"],
  expiresAt: ItemRecord["expiresAt"],
];
type PackedSlate = readonly [
  placement: string,
  kind: SlateRecord["kind"],
  because: NonNullable<SlateRecord["because"]> | null,
  items: readonly PackedItem[],
];
type PackedProfile = readonly [
  features: Buffer,
  attributes: ProfileView["attributes"],
  contacts: Buffer,
  consents: ProfileView["consents"],
  openCases: ProfileView["openCases"],
];
type Input = DecisionRecord["input"];

/** What a record may lack is null. The customer stands once, for the profile as well. */
export type PackedDecision = readonly [
  id: DecisionRecord["id"],
  key: DecisionRecord["key"],
  kind: DecisionRecord["kind"],
  direction: DecisionRecord["direction"],
  slates: readonly PackedSlate[],
  now: DecisionRecord["now"],
  rulebook: DecisionRecord["rulebook"],
  models: DecisionRecord["models"],
  degraded: DecisionRecord["degraded"],
  trigger: NonNullable<DecisionRecord["trigger"]> | null,
  requestHash: string | null,
  withheld: readonly PackedSlate[],
  arms: DecisionRecord["arms"],
  spent: DecisionRecord["spent"],
  pressure: number,
  heldUntil: NonNullable<DecisionRecord["heldUntil"]> | null,
  contacts: Buffer,
  superseded: DecisionRecord["superseded"],
  profile: PackedProfile,
  request: Input["request"],
  evidence: Input["evidence"],
  quotas: Input["quotas"],
  draw: number,
  droppedDigest: string,
];

export function packDecision(record: DecisionRecord): PackedDecision {
  const { profile, request, evidence, quotas, draw } = record.input;
  const { buffer, byteOffset, byteLength } = profile.features;
  return [
    record.id,
    record.key,
    record.kind,
    record.direction,
    record.slates.map(packSlate),
    record.now,
    record.rulebook,
    record.models,
    record.degraded,
    record.trigger ?? null,
    record.requestHash ?? null,
    record.withheld.map(packSlate),
    record.arms,
    record.spent,
    record.pressure,
    record.heldUntil ?? null,
    packContacts(record.contacts),
    record.superseded,
    [
      Buffer.from(buffer, byteOffset, byteLength),
      profile.attributes,
      packContacts(profile.contacts),
      profile.consents,
      profile.openCases,
    ],
    request,
    evidence,
    quotas,
    draw,
    record.droppedDigest,
  ];
}

export function unpackDecision(packed: PackedDecision): DecisionRecord {
  const [id, key, kind, direction, slates, now, rulebook, models, degraded, trigger, requestHash, ...rest] = packed;
  const [withheld, arms, spent, pressure, heldUntil, contacts, superseded, profile, ...more] = rest;
  const [request, evidence, quotas, draw, droppedDigest] = more;
  const [features, attributes, before, consents, openCases] = profile;
  const view: ProfileView = {
    key,
    features: unpackFeatures(features),
    attributes,
    contacts: unpackContacts(before),
    consents,
    openCases,
  };
  return {
    id,
    key,
    kind,
    direction,
    slates: slates.map(unpackSlate),
    now,
    rulebook,
    models,
    degraded,
    withheld: withheld.map(unpackSlate),
    arms,
    spent,
    pressure,
    contacts: unpackContacts(contacts),
    superseded,
    input: { profile: view, request, evidence, quotas, draw },
    droppedDigest,
    ...(trigger === null ? undefined : { trigger }),
    ...(requestHash === null ? undefined : { requestHash }),
    ...(heldUntil === null ? undefined : { heldUntil }),
  };
}

/** As version 2 of the record has a decision. */
export type NamedDecision = Omit<DecisionRecord, "input"> & {
  readonly input: Omit<Input, "profile"> & {
    readonly profile: Omit<ProfileView, "features"> & { readonly features: Buffer };
  };
};

export function unpackNamed(named: NamedDecision): DecisionRecord {
  const { profile } = named.input;
  return { ...named, input: { ...named.input, profile: { ...profile, features: unpackFeatures(profile.features) } } };
}

/** A copy: aligned, and independent of the reply that it came in. */
function unpackFeatures(bytes: Buffer): Float64Array {
  return new Float64Array(new Uint8Array(bytes).buffer);
}

function packSlate({ placement, kind, because, items }: SlateRecord): PackedSlate {
  return [placement, kind, because ?? null, items.map(packItem)];
}

function unpackSlate([placement, kind, because, packed]: PackedSlate): SlateRecord {
  const items = packed.map(unpackItem);
  return because === null ? { placement, kind, items } : { placement, kind, because, items };
}

function packItem(item: ItemRecord): PackedItem {
  const { action, treatment, channel, rank, trackingCode, kept, factors, content, reasons, expiresAt } = item;
  const packed = packFactors(factors);
  return [action, treatment, channel, rank, trackingCode, kept, packed, content, reasons, expiresAt];
}

function unpackItem(packed: PackedItem): ItemRecord {
  const [action, treatment, channel, rank, trackingCode, kept, factors, content, reasons, expiresAt] = packed;
  return {
    action,
    treatment,
    channel,
    rank,
    trackingCode,
    kept,
    factors: unpackFactors(factors),
    content,
    reasons,
    expiresAt,
  };
}

function packFactors({ raw, propensity, context, value, lever, boost, fatigue, priority }: Priority): Buffer {
  const row = Float64Array.of(raw, propensity, context, value, lever, boost, fatigue, priority);
  return Buffer.from(row.buffer);
}

function unpackFactors(packed: Buffer): Priority {
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

function unpackContacts(packed: Buffer): readonly Contact[] {
  const contacts: Contact[] = [];
  for (const reader = createByteReader(packed); !reader.done(); ) contacts.push(readContact(reader));
  return contacts;
}
