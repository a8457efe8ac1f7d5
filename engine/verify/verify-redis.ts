// S1 to S5 on one Redis: every partition told from its streams by code that shares nothing with the engine's fold, and compared
// with what is stored; then what is kept over all partitions: channels, entries from one to another, quotas.
import type { CustomerKey, PartitionIndex, RulebookHash } from "../domain/ids.ts";
import type { Journal } from "../journal/journal.ts";
import { CONFIG_KEY } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";
import { createBookShelf } from "./book-shelf.ts";
import { createDepartures } from "./check-arrivals.ts";
import { readChannels } from "./check-channels.ts";
import { checkQuotas } from "./check-quotas.ts";
import { createFindings, type Difference, differIn } from "./difference.ts";
import { createPartitionSource } from "./partition-source.ts";
import { readReported } from "./read-reported.ts";
import { standingOf, trimmedBetween } from "./standing.ts";
import { type PartitionTold, verifyPartition } from "./verify-partition.ts";

export interface VerifyOptions {
  /** Undefined: all. */
  readonly partitions: readonly PartitionIndex[] | undefined;
  /** Of this customer alone; counters are those of its partition all the same. */
  readonly customer: CustomerKey | undefined;
  /** So many differences are told one by one, all are counted. */
  readonly differencesMax: number;
  readonly onProgress: (partition: PartitionIndex, done: number, total: number) => void;
  /** What log and journal are read from; left out: Redis alone. */
  readonly journal?: Pick<Journal, "commits" | "entries" | "profiles" | "logState">;
}

export interface PartitionSummary extends Omit<PartitionTold, "ledger" | "walkOn"> {
  readonly partition: PartitionIndex;
}

export interface VerifyReport {
  readonly partitions: readonly PartitionSummary[];
  readonly differences: readonly Difference[];
  /** All of them, told one by one or not. */
  readonly differencesFound: number;
  /** Partitions that were trimmed while they were read, each time anew: what differs there may be no difference. */
  readonly doubtful: readonly PartitionIndex[];
}

/** An erasure or a trim that goes on meanwhile changes what was read already: then it begins anew, so often. */
const ATTEMPTS_MAX = 5;

/** Reads only, while engines run or not. Rejects where this Redis holds no engine's data, or a rulebook is missing. */
export async function verifyRedis(connection: RedisConnection, options: VerifyOptions): Promise<VerifyReport> {
  const partitions = options.partitions ?? (await allPartitions(connection));
  for (let attempt = 1; ; attempt++) {
    const before = await standingOf(connection, partitions);
    const report = await verifyOnce(connection, options, before.isErasing);
    if (report.differencesFound === 0) return report;
    const after = await standingOf(connection, partitions);
    const doubtful = trimmedBetween(before, after);
    if ((doubtful.length === 0 && after.erasures === before.erasures) || attempt === ATTEMPTS_MAX)
      return { ...report, doubtful };
  }
}

async function allPartitions(connection: RedisConnection): Promise<readonly PartitionIndex[]> {
  const count = text(await connection.command(["HGET", CONFIG_KEY, "partitions"]));
  if (count === "") throw new Error("this Redis holds no data of an engine");
  return Array.from({ length: Number(count) }, (_, index) => index as PartitionIndex);
}

/** `isErasing`: what one stream holds of another's is not compared. */
async function verifyOnce(
  connection: RedisConnection,
  options: VerifyOptions,
  isErasing: boolean,
): Promise<VerifyReport> {
  const config = (await connection.command(["HMGET", CONFIG_KEY, "seed", "genesis"])) as readonly Reply[];
  const [seed, genesis] = config.map(text) as [string, string];
  const findings = createFindings(options.differencesMax);
  const shelf = createBookShelf(connection);
  const journal = options.journal ?? createRedisJournal({ connection, owner: "verify", leaseMs: 0, address: "" });
  const all = await allPartitions(connection);
  const isWhole = options.partitions === undefined && options.customer === undefined;
  const indexes = options.partitions ?? all;
  await shelf.findAll(genesis as RulebookHash);
  const channels = await readChannels(connection, indexes, shelf);
  const told = new Map<PartitionIndex, PartitionTold>();
  const departures = createDepartures(connection, journal, told);
  for (const index of indexes) {
    const source = createPartitionSource(connection, journal, index);
    const sent = channels.ofPartition(index);
    const partition = await verifyPartition({
      source,
      shelf,
      partitions: all.length,
      seed: Number(seed),
      genesis: genesis as RulebookHash,
      only: options.customer,
      differ: differIn(findings, index),
      onProgress: (done, total) => options.onProgress(index, done, total),
      onCommit: (seq, commit) => {
        sent.onCommit(seq, commit);
        departures.onCommit(index, seq, commit.relays ?? []);
      },
    });
    const readReports = () => readReported(journal, index, all.length);
    if (!isErasing) await sent.check(shelf, partition.cut !== undefined, differIn(findings, index), readReports);
    told.set(index, partition);
  }
  if (isWhole) {
    if (!isErasing) await departures.check(findings);
    await checkQuotas(connection, told, shelf, differIn(findings, undefined));
  }
  return {
    partitions: [...told].map(([partition, { ledger: _, walkOn: __, ...summary }]) => ({ partition, ...summary })),
    differences: findings.differences,
    differencesFound: findings.count(),
    doubtful: [],
  };
}
