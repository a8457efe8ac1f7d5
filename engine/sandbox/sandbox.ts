// The engine without Redis, processes and sockets: the very steps of the loop, over partitions in memory, on a clock that
// only the caller moves. The same calls give the same decisions, bit for bit, with the same ids. One lab for rule tests,
// what-if over the past, and scenario tables.
import { type Explanation, explain } from "../decide/explain.ts";
import { dispatchCommit } from "../deliver/dispatch-items.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import type { CustomerKey, PartitionIndex, RulebookHash, TrackingCode } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import type { Ask } from "../engine.ts";
import { type EntryFields, encodeActivation, encodeDelivered, encodeEvent, encodeTimer } from "../ingest/log-entry.ts";
import type { RawEntry } from "../journal/journal.ts";
import type { ActiveRulebook } from "../partition/active-rulebook.ts";
import type { WaitingAsk } from "../partition/asks.ts";
import type { ClosedDraft } from "../partition/close-draft.ts";
import type { Partition } from "../partition/partition.ts";
import { askId } from "../partition/questions.ts";
import { createQuotaExchange } from "../partition/quota-exchange.ts";
import { recoverPartition } from "../partition/recover.ts";
import { runStep, type Stepping } from "../partition/step.ts";
import type { WaveMeter } from "../partition/wave.ts";
import type { ProfileState } from "../profile/state.ts";
import { createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { createMemoryQuotas } from "./memory-quotas.ts";

/** What came of one call, in order. */
export interface Happened {
  readonly decisions: readonly DecisionRecord[];
  readonly withdrawals: readonly Withdrawal[];
  /** Entries that were refused. */
  readonly dead: readonly { readonly reason: string; readonly detail: string }[];
}

export type AskHappened =
  | ({ readonly kind: "decided"; readonly record: DecisionRecord } & Happened)
  | { readonly kind: "refused"; readonly pointer: string; readonly why: string };

export interface SandboxOptions {
  readonly rulebook: ActiveRulebook;
  readonly startsAt: Instant;
  /** Left out: 1. */
  readonly partitions?: number;
  /** Does a gateway take over what goes out on a stream, at once? Left out: yes. */
  readonly delivers?: boolean;
  /** Told before each step whose step it is; undefined: nobody's. A step is of one customer. */
  readonly beforeStep?: (key: CustomerKey | undefined) => void;
}

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
  readonly ask: (ask: Omit<Ask, "deadlineMs">) => Promise<AskHappened>;
  /** A channel takes over an item, where `delivers` is false. */
  readonly deliver: (key: CustomerKey, code: TrackingCode) => Promise<Happened>;
  readonly activate: (rulebook: ActiveRulebook) => Promise<Happened>;
  /** By the rulebook that decided. */
  readonly explain: (record: DecisionRecord) => Explanation;
  /** What is kept of a customer; undefined where nothing is. */
  readonly state: (key: CustomerKey) => ProfileState | undefined;
  /** By FeatureIndex as of now, NaN where there is no value; undefined for somebody of whom nothing is kept. */
  readonly features: (key: CustomerKey) => Float64Array | undefined;
}

const SILENT: WaveMeter = { lap: () => undefined, onDropped: () => undefined };
const NOTHING_STORED = { entriesMax: Number.POSITIVE_INFINITY, profilesMax: 0, flush: false };
const TIMERS_AT_ONCE_MAX = 1_024;
const SEED = 0;

interface Lab {
  readonly options: SandboxOptions;
  readonly journal: MemoryJournal;
  readonly stepping: Stepping;
  readonly rulebooks: Map<RulebookHash, ActiveRulebook>;
  readonly happened: {
    decisions: DecisionRecord[];
    withdrawals: Withdrawal[];
    dead: { reason: string; detail: string }[];
  };
  now: Instant;
  asks: number;
}

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
    ask: (ask) => askOne(lab, { ...ask, deadlineMs: 0 }),
    deliver: (key, code) => append(key, encodeDelivered(key, code)),
    activate: async (rulebook) => {
      lab.rulebooks.set(rulebook.hash, rulebook);
      for (const { index } of lab.stepping.partitions) {
        await lab.journal.append(index, encodeActivation(rulebook.hash, "sandbox"));
      }
      return await settle(lab);
    },
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

async function openLab(options: SandboxOptions): Promise<Lab> {
  const { rulebook, startsAt, partitions = 1 } = options;
  const rulebooks = new Map([[rulebook.hash, rulebook]]);
  const journal = createMemoryJournal(partitions, () => lab.now);
  const context: Stepping["context"] = {
    journal,
    partitions,
    seed: SEED,
    genesis: rulebook.hash,
    rulebook: async (hash) => rulebookOf(lab, hash),
    findRulebook: async (hash) => rulebooks.get(hash),
    learnLayout: (hash) => Promise.reject(new Error(`nothing is stored here, so no profile has layout ${hash}`)),
  };
  const recovered: Partition[] = [];
  const library = { all: () => [...rulebooks.values()].flatMap((active) => [active, ...active.variants.values()]) };
  // No blocks: each step takes what it needs and gives back what it did not spend, so nothing is out of another's reach.
  const accounts = createMemoryQuotas(Number.POSITIVE_INFINITY);
  const quotas = createQuotaExchange({ accounts, clock: () => lab.now, againMs: 0, idleMs: 0 });
  const stepping: Stepping = { context, partitions: recovered, library, quotas };
  const lab: Lab = {
    options,
    journal,
    stepping,
    rulebooks,
    happened: { decisions: [], withdrawals: [], dead: [] },
    now: startsAt,
    asks: 0,
  };
  for (let index = 0; index < partitions; index++) {
    const acquired = await journal.acquire(index as PartitionIndex);
    if (acquired.kind !== "acquired") throw new Error(`partition ${index} of a sandbox is always free`);
    recovered.push(await recoverPartition(context, index as PartitionIndex, acquired));
  }
  return lab;
}

