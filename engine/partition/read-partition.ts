// A partition as Redis holds it, now or at a moment of the past, rebuilt by somebody who only reads: no lease, no write.
import type { LogEntry } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import { positionMs } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeBase } from "../journal/base.ts";
import { decodeCommit, follows } from "../journal/commit-record.ts";
import type { Acquired, Journal } from "../journal/journal.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import type { QuotaAccounts } from "../journal/quota.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { addEvidence, type EvidenceByTreatment } from "../learn/evidence.ts";
import { foldEntry } from "./fold-entry.ts";
import { loadProfiles } from "./load-profiles.ts";
import { addKey, decodeInto } from "./log-cursor.ts";
import { type Partition, touch } from "./partition.ts";
import { compiled, learnLayouts, type RecoverContext, recoverPartition } from "./recover.ts";
import { createRulebookLibrary } from "./rulebook-library.ts";

const PAGE = 1_000;
const NOWHERE = "0-0" as Position;
const NOTHING = 0 as CommitSeq;
const PER_READ = 64;

export interface ReadPartition {
  readonly partition: Partition;
  /** What all partitions had been granted of each quota, as their journals say. */
  readonly quotas: Pick<QuotaAccounts, "read">;
}

/** What is needed to rebuild partitions from this Redis; undefined where no engine ever ran on it. */
export async function readContext(
  connection: RedisConnection,
  journal: Journal = createRedisJournal({ connection, owner: "reader", leaseMs: 0, address: "" }),
): Promise<RecoverContext | undefined> {
  const fields = ["partitions", "seed", "genesis"];
  const [partitions, seed, genesis] = (await connection.command(["HMGET", CONFIG_KEY, ...fields])) as readonly Reply[];
  if (partitions === null || partitions === undefined) return undefined;
  const library = createRulebookLibrary(connection, {});
  return {
    journal,
    partitions: Number(text(partitions)),
    seed: Number(text(seed)),
    genesis: text(genesis) as RulebookHash,
    rulebook: library.get,
    findRulebook: library.find,
    learnLayout: library.layout,
  };
}

/**
 * With the profile of `key` in memory, and what all partitions had learned by then. Of the past, log and journal are folded
 * from their beginning; rejects where they were trimmed.
 * @param until the moment to go back to; undefined: as of now, from the checkpoint on
 */
export async function readPartition(
  context: RecoverContext,
  index: PartitionIndex,
  key: CustomerKey,
  until: Instant | undefined,
): Promise<ReadPartition> {
  const { journal } = context;
  const head = await journal.head(index);
  const isPast = until !== undefined;
  const seq = isPast ? await lastCommit(context, index, until) : head.seq;
  if (isPast) await demandBeginning(journal, index);
  const reading = isPast ? { ...context, journal: asOf(journal, seq) } : context;
  const { position, base } = isPast ? { position: NOWHERE, base: undefined } : head;
  const acquired: Extract<Acquired, { kind: "acquired" }> = {
    kind: "acquired",
    token: "",
    epoch: 0,
    seq,
    position,
    base,
  };
  const partition = await recoverPartition(reading, index, acquired);
  await foldRest(reading, partition, until);
  await loadProfiles(reading, partition, [key]);
  const damage = partition.damaged.get(key);
  if (damage !== undefined) throw new Error(damage);
  touch(partition, key);
  if (until !== undefined) partition.lastNow = until;
  const all: Elsewhere[] = [];
  for (let other = 0; other < context.partitions; other++) {
    all.push(await elsewhere(journal, other as PartitionIndex, until));
  }
  const evidence = all.map((one) => one.evidence);
  for (const active of [partition.active, ...partition.active.variants.values()]) active.evidence.recount(evidence);
  const sumOf = (line: string): number => all.reduce((sum, { granted }) => sum + (granted.get(line) ?? 0), 0);
  return { partition, quotas: { read: async (line) => ({ sum: sumOf(line), starved: 0, partitions: [] }) } };
}

/** A profile of the past is folded from the beginning: that must be there still. */
async function demandBeginning(journal: Journal, index: PartitionIndex): Promise<void> {
  const [{ added, length }, [oldest], [entry]] = await Promise.all([
    journal.logState(index),
    journal.commits(index, 1 as CommitSeq, 1),
    journal.entries(index, NOWHERE, undefined, 1),
  ]);
  const isFirst = oldest === undefined || follows(NOTHING, oldest.seq, decodeCommit(oldest.payload));
  if ((added === undefined || added === length) && isFirst) return;
  const since = entry === undefined ? "" : `, which begins at ${new Date(positionMs(entry.position)).toISOString()}`;
  throw new Error(`partition ${index}: what was before its log${since} was trimmed, and is in no ARCHIVE_DIR`);
}

