import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import type { CustomerKey, ModelIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { CustomerLook } from "../engine.ts";
import type { Scorer } from "../score/scorer.ts";
import type { Partition } from "./partition.ts";

/** What memory holds of a customer; its decisions are only in the journal. */
export type Glance = Omit<CustomerLook, "active">;

/** A glance that the models have not seen yet. */
export interface Unscored {
  readonly glance: Omit<Glance, "propensities">;
  readonly scorer: Scorer;
  /** One value per feature, as of the glance's `now`. */
  readonly row: Float64Array;
}

/** What the partition holds of one customer as of now; undefined for somebody of whom nothing is known. */
export function glanceAt(partition: Partition, key: CustomerKey, now: Instant): Unscored | undefined {
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
    state.sealedTo !== undefined ||
    state.attributes.some((value) => value !== undefined);
  if (!isKnown) return undefined;
  const glance = {
    key,
    partition: partition.index,
    seq,
    now,
    attributes: named(rulebook.attributes, (index) => state.attributes[index]),
    features: Object.fromEntries(
      rulebook.features.map(({ name, index }) => [name, Number.isNaN(row[index]) ? null : (row[index] as number)]),
    ),
    contacts: state.contacts,
    consents: state.consents,
    openCases: state.openCases,
    tasks: state.tasks,
    patterns: state.patterns,
    held: state.held,
    joinedTo: state.sealedTo,
    absorbed: state.absorbed,
  };
  return { glance, scorer, row };
}

/** One call of the scorer for all glances; of each scorer, where partitions are between two rulebooks. In order. */
export async function scoreGlances(unscored: readonly Unscored[]): Promise<readonly Glance[]> {
  const glances: Glance[] = new Array(unscored.length);
  for (const scorer of new Set(unscored.map((one) => one.scorer))) {
    const own = [...unscored.entries()].filter(([, one]) => one.scorer === scorer);
    const { models } = scorer;
    const scores = await scorer.scoreAll(
      own.flatMap(([, { row }]) => models.map((_, model) => ({ model: model as ModelIndex, row }))),
    );
    for (const [nth, [at, { glance }]] of own.entries()) {
      const mine = scores.slice(nth * models.length, (nth + 1) * models.length);
      const propensities = Object.fromEntries(
        mine.map(({ model, value }) => [models[model]?.name ?? String(model), value]),
      );
      glances[at] = { ...glance, propensities };
    }
  }
  return glances;
}

/** Adds the decisions that are on the screens: to be called once the commit that the glance reflects is in the journal. */
export async function withDecisions(
  glance: Glance,
  recordOf: (contact: Contact) => Promise<DecisionRecord | undefined>,
): Promise<CustomerLook> {
  // What the holdout withholds is on no screen, live as its contact may be.
  const live = glance.contacts.filter((contact) => contact.live && !contact.shadow);
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
