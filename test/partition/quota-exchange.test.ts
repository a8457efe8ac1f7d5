// Quotas over all partitions: whatever is lost in between, never more is spent than there is; and in the end all of it.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nameHash } from "../../engine/domain/hash.ts";
import type { CommitSeq, PartitionIndex, QuotaIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { createQuotaAccounts, type QuotaAccounts } from "../../engine/journal/quota.ts";
import { connectRedis, type RedisConnection, RedisTrouble } from "../../engine/journal/redis.ts";
import { createQuotaExchange, type QuotaExchange, type QuotaHolder } from "../../engine/partition/quota-exchange.ts";
import { leftOn, lineOf, type QuotaLedger, quotaView, spend } from "../../engine/partition/quota-ledger.ts";
import type { Quota } from "../../engine/rulebook/policies.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { connect } from "./harness.ts";

const PARTITIONS = 8;
const NOON = Date.UTC(2026, 10, 22, 12) as Instant;
const PLACE = { file: "quotas.yaml", line: 1, column: 1 };

const quota = (index: number, id: string, max: number, changes: Partial<Quota> = {}): Quota => ({
  index: index as QuotaIndex,
  id,
  hash: nameHash("quota", id),
  place: PLACE,
  channel: undefined,
  issue: undefined,
  group: undefined,
  action: undefined,
  unit: "contacts",
  max,
  per: "day",
  timeZone: "Europe/Vienna",
  pacing: "none",
  ...changes,
});
const QUOTAS = [quota(0, "pushes", 190), quota(1, "budget", 41.3, { unit: "cost", per: "total" })];
/** What one contact takes of each quota. */
const COSTS = [1, 0.7];

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 2_000 });
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});

/** A partition as its owner has it in memory, and what its journal says: a crash leaves only the latter. */
interface Owned {
  held: QuotaHolder & { seq: CommitSeq; lastNow: Instant };
  journal: { ledger: QuotaLedger; spent: number[] };
  spent: number[];
}

function copy(ledger: QuotaLedger): QuotaLedger {
  return new Map([...ledger].map(([line, { granted, spent }]) => [line, { granted, spent }]));
}

type Trouble = "none" | "unsent" | "unanswered";

/** Every account, as Redis has it. */
async function dump(): Promise<readonly (readonly [string, Record<string, string>])[]> {
  const keys = await client.keys("nba:{quota:*");
  return await Promise.all(keys.map(async (key) => [key, await client.hgetall(key)] as const));
}

function fail(): never {
  throw new Error("nobody but this exchange takes partitions here");
}

function createCluster() {
  const clock = { ms: NOON as number };
  const active = { rulebook: { quotas: QUOTAS } };
  const take = (index: number, epoch: number, ledger: QuotaLedger): Owned["held"] => ({
    index: index as PartitionIndex,
    epoch,
    seq: 0 as CommitSeq,
    skewMs: 0,
    lastNow: NOON,
    quotas: copy(ledger),
    active,
    draft: { granted: new Map() },
  });
  const partitions = Array.from({ length: PARTITIONS }, (_, index): Owned => {
    const journal = { ledger: new Map(), spent: QUOTAS.map(() => 0) };
    return { held: take(index, 1, journal.ledger), journal, spent: QUOTAS.map(() => 0) };
  });
  const real = createQuotaAccounts(connection, PARTITIONS);
  let trouble: Trouble = "none";
  const accounts: QuotaAccounts = {
    read: real.read,
    exchange: async (...args) => {
      const reply = trouble === "unsent" ? undefined : await real.exchange(...args);
      if (reply === undefined || trouble === "unanswered") throw new RedisTrouble("no answer");
      return reply;
    },
  };
  const open = (): QuotaExchange =>
    createQuotaExchange({
      accounts,
      clock: () => clock.ms,
      againMs: 20,
      idleMs: 200,
      onFenced: fail,
      onTrouble: () => undefined,
    });
  let exchange = open();
  const holders = () => partitions.map(({ held }) => held);
  /** One step as the loop makes it: `asks` contacts are decided in each of these partitions. */
  const step = async (asks: readonly { partition: number; quota: number; asks: number }[], all = false) => {
    for (const { held } of partitions) held.lastNow = clock.ms as Instant;
    const wanted = new Map(asks.map((one) => [`${one.partition}/${one.quota}`, one]));
    const demands = [...wanted.values()].map((one) => {
      const known = QUOTAS[one.quota] as Quota;
      const need = known.unit === "contacts" ? 1 : 700_000;
      const partition = (partitions[one.partition] as Owned).held;
      return { partition, quota: known, least: need, need, wish: need * one.asks };
    });
    await exchange.prepare(demands);
    for (const one of wanted.values()) {
      const { held, spent } = partitions[one.partition] as Owned;
      for (let n = 0; n < one.asks; n++) {
        const left = quotaView(held.quotas, QUOTAS, held.lastNow)[one.quota] as number;
        const units = COSTS[one.quota] as number;
        if (left < units) break;
        spend(held.quotas, QUOTAS, held.lastNow, [{ quota: (QUOTAS[one.quota] as Quota).id, units }]);
        spent[one.quota] = (spent[one.quota] as number) + 1;
      }
    }
    exchange.giveBack(holders(), all);
  };
  const commit = () => {
    for (const owned of partitions) {
      owned.held.draft.granted.clear();
      owned.held.seq = (owned.held.seq + 1) as CommitSeq;
      owned.journal = { ledger: copy(owned.held.quotas), spent: [...owned.spent] };
    }
  };
  const acknowledge = async () => {
    for (const { held } of partitions) await exchange.committed(held, held.seq);
  };
  const crash = async () => {
    for (const owned of partitions) {
      owned.held = take(owned.held.index, owned.held.epoch + 1, owned.journal.ledger);
      owned.spent = [...owned.journal.spent];
    }
    exchange = open();
    await exchange.settle(holders());
  };
  /** While this happens no account answers; what had to be given back is given by whoever takes the partitions next. */
  const inTrouble = async (kind: Trouble, happening: () => Promise<void>): Promise<void> => {
    trouble = kind;
    const isDone = await happening().then(
      () => true,
      (error: unknown) => {
        if (!(error instanceof RedisTrouble)) throw error;
        return false;
      },
    );
    if (!isDone) await crash();
    trouble = "none";
  };
  /** As a failover that lost all that was granted since: the owners look before anybody asks. */
  const loseAccounts = async (happening: () => Promise<void>): Promise<void> => {
    const before = await dump();
    await happening();
    await client.flushall();
    for (const [key, fields] of before) await client.hset(key, fields);
    await exchange.poll(holders());
  };
  const total = (at: number) => partitions.reduce((sum, { spent }) => sum + (spent[at] as number), 0);
  return {
    clock,
    partitions,
    step,
    commit,
    acknowledge,
    crash,
    inTrouble,
    loseAccounts,
    poll: () => exchange.poll(holders()),
    total,
    holders,
  };
}

