// What a process holds from the moment it is connected until the connection itself is in doubt: connections, rulebooks, and the
// partitions that come and go in between. There is no repair in place: a partition in doubt is dropped and recovered, and where
// everything is in doubt the whole session.
import { randomInt } from "node:crypto";
import type { RulebookHash } from "../domain/ids.ts";
import { createClusterLogReader } from "../ingest/cluster-log-reader.ts";
import { createLogReader, type LogReader } from "../ingest/log-reader.ts";
import type { Journal } from "../journal/journal.ts";
import { CONFIG_KEY, partitionKeys } from "../journal/keys.ts";
import type { PageSizes } from "../journal/page-size.ts";
import { createQuotaAccounts } from "../journal/quota.ts";
import { awaitRedis, type ClosedListener, type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import type { Log } from "../observe/log.ts";
import type { ScorerOptions } from "../score/scorer.ts";
import { lastActivation } from "./activations.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { AT_ONCE, type Compiler } from "./compiler.ts";
import { createHoldings, type HeldPartitions } from "./holdings.ts";
import { createLeases, type Lease, type Leases } from "./leases.ts";
import { createOneAtATime, type OneAtATime } from "./one-at-a-time.ts";
import type { Partition } from "./partition.ts";
import { createPoisonBook } from "./poison.ts";
import { createQuotaExchange, type QuotaExchange } from "./quota-exchange.ts";
import type { RecoverContext } from "./recover.ts";
import { createRelays, type Relays } from "./relay.ts";
import { createRests, type Rests } from "./rests.ts";
import { createRulebookLibrary, type LocalRulebook, type RulebookLibrary } from "./rulebook-library.ts";

const SAY_AGAIN_MS = 5_000;

export interface SessionOptions {
  /** One attempt at a connection that is given up after `silenceMs` without an answer. */
  readonly connect: (silenceMs: number) => Promise<RedisConnection>;
  readonly partitions: number;
  readonly owner: string;
  readonly address: string;
  readonly leaseMs: number;
  /** An engine that runs no more, for certain: its leases are not waited for. */
  readonly isGone: (owner: string) => boolean;
  /** A commit without an answer for this long is in doubt. */
  readonly silenceMs: number;
  readonly entriesPerReadMax: number;
  /** What is known of the logs from sessions before: recovery begins at the same place again. */
  readonly pageSizes: PageSizes;
  readonly local: Extract<LocalRulebook, { kind: "sound" }>;
  readonly scorer: Partial<ScorerOptions>;
  /** Of what is activated while partitions are here. */
  readonly compiler: Compiler;
  readonly quotas: QuotaTiming;
  readonly log: Log;
  /** Milliseconds since 1970. */
  readonly clock: () => number;
  /** Told at most once for each session that all of it is in doubt. */
  readonly onTrouble: (why: string) => void;
  /** Wakes the loop: a partition is to be let out. */
  readonly wake: () => void;
}

/** When units of quotas are asked for again, looked after, and idle: see quota-exchange.ts. */
export interface QuotaTiming {
  readonly againMs: number;
  readonly pollMs: number;
  readonly idleMs: number;
}

export interface Session extends HeldPartitions {
  readonly journal: Journal;
  readonly connection: RedisConnection;
  readonly reader: LogReader;
  readonly library: RulebookLibrary;
  readonly context: RecoverContext;
  readonly leases: Leases;
  /** Partitions that are not to be tried just now, or could not be taken at all. */
  readonly rests: Rests;
  readonly quotas: QuotaExchange;
  /** For what keeps the streams of a partition in order, beside the loop. */
  readonly alone: OneAtATime;
  /** Sends what a partition has committed for the logs of others. */
  readonly sendRelays: Relays["send"];
  /** What was activated last, as far as this process knows: for an engine that holds no partition which could tell. */
  readonly latest: { active: ActiveRulebook };
  readonly close: () => void;
}

/** The wrong number of partitions, or something else that no retry can mend: the process must stop and say so. */
export class Unfit extends Error {
  override readonly name = "Unfit";
}

/** Connects and agrees with the other engines on this Redis; no partition is taken yet. */
export async function openSession(options: SessionOptions, isStopped: () => boolean): Promise<Session> {
  const { log, silenceMs } = options;
  const onWait = (why: string): void => log.warn("waiting for Redis", { why });
  const connection = await awaitRedis(() => options.connect(silenceMs), onWait, isStopped);
  // Nothing blocks in a cluster; and one map of it, learned by commits, is not contradicted by another of the reader's.
  const isCluster = connection.cluster !== undefined;
  const blocking = isCluster
    ? connection
    : await awaitRedis(() => options.connect(silenceMs * 2), onWait, isStopped).catch((error: unknown) => {
        connection.close();
        throw error;
      });
  let isOpen = true;
  const trouble = (why: string): void => {
    if (!isOpen) return;
    isOpen = false;
    options.onTrouble(why);
  };
  const holdings = createHoldings(options.clock, options.wake);
  const relays = createRelays({
    connection,
    isHeld: (partition) => holdings.owned(partition.index) === partition && !holdings.isLost(partition),
    onTrouble: nowAndThen(options.clock, ({ index }, why) =>
      log.warn("relays of a partition could not be sent; trying again", { partition: index, why }),
    ),
  });
  connection.onClosed(closedListener(connection, holdings, relays, trouble));
  if (!isCluster) blocking.onClosed(closedListener(blocking, holdings, relays, trouble));
  let leases: Leases | undefined;
  const close = (): void => {
    isOpen = false;
    leases?.close();
    connection.close();
    blocking.close();
  };
  try {
    const library = createRulebookLibrary(connection, options.scorer, options.compiler);
    const { seed, genesis } = await agree(connection, options, await library.store(options.local));
    const { owner, leaseMs, address, isGone, pageSizes } = options;
    const journal = createRedisJournal({ connection, owner, leaseMs, address, isGone, pageSizes });
    const context: RecoverContext = {
      journal,
      partitions: options.partitions,
      seed,
      genesis,
      rulebook: library.get,
      findRulebook: library.find,
      learnLayout: library.layout,
      poison: createPoisonBook(),
    };
    const quotas = createQuotaExchange({
      accounts: createQuotaAccounts(connection, options.partitions),
      clock: options.clock,
      ...options.quotas,
      onFenced: (holder) => holdings.lose(holder as Partition, "a later owner spends its quotas"),
      onTrouble: nowAndThen(options.clock, (quota, why) =>
        log.warn("an account of a quota cannot be reached; until it is, no more is spent than was granted", {
          quota,
          why,
        }),
      ),
    });
    const leasing = createLeases({ journal, leaseMs, onLost: (lease, why) => loseHeld(holdings, lease, why) });
    leases = leasing;
    const countMax = options.entriesPerReadMax;
    const reader =
      blocking.cluster === undefined
        ? createLogReader({ connection: blocking, waker: connection, countMax })
        : createClusterLogReader({ connection: blocking, countMax });
    const latest = { active: await library.get((await lastActivation(connection))?.hash ?? genesis, AT_ONCE) };
    return {
      ...holdings,
      journal: toldTo(reader, journal),
      connection,
      reader,
      library,
      context,
      leases: leasing,
      rests: createRests(options.clock),
      alone: createOneAtATime(),
      quotas,
      sendRelays: relays.send,
      latest,
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

/** What goes on for as long as something is away is said once in a while. */
function nowAndThen<Facts extends readonly unknown[]>(
  clock: () => number,
  say: (...facts: Facts) => void,
): (...facts: Facts) => void {
  let saidAt = Number.NEGATIVE_INFINITY;
  return (...facts) => {
    if (clock() - saidAt < SAY_AGAIN_MS) return;
    saidAt = clock();
    say(...facts);
  };
}

/** Where it is still being recovered it is not let in. */
function loseHeld(holdings: HeldPartitions, { index, token }: Lease, why: string): void {
  const partition = holdings.owned(index);
  if (partition?.token === token) holdings.lose(partition, why);
}

/** What this process appends itself, its reader looks for at once. */
function toldTo(reader: LogReader, journal: Journal): Journal {
  return {
    ...journal,
    append: async (partition, fields) => {
      const position = await journal.append(partition, fields);
      reader.appended?.(partition);
      return position;
    },
    appendKnown: async (partition, of, fields) => {
      const position = await journal.appendKnown(partition, of, fields);
      if (position !== undefined) reader.appended?.(partition);
      return position;
    },
  };
}

/** What a lost connection puts in doubt: the partitions behind it; everything where there is no other way to reach Redis. */
function closedListener(
  connection: RedisConnection,
  holdings: HeldPartitions,
  relays: Relays,
  trouble: (why: string) => void,
): ClosedListener {
  return (why, covers) => {
    if (connection.isClosed()) return trouble(why);
    for (const partition of holdings.partitions) {
      if (covers(partitionKeys(partition.index).lease)) holdings.lose(partition, why);
      else relays.sendAgain(partition, covers);
    }
  };
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
