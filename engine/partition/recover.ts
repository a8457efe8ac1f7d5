// Brings a partition to where its last commit left it: from the checkpoint, folding the input log again and applying the
// decisions of the journal, commit by commit. Each profile skips what its stored record reflects (as page LSNs do in
// ARIES). What lies beyond the last commit is left to the running loop, which folds and decides it as if new.

import type { LogEntry } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import { comparePositions } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import { createSeenWindow } from "../ingest/seen-window.ts";
import { type Base, decodeBase, entriesOf } from "../journal/base.ts";
import { type CommitRecord, decodeCommit, follows } from "../journal/commit-record.ts";
import type { Acquired, Journal, LogState } from "../journal/journal.ts";
import { addEvidence } from "../learn/evidence.ts";
import { applyDecision } from "../profile/apply-decision.ts";
import { layoutHashIn } from "../profile/record.ts";
import { createProfileStore } from "../profile/store.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { countDecisions } from "./campaign-counts.ts";
import { countErased } from "./erase-scrub.ts";
import { foldEntry } from "./fold-entry.ts";
import { loadProfiles } from "./load-profiles.ts";
import { addKey, createLogCursor, type LogCursor } from "./log-cursor.ts";
import { emptyDraft, type Partition, touch } from "./partition.ts";
import type { Isolated, PoisonBook } from "./poison.ts";
import { grant, spend } from "./quota-ledger.ts";
import { outboxOf } from "./relay.ts";

export interface RecoverContext {
  readonly journal: Journal;
  readonly partitions: number;
  readonly seed: number;
  /** Compiles and keeps the rulebook stored in Redis under this hash. */
  readonly rulebook: (hash: RulebookHash) => Promise<ActiveRulebook>;
  /** The same, but undefined where Redis holds no such rulebook. */
  readonly findRulebook: (hash: RulebookHash) => Promise<ActiveRulebook | undefined>;
  /** Active until the log of a partition activates another. */
  readonly genesis: RulebookHash;
  readonly learnLayout: (hash: number) => Promise<Parameters<Partition["store"]["learn"]>[0]>;
  /** Left out: an entry that cannot be folded ends the work. */
  readonly poison?: PoisonBook;
}

const PAGE = 1_000;
/** Its dead letter was written by the commit that is replayed. */
const LEFT_OUT: Isolated = { reason: "poison", why: "" };

export async function recoverPartition(
  context: RecoverContext,
  index: PartitionIndex,
  acquired: Extract<Acquired, { kind: "acquired" }>,
): Promise<Partition> {
  const { journal } = context;
  const base = acquired.base === undefined ? undefined : decodeBase(acquired.base);
  const partition = await fromBase(context, index, acquired, base);
  const fault = logFault(await journal.logState(index), partition);
  if (fault !== undefined) throw new Error(`partition ${index}: ${fault}`);
  const cursor = createLogCursor(context, partition);
  while (partition.seq < acquired.seq) {
    const page = await journal.commits(index, (partition.seq + 1) as CommitSeq, PAGE);
    if (page.length === 0) throw missing(partition, acquired.seq);
    const commits = page.map(({ seq, payload }) => ({ seq, commit: decodeCommit(payload) }));
    // At once: with a round trip for each commit a recovery would take as long as the commits did.
    const decided = commits.flatMap(({ commit }) => commit.decisions.map(({ key }) => key));
    await loadProfiles(context, partition, new Set(decided));
    for (const { seq, commit } of commits) {
      if (!follows(partition.seq, seq, commit)) throw missing(partition, acquired.seq);
      await replayCommit(context, partition, seq, commit, cursor);
    }
  }
  partition.committed = partition.seq;
  context.poison?.forget(index, partition.position);
  partition.nextDue = await journal.nextDue(index);
  return partition;
}

function missing({ index, seq }: Partition, end: CommitSeq): Error {
  return new Error(
    `partition ${index}: what came after commit ${seq} is missing from the journal, which ends at ${end}`,
  );
}

/**
 * Has the log lost entries behind the position of this partition? Every entry up to there was counted as it was folded, so
 * its number and the number of entries ever added tell, even where what is left looks whole.
 */
export function logFault({ added, length, lastDeleted }: LogState, partition: Partition): string | undefined {
  if (added === undefined) return undefined;
  const counted = entriesOf(partition.counts);
  const from = `${counted} entries of the input log, up to ${partition.position}, are safe in profiles and checkpoint`;
  if (added < counted) return `${from}, but the log has only ever had ${added}: it was lost or replaced`;
  const gone = added - length - counted;
  if (gone > 0) return `${from}, but ${gone} after them were trimmed before they were`;
  if (comparePositions(lastDeleted, partition.position) > 0) return `${from}, but entry ${lastDeleted} was deleted`;
  return undefined;
}

