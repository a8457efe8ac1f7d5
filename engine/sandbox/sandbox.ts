// The engine without Redis, processes and sockets: the very steps of the loop, over partitions in memory, on a clock that
// only the caller moves. The same calls give the same decisions, bit for bit, with the same ids. One lab for rule tests,
// what-if over the past, and scenario tables.
import { type Explanation, explain } from "../decide/explain.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CustomerKey, DecisionId, TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Ask } from "../engine.ts";
import {
  type EntryFields,
  encodeActivation,
  encodeCampaign,
  encodeDelivered,
  encodeEvent,
  encodeTimer,
} from "../ingest/log-entry.ts";
import type { ActiveRulebook } from "../partition/active-rulebook.ts";
import type { WaitingAsk } from "../partition/asks.ts";
import type { Partition } from "../partition/partition.ts";
import { askId } from "../partition/questions.ts";
import type { ProfileState } from "../profile/state.ts";
import type { Campaign } from "../rulebook/triggers.ts";
import { type Happened, homeOf, type Lab, openLab, rulebookOf, type SandboxOptions, settle, stepOnce } from "./lab.ts";

export type AskHappened =
  | ({ readonly kind: "decided"; readonly record: DecisionRecord } & Happened)
  | { readonly kind: "refused"; readonly pointer: string; readonly why: string };

/** Calls must not overlap. */
export interface Sandbox {
  readonly now: () => Instant;
  readonly rulebook: () => ActiveRulebook;
  /**
   * Moves the clock to `to`, firing on the way what falls due, each at its own time. Told of each time at which something
   * was due. Throws RangeError where `to` lies behind.
   */
  readonly advance: (to: Instant, onHappened?: (happened: Happened) => void) => Promise<Happened>;
  /** The event arrives now, whenever it happened. */
  readonly send: (event: CustomerEvent) => Promise<Happened>;
  /** `id`: what the decision is called; left out: numbered. */
  readonly ask: (ask: Omit<Ask, "deadlineMs">, id?: DecisionId) => Promise<AskHappened>;
  /** A channel takes over an item, where `delivers` is false. */
  readonly deliver: (key: CustomerKey, code: TrackingCode) => Promise<Happened>;
  readonly activate: (rulebook: ActiveRulebook) => Promise<Happened>;
  /** The rulebook that decided. */
  readonly rulebookOf: (record: DecisionRecord) => ActiveRulebook;
  /** By the rulebook that decided. */
  readonly explain: (record: DecisionRecord) => Explanation;
  /** What is kept of a customer; undefined where nothing is. */
  readonly state: (key: CustomerKey) => ProfileState | undefined;
  /** By FeatureIndex as of now, NaN where there is no value; undefined for somebody of whom nothing is kept. */
  readonly features: (key: CustomerKey) => Float64Array | undefined;
}

const TIMERS_AT_ONCE_MAX = 1_024;

export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  const lab = await openLab(options);
  const append = async (key: CustomerKey, fields: EntryFields): Promise<Happened> => {
    await lab.journal.append(homeOf(lab, key), fields);
    return await settle(lab);
  };
  return {
    now: () => lab.now,
    rulebook: () => (lab.stepping.partitions[0] as Partition).active,
    advance: (to, onHappened) => advance(lab, to, onHappened),
    send: (event) => append(event.key, encodeEvent(event)),
    ask: (ask, id) => askOne(lab, { ...ask, deadlineMs: 0 }, id),
    deliver: (key, code) => append(key, encodeDelivered(key, code)),
    activate: async (rulebook) => {
      lab.rulebooks.set(rulebook.hash, rulebook);
      for (const { index } of lab.stepping.partitions) {
        await lab.journal.append(index, encodeActivation(rulebook.hash, "sandbox"));
      }
      return await settle(lab);
    },
    rulebookOf: (record) => rulebookOf(lab, record.rulebook),
    explain: (record) => explain(rulebookOf(lab, record.rulebook).decider, record),
    state: (key) => {
      const { store } = lab.stepping.partitions[homeOf(lab, key)] as Partition;
      return store.has(key) ? store.state(key) : undefined;
    },
    features: (key) => {
      const { store, active } = lab.stepping.partitions[homeOf(lab, key)] as Partition;
      if (!store.has(key)) return undefined;
      const features = new Float64Array(active.rulebook.features.length);
      store.features(key, lab.now, features);
      return features;
    },
  };
}

async function advance(
  lab: Lab,
  to: Instant,
  onHappened: ((happened: Happened) => void) | undefined,
): Promise<Happened> {
  if (to < lab.now) throw new RangeError(`the clock stands at ${lab.now} and does not go back to ${to}`);
  const all: Happened[] = [];
  const fired = new Map<CustomerKey, Instant>();
  for (;;) {
    const due = nextDue(lab, to);
    if (due === undefined) break;
    if (due > lab.now) fired.clear();
    lab.now = Math.max(lab.now, due) as Instant;
    for (const { partition, key, campaign, from } of lab.turns.take(campaignsOf(lab), lab.now)) {
      await lab.journal.append(partition, encodeCampaign(key, campaign, from));
    }
    for (const { index } of lab.stepping.partitions) {
      for (const timer of await lab.journal.due(index, lab.now, TIMERS_AT_ONCE_MAX)) {
        if (fired.get(timer.key) === timer.due) throw new Error(`the timer of "${timer.key}" fires and stays due`);
        fired.set(timer.key, timer.due);
        await lab.journal.append(index, encodeTimer(timer.key, timer.due));
      }
    }
    const happened = await settle(lab);
    all.push(happened);
    onHappened?.(happened);
  }
  lab.now = to;
  return joined(all);
}

/** The earliest time at which something is due, no later than `to`. */
function nextDue(lab: Lab, to: Instant): Instant | undefined {
  let earliest = lab.turns.next(campaignsOf(lab), lab.now, to);
  for (const { index } of lab.stepping.partitions) {
    const first = lab.journal.timers(index).first();
    if (first !== undefined && first.due <= to && (earliest === undefined || first.due < earliest))
      earliest = first.due;
  }
  return earliest;
}

function campaignsOf({ stepping }: Lab): readonly Campaign[] {
  return stepping.partitions[0]?.active.rulebook.campaigns ?? [];
}

async function askOne(lab: Lab, ask: Ask, id: DecisionId | undefined): Promise<AskHappened> {
  const partition = homeOf(lab, ask.key);
  const numbered: Ask = { ...ask, idempotencyKey: ask.idempotencyKey ?? `sandbox-${lab.asks++}` };
  const waiting: WaitingAsk = {
    ask: numbered,
    partition,
    id: id ?? askId(partition, numbered),
    isAwaited: () => true,
    isSettled: () => false,
    remainingMs: () => Number.POSITIVE_INFINITY,
    settle: () => undefined,
  };
  const output = await stepOnce(lab, ask.key, undefined, [waiting]);
  const redirected = output.redirected[0];
  if (redirected !== undefined) return await askOne(lab, { ...ask, key: redirected.customer }, id);
  const refused = output.refused[0]?.answer;
  if (refused?.kind === "refused") return refused;
  const record = output.answers[0]?.record;
  if (record === undefined) throw new Error(`an ask for "${ask.key}" was neither decided nor refused`);
  return { kind: "decided", record, ...(await settle(lab)) };
}

function joined(all: readonly Happened[]): Happened {
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    withdrawals: all.flatMap(({ withdrawals }) => withdrawals),
    dead: all.flatMap(({ dead }) => dead),
  };
}
