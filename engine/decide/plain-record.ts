// A journalled decision as plain JSON and back. JSON has no NaN, no infinity and no typed array, and a decision must be
// computed again bit for bit: what is missing (NaN, undefined) is written as null, and the other numbers that JSON does
// not know as "inf", "-inf" and "-0".
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, SlateRecord } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";

/** A value made of objects, arrays, strings, booleans, finite numbers and null only. */
export type PlainRecord = { readonly [Key in keyof DecisionRecord]: unknown };

type PlainNumber = number | null | "inf" | "-inf" | "-0";

interface PlainProfile {
  readonly features: readonly PlainNumber[];
  readonly attributes: readonly (PropValue | null)[];
  readonly contacts: readonly Contact[];
}

const INSTANTS = ["at", "reservedUntil", "expiresAt", "respondBy", "outcomeAt", "until"] as const;

export function plainRecord(record: DecisionRecord): PlainRecord {
  const { profile } = record.input;
  return {
    ...record,
    slates: record.slates.map((slate) => ({ ...slate, items: slate.items.map(plainItem) })),
    models: record.models.map((model) => ({ ...model, value: plainNumber(model.value) })),
    contacts: record.contacts.map(plainContact),
    input: {
      ...record.input,
      profile: {
        ...profile,
        features: Array.from(profile.features, plainNumber),
        attributes: profile.attributes.map((value) => value ?? null),
        contacts: profile.contacts.map(plainContact),
      },
    },
  };
}

/** The inverse. Trusts that the value was made by `plainRecord`. */
export function recordFromPlain(plain: PlainRecord): DecisionRecord {
  const record = plain as unknown as DecisionRecord;
  const profile = record.input.profile as unknown as PlainProfile;
  return {
    ...record,
    slates: record.slates.map((slate): SlateRecord => ({ ...slate, items: slate.items.map(itemFromPlain) })),
    models: record.models.map((model) => ({ ...model, value: numberFromPlain(model.value) })),
    contacts: record.contacts.map(contactFromPlain),
    input: {
      ...record.input,
      profile: {
        ...record.input.profile,
        features: Float64Array.from(profile.features, numberFromPlain),
        attributes: profile.attributes.map((value) => value ?? undefined),
        contacts: profile.contacts.map(contactFromPlain),
      },
    },
  };
}

function plainItem(item: ItemRecord): unknown {
  return {
    ...item,
    factors: { ...item.factors, raw: plainNumber(item.factors.raw) },
    expiresAt: plainNumber(item.expiresAt),
  };
}

function itemFromPlain(item: ItemRecord): ItemRecord {
  const factors = { ...item.factors, raw: numberFromPlain(item.factors.raw) };
  return { ...item, factors, expiresAt: numberFromPlain(item.expiresAt) as Instant };
}

function plainContact(contact: Contact): unknown {
  const plain: Record<string, unknown> = { ...contact };
  for (const name of INSTANTS) plain[name] = plainNumber(contact[name]);
  return plain;
}

function contactFromPlain(contact: Contact): Contact {
  const found: { -readonly [Key in keyof Contact]: Contact[Key] } = { ...contact };
  for (const name of INSTANTS) found[name] = numberFromPlain(contact[name]) as Instant;
  return found;
}

function plainNumber(value: number): PlainNumber {
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : value;
  if (Number.isNaN(value)) return null;
  return value > 0 ? "inf" : "-inf";
}

function numberFromPlain(plain: PlainNumber): number {
  if (typeof plain === "number") return plain;
  if (plain === null) return Number.NaN;
  return plain === "-0" ? -0 : plain === "inf" ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
}