async function fromBase(
  context: RecoverContext,
  index: PartitionIndex,
  acquired: Extract<Acquired, { kind: "acquired" }>,
  base: Base | undefined,
): Promise<Partition> {
  const active = await context.rulebook(base?.rulebook ?? context.genesis);
  const seen = createSeenWindow();
  if (base !== undefined && base.seenHead > 0) {
    seen.restore((await context.journal.seen(index)) ?? Buffer.alloc(0), base.seenHead);
  }
  const counts = { ...(base?.counts ?? { folded: 0, duplicate: 0, dead: 0, internal: 0 }) };
  const ordinal = entriesOf(counts);
  return {
    index,
    token: acquired.token,
    epoch: acquired.epoch,
    store: createProfileStore({ layout: active.layout }),
    seen,
    evidence: new Map(
      (base?.learned ?? []).map(([treatment, trials, positives]) => [treatment, { trials, positives }]),
    ),
    quotas: new Map((base?.quotas ?? []).map(([line, granted, spent]) => [line, { granted, spent }])),
    dirty: new Map(),
    armed: new Map(),
    unregistered: new Set(),
    damaged: new Map(),
    campaigns: new Map((base?.campaigns ?? []).map(([run, asked, acted]) => [run, { asked, acted }])),
    active,
    seq: base?.seq ?? (0 as CommitSeq),
    committed: 0 as CommitSeq,
    position: base?.position ?? ("0-0" as Position),
    skewMs: base?.skewMs ?? 0,
    lastNow: base?.lastNow ?? LONG_AGO,
    counts,
    ordinal,
    nextDue: LONG_AGO,
    pendingBase: undefined,
    outbox: [...(base?.outbox ?? [])],
    erasing: (base?.erasing ?? []).map((erasing) => ({ ...erasing, ordinal: 0 })),
    mark: undefined,
    agedOrdinal: ordinal,
    isBaseWanted: false,
    isWritingBack: false,
    storedBase: { ordinal, seenHead: base?.seenHead ?? 0 },
    draft: emptyDraft(),
  };
}

async function replayCommit(
  context: RecoverContext,
  partition: Partition,
  seq: CommitSeq,
  commit: CommitRecord,
  cursor: LogCursor,
): Promise<void> {
  const entries = await cursor.upTo(commit.position);
  const keys = new Set<CustomerKey>();
  for (const entry of entries) addKey(keys, entry);
  for (const { key } of commit.decisions) keys.add(key);
  await loadProfiles(context, partition, keys);
  const { store } = partition;
  const isReflected = (key: CustomerKey): boolean => partition.damaged.has(key) || store.reflects(key) >= seq;
  const left = new Set(commit.isolated);
  const isolated = ({ position }: LogEntry) => (left.has(position) ? LEFT_OUT : undefined);
  const rulebooks = await compiled(context, entries);
  await learnLayouts(context, partition, entries);
  const { seed, partitions } = context;
  const forgot = new Set(commit.forgot);
  const fold = { seed, partitions, rulebooks, seq, isReflected, isolated, forgot };
  for (const entry of entries) foldEntry(partition, entry, fold);
  for (const { line, granted } of commit.granted ?? []) grant(partition.quotas, line, granted);
  for (const record of commit.decisions) {
    spend(partition.quotas, partition.active.rulebook.quotas, record.now, record.spent);
    if (isReflected(record.key)) continue;
    const applied = applyDecision(store.state(record.key), record, partition.active.rulebook);
    if (!applied.isChanged) continue;
    store.setState(record.key, applied.state);
    touch(partition, record.key);
  }
  // From the journal, not from the fold: profiles that skipped the entry would not tell.
  for (const { treatment, trials, positives } of commit.learned) {
    addEvidence(partition.evidence, treatment, trials, positives);
  }
  countDecisions(partition.campaigns, commit.decisions);
  countErased(partition, commit);
  partition.outbox.push(...outboxOf(seq, commit.relays ?? []));
  partition.draft = emptyDraft();
  partition.lastNow = commit.now;
  partition.seq = seq;
}

/** Layouts under which these entries bring profiles along, learnt before the fold needs them. */
export async function learnLayouts(
  context: Pick<RecoverContext, "learnLayout">,
  { store }: Partition,
  entries: readonly LogEntry[],
): Promise<void> {
  for (const entry of entries) {
    if (entry.kind !== "merge" || entry.packed === undefined) continue;
    const hash = layoutHashIn(entry.packed);
    if (hash !== undefined && !store.knows(hash)) store.learn(await context.learnLayout(hash));
  }
}

/** The rulebooks that these entries activate, compiled before the fold needs them. */
export async function compiled(
  context: Pick<RecoverContext, "findRulebook">,
  entries: readonly LogEntry[],
): Promise<(hash: RulebookHash) => ActiveRulebook | undefined> {
  const found = new Map<RulebookHash, ActiveRulebook>();
  for (const entry of entries) {
    if (entry.kind !== "activation") continue;
    const active = await context.findRulebook(entry.rulebook);
    if (active !== undefined) found.set(entry.rulebook, active);
  }
  return (hash) => found.get(hash);
}

export function nowOf(partition: Partition, clock: () => number): Instant {
  return Math.max(clock() + partition.skewMs, partition.lastNow) as Instant;
}
