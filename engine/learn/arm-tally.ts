// What became of the customers of each arm, counted from the decisions and the reports of one partition.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { OutcomeReport } from "../domain/event.ts";
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { applyOutcome } from "../profile/outcome.ts";

/** Name under which the holdout stands among the experiments; no experiment can have it. */
export const HOLDOUT = "$holdout";

export interface ArmCounts {
  /** Distinct. */
  customers: number;
  decisions: number;
  /** Made by these decisions, the withheld ones not among them. */
  contacts: number;
  /** Accepted or converted among them, as last reported. */
  positives: number;
}

export interface ExperimentCounts {
  readonly arms: Map<string, ArmCounts>;
  /** Customers who were in more than one arm: weights, salt or buckets were changed. */
  crossed: number;
}

export interface ArmTally {
  readonly decision: (record: DecisionRecord) => void;
  /** In the order of the log; repeated, it changes nothing. */
  readonly outcome: (report: OutcomeReport, at: Instant) => void;
  readonly counts: () => ReadonlyMap<string, ExperimentCounts>;
}

interface Arm {
  readonly customers: Set<CustomerKey>;
  readonly counts: ArmCounts;
}

/** `isHeldOut` tells the side of the holdout; undefined: there is none. */
export function createArmTally(isHeldOut: (key: CustomerKey) => boolean | undefined): ArmTally {
  const experiments = new Map<string, Map<string, Arm>>();
  const contacts = new Map<TrackingCode, { contact: Contact; readonly arms: readonly Arm[] }>();

  function armOf(experiment: string, id: string): Arm {
    const arms = experiments.get(experiment) ?? new Map<string, Arm>();
    experiments.set(experiment, arms);
    const arm = arms.get(id) ?? { customers: new Set(), counts: noCounts() };
    arms.set(id, arm);
    return arm;
  }

  function decision(record: DecisionRecord): void {
    const arms = record.arms.map(({ experiment, arm }) => armOf(experiment, arm));
    const heldOut = isHeldOut(record.key);
    if (heldOut !== undefined) arms.push(armOf(HOLDOUT, heldOut ? "in" : "out"));
    if (arms.length === 0) return;
    const made = record.contacts.filter(({ shadow }) => !shadow);
    for (const { customers, counts } of arms) {
      customers.add(record.key);
      counts.decisions++;
      counts.contacts += made.length;
    }
    for (const contact of made) contacts.set(contact.trackingCode, { contact, arms });
  }

  function outcome(report: OutcomeReport, at: Instant): void {
    const known = contacts.get(report.trackingCode);
    if (known === undefined) return;
    const step = applyOutcome(known.contact, report, at);
    known.contact = step.contact;
    for (const { counts } of known.arms) counts.positives += step.positives;
  }

  return {
    decision,
    outcome,
    counts: () => new Map([...experiments].map(([id, arms]) => [id, countsOf(arms)])),
  };
}

/** Adds what another partition counted: a customer lives in one of them only. */
export function addCounts(into: Map<string, ExperimentCounts>, more: ReadonlyMap<string, ExperimentCounts>): void {
  for (const [experiment, { arms, crossed }] of more) {
    const sum = into.get(experiment) ?? { arms: new Map<string, ArmCounts>(), crossed: 0 };
    into.set(experiment, sum);
    sum.crossed += crossed;
    for (const [id, counts] of arms) {
      const arm = sum.arms.get(id) ?? noCounts();
      sum.arms.set(id, arm);
      arm.customers += counts.customers;
      arm.decisions += counts.decisions;
      arm.contacts += counts.contacts;
      arm.positives += counts.positives;
    }
  }
}

function countsOf(arms: ReadonlyMap<string, Arm>): ExperimentCounts {
  const all = [...arms];
  const distinct = new Set(all.flatMap(([, { customers }]) => [...customers])).size;
  const inArms = all.reduce((sum, [, { customers }]) => sum + customers.size, 0);
  return {
    arms: new Map(all.map(([id, { customers, counts }]) => [id, { ...counts, customers: customers.size }])),
    crossed: inArms - distinct,
  };
}

function noCounts(): ArmCounts {
  return { customers: 0, decisions: 0, contacts: 0, positives: 0 };
}
