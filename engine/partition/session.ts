// What a process holds from the moment it has taken its partitions until something is in doubt: connections, partitions
// in memory, rulebooks. There is no repair in place: in doubt the whole session is dropped and a new one recovers.
import { randomInt } from "node:crypto";
import type { PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import { createLogReader, type LogReader } from "../ingest/log-reader.ts";
import type { Acquired, Journal } from "../journal/journal.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import { createQuotaAccounts } from "../journal/quota.ts";
import { awaitRedis, type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import type { Log } from "../observe/log.ts";
import type { ScorerOptions } from "../score/scorer.ts";
import type { Partition } from "./partition.ts";
import { createQuotaExchange, type QuotaExchange } from "./quota-exchange.ts";
import { type RecoverContext, recoverPartition } from "./recover.ts";
import { createRelays, type SendRelays } from "./relay.ts";
import { createRulebookLibrary, type LocalRulebook, type RulebookLibrary } from "./rulebook-library.ts";
import { SessionTrouble } from "./trouble.ts";

export interface SessionOptions {
  /** One attempt at a connection that is given up after `silenceMs` without an answer. */
  readonly connect: (silenceMs: number) => Promise<RedisConnection>;
  readonly partitions: number;
  readonly owner: string;
  readonly address: string;
  readonly leaseMs: number;
  /** A commit without an answer for this long is in doubt. */
  readonly silenceMs: number;
  readonly entriesPerReadMax: number;
  readonly local: Extract<LocalRulebook, { kind: "sound" }>;
  readonly scorer: Partial<ScorerOptions>;
  readonly quotas: QuotaTiming;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Told at most once for each session that something is in doubt. */
  readonly onTrouble: (why: string) => void;
}

/** When units of quotas are asked for again, looked after, and idle: see quota-exchange.ts. */
export interface QuotaTiming {
  readonly againMs: number;
  readonly pollMs: number;
  readonly idleMs: number;
}

export interface Session {
  readonly journal: Journal;
  readonly connection: RedisConnection;
  readonly reader: LogReader;
  readonly library: RulebookLibrary;
  readonly context: RecoverContext;
  /** Those that this process owns, in no order that means anything. */
  readonly partitions: readonly Partition[];
  /** Undefined where another process owns it, or nobody. */
  readonly owned: (index: PartitionIndex) => Partition | undefined;
  readonly quotas: QuotaExchange;
  /** Sends what a partition has committed for the logs of others. */
  readonly sendRelays: SendRelays;
  readonly close: () => void;
}

/** The wrong number of partitions, or something else that no retry can mend: the process must stop and say so. */
export class Unfit extends Error {
  override readonly name = "Unfit";
}

export async function openSession(options: SessionOptions, isStopped: () => boolean): Promise<Session> {
  const { log, silenceMs } = options;
  const onWait = (why: string): void => log.warn("waiting for Redis", { why });
  const connection = await awaitRedis(() => options.connect(silenceMs), onWait, isStopped);
  const blocking = await awaitRedis(() => options.connect(silenceMs * 2), onWait, isStopped);
  const tokens = new Map<PartitionIndex, string>();
  let isOpen = true;
  const trouble = (why: string): void => {
    if (!isOpen) return;
    isOpen = false;
    options.onTrouble(why);
  };
  connection.onClosed(trouble);
  blocking.onClosed(trouble);
  const close = (): void => {
    isOpen = false;
    clearInterval(renewal);
    connection.close();
    blocking.close();
  };
  let renewal: NodeJS.Timeout | undefined;
  try {
    const library = createRulebookLibrary(connection, options.scorer);
    const { seed, genesis } = await agree(connection, options, await library.store(options.local));
    const { owner, leaseMs, address } = options;
    const journal = createRedisJournal({ connection, owner, leaseMs, address });
    const context: RecoverContext = {
      journal,
      partitions: options.partitions,
      seed,
      genesis,
      rulebook: library.get,
      findRulebook: library.find,
      learnLayout: library.layout,
    };
    renewal = setInterval(() => void renewAll(journal, tokens, leaseMs, trouble), leaseMs / 4);
    const partitions = await recoverAll(options, context, tokens, isStopped);
    for (const active of library.all()) active.evidence.recount(partitions.map((partition) => partition.evidence));
    const accounts = createQuotaAccounts(connection, options.partitions);
    const quotas = createQuotaExchange({ accounts, clock: options.clock, ...options.quotas });
    await quotas.settle(partitions);
    const from = new Map<PartitionIndex, Position>(partitions.map(({ index, position }) => [index, position]));
    const reader = createLogReader({
      connection: blocking,
      partitions: partitions.map(({ index }) => index),
      from,
      countMax: options.entriesPerReadMax,
    });
    const sendRelays = createRelays(connection, trouble);
    for (const partition of partitions) sendRelays(partition);
    const owned = (index: PartitionIndex): Partition | undefined => partitions[index];
    return { journal, connection, reader, library, context, partitions, owned, quotas, sendRelays, close };
  } catch (error) {
    close();
    throw error;
  }
}

/** What all engines on one Redis must agree on, written by the first. */
async function agree(
  connection: RedisConnection,
  options: SessionOptions,
  local: RulebookHash,
): Promise<{ seed: number; genesis: RulebookHash }> {
  const first: readonly (readonly [string, string])[] = [
    ["partitions", String(options.partitions)],
    ["seed", String(randomInt(2 ** 32))],
    ["genesis", local],
    ["genesisBy", options.owner],
  ];
  for (const [field, value] of first) await connection.command(["HSETNX", CONFIG_KEY, field, value]);
  const fields = ["partitions", "seed", "genesis"];
  const [partitions, seed, genesis] = (await connection.command(["HMGET", CONFIG_KEY, ...fields])) as readonly Reply[];
  if (Number(text(partitions)) !== options.partitions) {
    throw new Unfit(
      `this Redis holds ${text(partitions)} partitions and PARTITIONS is ${options.partitions}: ` +
        `set PARTITIONS=${text(partitions)}, or use a Redis without data`,
    );
  }
  return { seed: Number(text(seed)), genesis: text(genesis) as RulebookHash };
}

async function recoverAll(
  options: SessionOptions,
  context: RecoverContext,
  tokens: Map<PartitionIndex, string>,
  isStopped: () => boolean,
): Promise<readonly Partition[]> {
  const recovered: Partition[] = [];
  const indexes = Array.from({ length: options.partitions }, (_, index) => index as PartitionIndex);
  const recoverOne = async (index: PartitionIndex): Promise<void> => {
    const acquired = await acquire(options, context.journal, index, isStopped);
    tokens.set(index, acquired.token);
    recovered[index] = await recoverPartition(context, index, acquired);
  };
  // A few at a time: enough to hide round trips, not so many that their pages of the log pile up in memory.
  const lanes = Array.from({ length: 8 }, async (_, lane) => {
    for (let at = lane; at < indexes.length; at += 8) await recoverOne(indexes[at] as PartitionIndex);
  });
  await Promise.all(lanes);
  return recovered;
}

async function renewAll(
  journal: Journal,
  tokens: ReadonlyMap<PartitionIndex, string>,
  leaseMs: number,
  trouble: (why: string) => void,
): Promise<void> {
  try {
    const kept = await Promise.all([...tokens].map(([index, token]) => journal.renew(index, token, leaseMs)));
    if (kept.includes(false)) trouble("another engine has taken a partition of this one");
  } catch (error) {
    trouble(error instanceof Error ? error.message : String(error));
  }
}

async function acquire(
  options: SessionOptions,
  journal: Journal,
  index: PartitionIndex,
  isStopped: () => boolean,
): Promise<Extract<Acquired, { kind: "acquired" }>> {
  for (;;) {
    const acquired = await journal.acquire(index);
    switch (acquired.kind) {
      case "acquired":
        return acquired;
      case "broken":
        throw new Unfit(`partition ${index} cannot be taken: ${acquired.why}`);
      case "held":
        if (isStopped()) throw new SessionTrouble("stopped while waiting for a partition");
        options.log.info("a partition is leased to another engine", {
          partition: index,
          owner: acquired.owner,
          remainingMs: acquired.remainingMs,
        });
        await new Promise((resolve) => setTimeout(resolve, Math.min(acquired.remainingMs + 5, 500)));
    }
  }
}
