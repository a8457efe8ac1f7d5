// A decision within its journal record, by position instead of by name: names were half of what was written, and most of the
// time that it took. Numbers go as bytes: features and factors as their doubles, contacts as a profile keeps them.
// In version 2 of the record a decision was a map, and its features alone were bytes: it is read still.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, Priority, ProfileView, SlateRecord } from "../domain/decision.ts";
import { createByteReader } from "../profile/binary.ts";
import { readContact, writeContact } from "../profile/contact-codec.ts";
import type { MessageWriter } from "./message-writer.ts";

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

const FIELDS = 24;

/** As `PackedDecision` has it. */
export function writeDecision(to: MessageWriter, record: DecisionRecord): void {
  to.array(FIELDS);
  to.string(record.id);
  to.string(record.key);
  to.string(record.kind);
  to.string(record.direction);
  writeSlates(to, record.slates);
  to.number(record.now);
  to.string(record.rulebook);
  to.value(record.models);
  to.value(record.degraded);
  to.value(record.trigger ?? null);
  to.value(record.requestHash ?? null);
  writeSlates(to, record.withheld);
  to.value(record.arms);
  to.value(record.spent);
  to.number(record.pressure);
  to.value(record.heldUntil ?? null);
  writeContacts(to, record.contacts);
  to.value(record.superseded);
  writeInput(to, record.input);
  to.string(record.droppedDigest);
}

function writeInput(to: MessageWriter, { profile, request, evidence, quotas, draw }: Input): void {
  to.array(5);
  to.doubles(profile.features);
  to.value(profile.attributes);
  writeContacts(to, profile.contacts);
  to.value(profile.consents);
  to.value(profile.openCases);
  to.value(request);
  to.value(evidence);
  to.value(quotas);
  to.number(draw);
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

function writeSlates(to: MessageWriter, slates: readonly SlateRecord[]): void {
  to.array(slates.length);
  for (const { placement, kind, because, items } of slates) {
    to.array(4);
    to.string(placement);
    to.string(kind);
    to.value(because ?? null);
    to.array(items.length);
    for (const item of items) writeItem(to, item);
  }
}

function unpackSlate([placement, kind, because, packed]: PackedSlate): SlateRecord {
  const items = packed.map(unpackItem);
  return because === null ? { placement, kind, items } : { placement, kind, because, items };
}

function writeItem(to: MessageWriter, item: ItemRecord): void {
  to.array(10);
  to.string(item.action);
  to.string(item.treatment);
  to.string(item.channel);
  to.number(item.rank);
  to.string(item.trackingCode);
  to.flag(item.kept);
  writeFactors(to, item.factors);
  to.value(item.content);
  to.value(item.reasons);
  to.number(item.expiresAt);
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

function writeFactors(
  to: MessageWriter,
  { raw, propensity, context, value, lever, boost, fatigue, priority }: Priority,
): void {
  to.blobHead(8 * 8);
  to.f64(raw);
  to.f64(propensity);
  to.f64(context);
  to.f64(value);
  to.f64(lever);
  to.f64(boost);
  to.f64(fatigue);
  to.f64(priority);
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

function writeContacts(to: MessageWriter, contacts: readonly Contact[]): void {
  const head = to.beginBlob();
  for (const contact of contacts) writeContact(to, contact);
  to.endBlob(head);
}

function unpackContacts(packed: Buffer): readonly Contact[] {
  const contacts: Contact[] = [];
  for (const reader = createByteReader(packed); !reader.done(); ) contacts.push(readContact(reader));
  return contacts;
}