const MAX_CONTACTS = [190, 59]; // 59 x 0.7 = 41.3

type Asks = readonly { partition: number; quota: number; asks: number }[];
type Act =
  | { readonly kind: "asks"; readonly asks: Asks }
  | { readonly kind: "crash"; readonly committed: boolean; readonly given: boolean }
  | { readonly kind: "trouble"; readonly trouble: Trouble; readonly asks: Asks; readonly crash: boolean }
  | { readonly kind: "lost"; readonly asks: Asks; readonly crash: boolean }
  | { readonly kind: "wait" };
const asks = fc.array(
  fc.record({
    partition: fc.nat({ max: PARTITIONS - 1 }),
    quota: fc.nat({ max: 1 }),
    asks: fc.integer({ min: 1, max: 9 }),
  }),
  { minLength: 1, maxLength: 10 },
);
const act: fc.Arbitrary<Act> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("asks" as const), asks }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("crash" as const), committed: fc.boolean(), given: fc.boolean() }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("trouble" as const),
      trouble: fc.constantFrom<Trouble>("unsent", "unanswered"),
      asks,
      crash: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("lost" as const), asks, crash: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: "wait" as const }) },
);

async function perform(cluster: ReturnType<typeof createCluster>, one: Act): Promise<void> {
  const ask = async (asks: Asks): Promise<void> => {
    await cluster.step(asks);
    cluster.commit();
    await cluster.acknowledge();
  };
  if (one.kind === "asks") {
    await ask(one.asks);
  } else if (one.kind === "trouble") {
    await cluster.inTrouble(one.trouble, async () => {
      if (one.crash) await cluster.crash();
      await ask(one.asks);
    });
  } else if (one.kind === "lost") {
    await cluster.loseAccounts(() => ask(one.asks));
    if (one.crash) await cluster.crash();
  } else if (one.kind === "crash") {
    await cluster.step([{ partition: 3, quota: 0, asks: 5 }], true);
    if (one.committed) cluster.commit();
    if (one.committed && one.given) await cluster.acknowledge();
    await cluster.crash();
  } else {
    cluster.clock.ms += 300;
    await cluster.poll();
  }
}

describe("quotas over all partitions", () => {
  it("any asks, crashes and pauses: never overspent, and one partition alone can spend the rest", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 30 }), async (acts) => {
        await client.flushall();
        const cluster = createCluster();
        for (const one of acts) {
          await perform(cluster, one);
          for (const at of [0, 1]) expect(cluster.total(at)).toBeLessThanOrEqual(MAX_CONTACTS[at] as number);
        }
        // What an account that was restored holds for nobody, the next owners give back.
        if (acts.some(({ kind }) => kind === "lost")) await cluster.crash();
        // Whoever holds units idles from now on; partition 5 asks until there is nothing left anywhere.
        for (let round = 0; round < 200; round++) {
          await cluster.step([0, 1].map((at) => ({ partition: 5, quota: at, asks: 7 })));
          cluster.commit();
          await cluster.acknowledge();
          cluster.clock.ms += 100;
          await cluster.poll();
          if ([0, 1].every((at) => cluster.total(at) === MAX_CONTACTS[at])) break;
        }
        expect([0, 1].map((at) => cluster.total(at))).toEqual(MAX_CONTACTS);
      }),
      { numRuns: 40 },
    );
  });

  it("everything that is not spent is given back at the end", async () => {
    await client.flushall();
    const cluster = createCluster();
    await cluster.step(Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, quota: 0, asks: 3 })));
    cluster.commit();
    await cluster.step([{ partition: 0, quota: 1, asks: 1 }], true);
    cluster.commit();
    await cluster.acknowledge();
    expect(await client.hget("nba:{quota:pushes}:contacts:2026-11-22", "sum")).toBe(String(3 * PARTITIONS));
    expect(await client.hget("nba:{quota:budget}:cost:total", "sum")).toBe("700000");
    const [line] = cluster.holders().map(({ quotas }) => leftOn(quotas, lineOf(QUOTAS[0] as Quota, NOON)));
    expect(line).toBe(0);
  });
});