/** The journal up to this commit, and nothing that is stored besides: profiles of today would bring the future into the past. */
function asOf(journal: Journal, last: CommitSeq): Journal {
  return {
    ...journal,
    commits: async (partition, from, countMax) =>
      (await journal.commits(partition, from, countMax)).filter(({ seq }) => seq <= last),
    profiles: async (_, keys) => keys.map(() => undefined),
    seen: async () => undefined,
  };
}

/**
 * The newest commit of which all was over at `until`: its decisions, and the entries that it reflects. Neither ever runs
 * backwards, so halving finds it. A commit without decisions repeats the time of the last one: that alone would not do.
 */
async function lastCommit(context: RecoverContext, index: PartitionIndex, until: Instant): Promise<CommitSeq> {
  const { journal } = context;
  let low = 0;
  let high: number = (await journal.head(index)).seq;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [commit] = await journal.commits(index, middle as CommitSeq, 1);
    if (commit === undefined) throw new Error(`partition ${index}: commit ${middle} is missing from the journal`);
    const { now, position } = decodeCommit(commit.payload);
    const isOver = now <= until && (await clockAt(context, index, position)) <= until;
    if (isOver) low = middle;
    else high = middle - 1;
  }
  return low as CommitSeq;
}

/** The time of a partition once it had folded up to this entry: that of the last one which moves its clock. */
async function clockAt({ journal, partitions }: RecoverContext, index: PartitionIndex, position: Position) {
  const [ms, nth] = position.split("-");
  for (let before = `${ms}-${Number(nth) + 1}` as Position; ; ) {
    const page = await journal.entriesBefore(index, before, PER_READ);
    const oldest = page.at(-1);
    if (oldest === undefined) return LONG_AGO;
    for (const raw of page) {
      const entry = decodeLogEntry(raw.position, raw.fields, { partition: index, partitions, skewMs: 0 });
      if (entry.movesClock) return entry.arrivedAt;
    }
    before = oldest.position;
  }
}

/** What the log holds beyond the last commit. */
async function foldRest(context: RecoverContext, partition: Partition, until: Instant | undefined): Promise<void> {
  const { store, index } = partition;
  const { seed, partitions } = context;
  const isReflected = (key: CustomerKey): boolean => partition.damaged.has(key) || store.reflects(key) > partition.seq;
  const isolated = () => undefined;
  for (let after: Position = partition.position; ; ) {
    const page = await context.journal.entries(index, after, undefined, PAGE);
    const entries: LogEntry[] = [];
    for (const raw of page) {
      const entry = decodeInto(partition, raw, context.partitions);
      if (until !== undefined && entry.arrivedAt > until) break;
      entries.push(entry);
    }
    const keys = new Set<CustomerKey>();
    for (const entry of entries) addKey(keys, entry);
    await loadProfiles(context, partition, keys);
    const rulebooks = await compiled(context, entries);
    await learnLayouts(context, partition, entries);
    for (const entry of entries)
      foldEntry(partition, entry, { seed, partitions, rulebooks, seq: partition.seq, isReflected, isolated });
    const last = entries.at(-1);
    if (last === undefined || entries.length < page.length) return;
    after = last.position;
  }
}

interface Elsewhere {
  readonly evidence: EvidenceByTreatment;
  /** By line: units granted to this partition. */
  readonly granted: Map<string, number>;
}

/** What one partition had learned, and what it had been granted of quotas. */
async function elsewhere(journal: Journal, index: PartitionIndex, until: Instant | undefined): Promise<Elsewhere> {
  const head = await journal.head(index);
  const stored = head.base === undefined ? undefined : decodeBase(head.base);
  const base = stored !== undefined && (until === undefined || stored.lastNow <= until) ? stored : undefined;
  const evidence: EvidenceByTreatment = new Map();
  for (const [treatment, trials, positives] of base?.learned ?? []) {
    addEvidence(evidence, treatment, trials, positives);
  }
  const granted = new Map((base?.quotas ?? []).map(([line, units]) => [line, units]));
  for (let from = (base?.seq ?? 0) + 1; from <= head.seq; ) {
    const page = await journal.commits(index, from as CommitSeq, PER_READ);
    if (page.length === 0) break;
    for (const { seq, payload } of page) {
      const commit = decodeCommit(payload);
      if (until !== undefined && commit.now > until) return { evidence, granted };
      for (const { treatment, trials, positives } of commit.learned) {
        addEvidence(evidence, treatment, trials, positives);
      }
      for (const { line, granted: units } of commit.granted ?? []) granted.set(line, units);
      from = seq + 1;
    }
  }
  return { evidence, granted };
}
