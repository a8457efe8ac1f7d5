// What a sandbox holds, and one step of it: fold, decide, commit in memory.

import { dispatchCommit } from "../deliver/dispatch-items.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { LogEntry } from "../domain/event.ts";
import type { CustomerKey, PartitionIndex, RulebookHash } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Instant } from "../domain/time.ts";
import { encodeDelivered } from "../ingest/log-entry.ts";
import type { ActiveRulebook } from "../partition/active-rulebook.ts";
import type { WaitingAsk } from "../partition/asks.ts";
import type { ClosedDraft, WriteBack } from "../partition/close-draft.ts";
import type { Partition } from "../partition/partition.ts";
import { createQuotaExchange } from "../partition/quota-exchange.ts";
import { recoverPartition } from "../partition/recover.ts";
import { runStep, type StepOutput, type Stepping } from "../partition/step.ts";
import type { WaveMeter } from "../partition/wave.ts";
import { type CampaignTurns, createCampaignTurns } from "./campaign-turns.ts";
import { type AppendedEntry, createMemoryJournal, type MemoryJournal } from "./memory-journal.ts";
import { createMemoryQuotas } from "./memory-quotas.ts";

/** What came of one call, in order. */
export interface Happened {
  readonly decisions: readonly DecisionRecord[];
  readonly withdrawals: readonly Withdrawal[];
  /** Entries that were refused. */
  readonly dead: readonly { readonly reason: string; readonly detail: string }[];
}

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

const SILENT: WaveMeter = { lap: () => undefined, onDropped: () => undefined };
/** No profile is ever written, but a commit makes whoever is new known to timers and campaigns, as an idle engine does. */
const writeBack = ({ unregistered }: Partition): WriteBack => ({
  entriesMax: Number.POSITIVE_INFINITY,
  profilesMax: 0,
  agedOrdinal: 0,
  agedMax: 0,
  flush: unregistered.size > 0,
});
/** Nobody reads the journal of a sandbox: it costs more than the decision. */
const NO_BYTES = Buffer.alloc(0);
const SEED = 0;

export interface Lab {
  readonly options: SandboxOptions;
  readonly journal: MemoryJournal;
  readonly turns: CampaignTurns;
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

export async function openLab(options: SandboxOptions): Promise<Lab> {
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
  const quotas = createQuotaExchange({
    accounts,
    clock: () => lab.now,
    againMs: 0,
    idleMs: 0,
    onFenced: () => undefined,
    onTrouble: () => undefined, // these accounts are in memory
  });
  const stepping: Stepping = {
    context,
    partitions: recovered,
    owned: (index) => recovered[index],
    isLost: () => false,
    library,
    quotas,
  };
  const lab: Lab = {
    options,
    journal,
    turns: createCampaignTurns(() =>
      recovered.flatMap(({ index }) =>
        journal
          .timers(index)
          .keys()
          .map((key) => ({ partition: index, key })),
      ),
    ),
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

export function homeOf(lab: Lab, key: CustomerKey): PartitionIndex {
  return partitionOf(key, lab.stepping.context.partitions);
}

export function rulebookOf({ rulebooks }: Lab, hash: RulebookHash): ActiveRulebook {
  const variants = [...rulebooks.values()].flatMap((active) => [...active.variants.values()]);
  const found = rulebooks.get(hash) ?? variants.find((variant) => variant.hash === hash);
  if (found === undefined) throw new Error(`the sandbox holds no rulebook ${hash}`);
  return found;
}

/** Steps until no entry waits, those too that the steps themselves bring about. */
export async function settle(lab: Lab): Promise<Happened> {
  for (let next = lab.journal.take(); next !== undefined; next = lab.journal.take()) {
    await stepOnce(lab, undefined, next, []);
  }
  const { decisions, withdrawals, dead } = lab.happened;
  return { decisions: decisions.splice(0), withdrawals: withdrawals.splice(0), dead: dead.splice(0) };
}

export async function stepOnce(
  lab: Lab,
  asker: CustomerKey | undefined,
  entry: AppendedEntry | undefined,
  asks: readonly WaitingAsk[],
): Promise<StepOutput> {
  lab.options.beforeStep?.(asker);
  const onEntry = (_partition: Partition, folded: LogEntry): void => lab.options.beforeStep?.(keyOf(folded));
  const output = await runStep(lab.stepping, {
    entries: new Map(entry === undefined ? [] : [[entry.partition, [entry.raw]]]),
    asks,
    looks: [],
    clock: () => lab.now,
    isFlushing: true,
    stages: SILENT,
    writeBack,
    isRound: true,
    encode: () => NO_BYTES,
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
    case "again":
    case "delivered":
    case "merge":
      return entry.key;
    case "erase":
      return entry.key;
    case "seal":
      return entry.anonymous;
    case "activation":
    case "erased":
    case "dead":
      return undefined;
  }
}
