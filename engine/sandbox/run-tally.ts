// What a rulebook did in a stretch of time, counted.
import type { Decider } from "../decide/decide.ts";
import { policyNamed } from "../decide/drop-fields.ts";
import { replay } from "../decide/replay.ts";
import type { DecisionRecord, ItemRecord } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { createRuleCensus, type RuleCount } from "./rule-census.ts";
import { ruleScopeOf } from "./rule-scope-of.ts";

export interface RunStats {
  readonly decisions: number;
  readonly acted: number;
  readonly asked: number;
  readonly triggered: number;
  /** Items offered anew, by action. */
  readonly actions: ReadonlyMap<string, number>;
  /** Treatments that fell by this policy. */
  readonly policies: ReadonlyMap<string, number>;
  /** Items offered anew: P x V, summed. */
  readonly expectedValue: number;
  readonly withheld: number;
  readonly withdrawn: number;
  /** Customers who did something, or were decided for. */
  readonly customers: number;
  /** Of them those who were offered nothing. */
  readonly customersWithout: number;
  readonly contacts: { readonly total: number; readonly mean: number; readonly p95: number; readonly max: number };
  /** The first action of each customer. */
  readonly first: ReadonlyMap<CustomerKey, string>;
  /** Decisions that did not come out again. */
  readonly notReproduced: number;
  readonly rules: readonly RuleCount[];
}

export interface RunTally {
  /** A customer who did something. */
  readonly see: (key: CustomerKey, at: Instant) => void;
  readonly add: (record: DecisionRecord) => void;
  readonly addWithdrawn: (count: number, at: Instant) => void;
  readonly stats: () => RunStats;
}

/** Counts what lies in [from, to). `decidersOf`: by the hash that a record names; the census is of `decider`. */
export function createRunTally(
  decider: Decider,
  deciderOf: (record: DecisionRecord) => Decider,
  from: Instant,
  to: Instant,
): RunTally {
  const { rulebook } = decider;
  const census = createRuleCensus(rulebook);
  const actions = new Map<string, number>();
  const policies = new Map<string, number>();
  const contacts = new Map<CustomerKey, number>();
  const first = new Map<CustomerKey, string>();
  const sums = { decisions: 0, acted: 0, triggered: 0, expectedValue: 0, withheld: 0, withdrawn: 0, notReproduced: 0 };
  const isIn = (at: Instant): boolean => at >= from && at < to;
  const see = (key: CustomerKey, at: Instant): void => {
    if (isIn(at) && !contacts.has(key)) contacts.set(key, 0);
  };
  const addItem = (key: CustomerKey, { action, factors }: ItemRecord): void => {
    increase(actions, action);
    sums.expectedValue += factors.propensity * factors.value;
    contacts.set(key, (contacts.get(key) ?? 0) + 1);
    if (!first.has(key)) first.set(key, action);
  };
  return {
    see,
    addWithdrawn: (count, at) => {
      if (isIn(at)) sums.withdrawn += count;
    },
    add: (record) => {
      if (!isIn(record.now)) return;
      see(record.key, record.now);
      sums.decisions++;
      if (record.kind === "act") sums.acted++;
      if (record.trigger !== undefined) sums.triggered++;
      const shown = record.slates.flatMap(({ items }) => items);
      for (const item of shown) if (!item.kept) addItem(record.key, item);
      sums.withheld += record.withheld.reduce((sum, { items }) => sum + items.length, 0);
      const own = deciderOf(record);
      const { decision, reproduced } = replay(own, record);
      if (!reproduced) sums.notReproduced++;
      for (const drop of decision?.dropped ?? []) {
        const id = policyIdOf(own, drop);
        if (id !== undefined) increase(policies, id);
      }
      census.add(ruleScopeOf(rulebook, own.rulebook, record));
    },
    stats: () => ({
      ...sums,
      asked: sums.decisions - sums.triggered,
      actions,
      policies,
      customers: contacts.size,
      customersWithout: [...contacts.values()].filter((count) => count === 0).length,
      contacts: spreadOf([...contacts.values()]),
      first,
      rules: census.counts(),
    }),
  };
}

function increase(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function policyIdOf({ prepared, rulebook }: Decider, drop: Drop): string | undefined {
  switch (drop.stage) {
    case "suppression":
    case "quiet-hours":
    case "contact-limit":
      return policyNamed(prepared, drop).id;
    case "quota":
      return rulebook.quotas[drop.quota]?.id;
    case "availability":
    case "eligibility":
    case "applicability":
    case "suitability":
    case "consent":
    case "propensity":
    case "arbitration":
    case "content":
    case "slots":
    case "holdout":
      return undefined;
  }
}

/** p95: the smallest number that at least 95 of 100 customers do not exceed. */
function spreadOf(counts: readonly number[]): RunStats["contacts"] {
  if (counts.length === 0) return { total: 0, mean: 0, p95: 0, max: 0 };
  const sorted = counts.toSorted((a, b) => a - b);
  const total = sorted.reduce((sum, count) => sum + count, 0);
  const p95 = sorted[Math.ceil(sorted.length * 0.95) - 1] as number;
  return { total, mean: total / sorted.length, p95, max: sorted.at(-1) as number };
}
