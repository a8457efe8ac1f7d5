import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import type { CustomerKey, ModelIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { CustomerLook } from "../engine.ts";
import type { Partition } from "./partition.ts";

/** What memory holds of a customer; its decisions are only in the journal. */
export type Glance = Omit<CustomerLook, "active">;

/** What the partition holds of one customer, scored as of now; undefined for somebody of whom nothing is known. */
export async function glanceAt(partition: Partition, key: CustomerKey, now: Instant): Promise<Glance | undefined> {
  const { rulebook, scorer } = partition.active;
  const { store } = partition;
  const seq = partition.seq;
  const state = store.state(key);
  const row = new Float64Array(rulebook.features.length);
  store.features(key, now, row);
  const isKnown =
    partition.dirty.has(key) ||
    store.reflects(key) > 0 ||
    state.contacts.length > 0 ||
    state.attributes.some((value) => value !== undefined);
  if (!isKnown) return undefined;
  const requests = scorer.models.map((_, index) => ({ model: index as ModelIndex, row }));
  const scores = await scorer.scoreAll(requests);
  return {
    key,
    partition: partition.index,
    seq,
    now,
    attributes: named(rulebook.attributes, (index) => state.attributes[index]),
    features: Object.fromEntries(
      rulebook.features.map(({ name, index }) => [name, Number.isNaN(row[index]) ? null : (row[index] as number)]),
    ),
    propensities: Object.fromEntries(
      scores.map(({ model, value }) => [scorer.models[model]?.name ?? String(model), value]),
    ),
    contacts: state.contacts,
    consents: state.consents,
    openCases: state.openCases,
    tasks: state.tasks,
  };
}

/** Adds the decisions that are on the screens: to be called once the commit that the glance reflects is in the journal. */
export async function withDecisions(
  glance: Glance,
  recordOf: (contact: Contact) => Promise<DecisionRecord | undefined>,
): Promise<CustomerLook> {
  const live = glance.contacts.filter((contact) => contact.live);
  const isLive = new Set(live.map((contact) => contact.trackingCode));
  const active = new Map<string, DecisionRecord>();
  for (const contact of live) {
    if (active.has(contact.decision)) continue;
    const record = await recordOf(contact);
    if (record !== undefined) active.set(record.id, onlyLive(record, isLive));
  }
  return { ...glance, active: [...active.values()] };
}

function onlyLive(record: DecisionRecord, isLive: ReadonlySet<string>): DecisionRecord {
  const slates = record.slates.map((slate) => ({
    ...slate,
    // Kept items are told by the decision that first made them, with the content of that moment.
    items: slate.items.filter((item) => isLive.has(item.trackingCode) && !item.kept),
  }));
  return { ...record, slates };
}

function named(
  specs: readonly { readonly name: string; readonly index: number }[],
  read: (index: number) => PropValue | undefined,
): Readonly<Record<string, PropValue>> {
  const values: [string, PropValue][] = [];
  for (const { name, index } of specs) {
    const value = read(index);
    if (value !== undefined) values.push([name, value]);
  }
  return Object.fromEntries(values);
}
