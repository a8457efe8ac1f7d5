// A customer of the baseline: a Redis hash, whose fields are JSON. Read once for a batch, changed in memory, written once.
import type { Redis } from "ioredis";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import type { Tracks, Windows } from "./panes.ts";

export type Attributes = Readonly<Record<string, unknown>>;

export interface Customer {
  readonly id: string;
  readonly tracks: Map<string, Tracks>;
  attributes: Attributes;
  /** When outbound contacts were made, in ms since 1970. */
  contacts: number[];
  /** Fields to write. */
  readonly changed: Set<string>;
}

/** Fields that are not the panes of a type of event. */
const ATTRIBUTES = "attributes";
const CONTACTS = "contacts";
const WEEK_MS = 7 * 86_400_000;

export function keyOf(customer: string): string {
  return `customer:${customer}`;
}

/** One round trip for all of them: every field where `wanted` says so, else only those that are named. */
export async function readCustomers(
  redis: Redis,
  wanted: ReadonlyMap<string, readonly string[] | "all">,
): Promise<Map<string, Customer>> {
  const pipeline = redis.pipeline();
  for (const [id, fields] of wanted) {
    if (fields === "all") pipeline.hgetall(keyOf(id));
    else pipeline.hmget(keyOf(id), ...fields);
  }
  const replies = (await pipeline.exec()) ?? [];
  const customers = new Map<string, Customer>();
  let at = 0;
  for (const [id, fields] of wanted) {
    const [error, reply] = replies[at++] as [Error | null, unknown];
    if (error !== null) throw error;
    const entries =
      fields === "all"
        ? Object.entries(reply as Record<string, string>)
        : fields.map((field, index) => [field, (reply as (string | null)[])[index] ?? null] as const);
    customers.set(id, parseCustomer(id, entries));
  }
  return customers;
}

function parseCustomer(id: string, entries: readonly (readonly [string, string | null])[]): Customer {
  const customer: Customer = { id, tracks: new Map(), attributes: {}, contacts: [], changed: new Set() };
  for (const [field, json] of entries) {
    if (json === null) continue;
    const value: unknown = JSON.parse(json);
    if (field === ATTRIBUTES) customer.attributes = value as Attributes;
    else if (field === CONTACTS) customer.contacts = value as number[];
    else customer.tracks.set(field, value as Tracks);
  }
  return customer;
}

/** The fields that a fold of this type of event reads. */
export function fieldsOf(type: string): readonly string[] {
  if (type === "profile_update") return [ATTRIBUTES];
  return [type === "contact" ? CONTACTS : type];
}

export function fold(customer: Customer, event: CustomerEvent, windows: Windows): void {
  customer.changed.add(fieldsOf(event.type)[0] as string);
  if (event.type === "profile_update") customer.attributes = { ...customer.attributes, ...event.props };
  else if (event.type === "contact") customer.contacts.push(event.ts);
  else {
    const tracks = customer.tracks.get(event.type) ?? {};
    customer.tracks.set(event.type, tracks);
    windows.add(tracks, event);
  }
}

export function contactsOfLastWeek({ contacts }: Customer, now: number): number {
  return contacts.filter((at) => at > now - WEEK_MS).length;
}

export function addContact(customer: Customer, now: number): void {
  customer.contacts = [...customer.contacts.filter((at) => at > now - WEEK_MS), now];
  customer.changed.add(CONTACTS);
}

/** As arguments of HSET; undefined where nothing changed. */
export function changesOf(customer: Customer): readonly string[] | undefined {
  if (customer.changed.size === 0) return undefined;
  return [...customer.changed].flatMap((field) => {
    const isTracks = field !== ATTRIBUTES && field !== CONTACTS;
    const value = isTracks ? customer.tracks.get(field) : customer[field];
    return [field, JSON.stringify(value)];
  });
}