function homeOf(lab: Lab, key: CustomerKey): PartitionIndex {
  return partitionOf(key, lab.stepping.context.partitions);
}

function rulebookOf({ rulebooks }: Lab, hash: RulebookHash): ActiveRulebook {
  const variants = [...rulebooks.values()].flatMap((active) => [...active.variants.values()]);
  const found = rulebooks.get(hash) ?? variants.find((variant) => variant.hash === hash);
  if (found === undefined) throw new Error(`the sandbox holds no rulebook ${hash}`);
  return found;
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
function nextDue({ journal, stepping }: Lab, to: Instant): Instant | undefined {
  let earliest: Instant | undefined;
  for (const { index } of stepping.partitions) {
    const first = journal.timers(index).first();
    if (first !== undefined && first.due <= to && (earliest === undefined || first.due < earliest))
      earliest = first.due;
  }
  return earliest;
}

async function askOne(lab: Lab, ask: Ask): Promise<AskHappened> {
  const partition = homeOf(lab, ask.key);
  const numbered: Ask = { ...ask, idempotencyKey: ask.idempotencyKey ?? `sandbox-${lab.asks++}` };
  const waiting: WaitingAsk = {
    ask: numbered,
    partition,
    id: askId(partition, numbered),
    isAwaited: () => true,
    isSettled: () => false,
    remainingMs: () => Number.POSITIVE_INFINITY,
    settle: () => undefined,
  };
  const output = await stepOnce(lab, ask.key, undefined, [waiting]);
  const redirected = output.redirected[0];
  if (redirected !== undefined) return await askOne(lab, { ...ask, key: redirected.customer });
  const refused = output.refused[0]?.answer;
  if (refused?.kind === "refused") return refused;
  const record = output.answers[0]?.record;
  if (record === undefined) throw new Error(`an ask for "${ask.key}" was neither decided nor refused`);
  return { kind: "decided", record, ...(await settle(lab)) };
}

/** Steps until no entry waits, those too that the steps themselves bring about. */
async function settle(lab: Lab): Promise<Happened> {
  for (let next = lab.journal.take(); next !== undefined; next = lab.journal.take()) {
    await stepOnce(lab, undefined, next, []);
  }
  const { decisions, withdrawals, dead } = lab.happened;
  return { decisions: decisions.splice(0), withdrawals: withdrawals.splice(0), dead: dead.splice(0) };
}

async function stepOnce(
  lab: Lab,
  asker: CustomerKey | undefined,
  entry: { readonly partition: PartitionIndex; readonly raw: RawEntry } | undefined,
  asks: readonly WaitingAsk[],
) {
  lab.options.beforeStep?.(asker);
  const onEntry = (_partition: Partition, folded: LogEntry): void => lab.options.beforeStep?.(keyOf(folded));
  const output = await runStep(lab.stepping, {
    entries: new Map(entry === undefined ? [] : [[entry.partition, [entry.raw]]]),
    asks,
    looks: [],
    clock: () => lab.now,
    isFlushing: true,
    stages: SILENT,
    writeBack: () => NOTHING_STORED,
    onEntry,
  });
  for (const closed of output.closed) await commit(lab, closed);
  return output;
}

async function commit(lab: Lab, { partition, commit: draft, draft: done }: ClosedDraft): Promise<void> {
  const reply = await lab.journal.commit(partition.token, draft);
  if (reply.kind !== "ok") throw new Error(`a commit in memory was refused: ${reply.why}`);
  partition.committed = draft.seq;
  await lab.stepping.quotas.committed(partition, draft.seq);
  for (const { to, fields } of partition.outbox.splice(0)) await lab.journal.append(to, fields);
  const { decisions, withdrawals } = done;
  lab.happened.decisions.push(...decisions);
  lab.happened.withdrawals.push(...withdrawals);
  lab.happened.dead.push(...done.dead.map(({ reason, detail }) => ({ reason, detail })));
  if (lab.options.delivers === false || decisions.length === 0) return;
  const committed = { partition: partition.index, seq: draft.seq, decisions, withdrawals };
  for (const { key, trackingCode } of dispatchCommit(committed, partition.active.rulebook).items) {
    await lab.journal.append(partition.index, encodeDelivered(key, trackingCode));
  }
}

function keyOf(entry: LogEntry): CustomerKey | undefined {
  switch (entry.kind) {
    case "event":
      return entry.event.key;
    case "timer":
    case "campaign":
    case "delivered":
    case "merge":
      return entry.key;
    case "seal":
      return entry.anonymous;
    case "activation":
    case "dead":
      return undefined;
  }
}

function joined(all: readonly Happened[]): Happened {
  return {
    decisions: all.flatMap(({ decisions }) => decisions),
    withdrawals: all.flatMap(({ withdrawals }) => withdrawals),
    dead: all.flatMap(({ dead }) => dead),
  };
}
