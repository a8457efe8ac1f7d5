// The script that grants units: its promises one by one, and that the accounts in memory keep the very same ones.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { createQuotaAccounts, type QuotaAccounts, type QuotaRow, quotaKey } from "../../engine/journal/quota.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { createMemoryQuotas } from "../../engine/sandbox/memory-quotas.ts";
import { connect } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const LINE = "pushes/contacts/2026-11-22";
const PARTITIONS = 4;
const SHARE = PARTITIONS * 8;

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;
let accounts: QuotaAccounts;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 2_000 });
  accounts = createQuotaAccounts(connection, PARTITIONS);
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const ask = (partition: number, spent: number, need: number, wish: number, epoch = 1, least = need): QuotaRow => ({
  kind: "ask",
  granted: 0,
  partition: partition as PartitionIndex,
  epoch,
  spent,
  least,
  need,
  wish,
});
const give = (partition: number, granted: number, epoch = 1): QuotaRow => ({
  kind: "give",
  partition: partition as PartitionIndex,
  epoch,
  spent: granted,
  granted,
});
const exchange = async (limit: number, ...rows: QuotaRow[]) => accounts.exchange({ line: LINE, limit }, rows);

describe("an account", () => {
  it("grants a share of what is left, or what is wished for, and never more than the limit", async () => {
    expect(await exchange(3200, ask(0, 0, 1, 1))).toEqual({ sum: 100, starved: 0, granted: [100] });
    expect(await exchange(3200, ask(1, 0, 1, 500))).toEqual({ sum: 600, starved: 0, granted: [500] });
    expect((await exchange(3200, ask(2, 0, 1, 9_999))).granted).toEqual([2600]);
    expect(await exchange(3200, ask(3, 0, 1, 1))).toEqual({ sum: 3200, starved: 1, granted: [0] });
  });

  it("sent twice changes nothing", async () => {
    const first = await exchange(1000, ask(0, 0, 2, 40), give(0, 30));
    const again = await exchange(1000, give(0, 30));
    expect(again).toEqual({ ...first, granted: [30] });
    const more = await exchange(1000, ask(0, 10, 2, 40));
    expect(await exchange(1000, ask(0, 10, 2, 40))).toEqual(more);
  });

  it("gives nothing where it would not be enough, and counts that somebody starves", async () => {
    expect(await exchange(5, ask(0, 0, 3, 3))).toEqual({ sum: 3, starved: 0, granted: [3] });
    expect(await exchange(5, ask(1, 0, 3, 3))).toEqual({ sum: 3, starved: 1, granted: [0] });
    expect(await exchange(5, give(0, 1), ask(1, 0, 3, 3))).toEqual({ sum: 4, starved: 1, granted: [1, 3] });
  });

  it("gives what is left where it is enough for the cheapest contact, and counts that the dearest one starves", async () => {
    expect(await exchange(5, ask(0, 0, 8, 8, 1, 6))).toEqual({ sum: 0, starved: 1, granted: [0] });
    expect(await exchange(5, ask(0, 0, 8, 8, 1, 2))).toEqual({ sum: 5, starved: 2, granted: [5] });
  });

  it("refuses an epoch before the last one that it has seen", async () => {
    await exchange(100, ask(0, 0, 5, 5, 7));
    expect(await exchange(100, ask(0, 0, 50, 50, 6), give(0, 0, 6))).toEqual({
      sum: 5,
      starved: 0,
      granted: [undefined, undefined],
    });
    expect((await exchange(100, give(0, 2, 8))).sum).toBe(2);
  });

  it("grants nothing where the limit was lowered below what is granted", async () => {
    await exchange(100, ask(0, 0, 60, 60));
    expect(await exchange(50, ask(1, 0, 1, 1))).toEqual({ sum: 60, starved: 1, granted: [0] });
    expect(await exchange(50, give(0, 20), ask(1, 0, 1, 30))).toEqual({ sum: 50, starved: 1, granted: [20, 30] });
  });

  it("keeps whole numbers exact far beyond 32 bits", async () => {
    const max = 9_007_199_254_740_000;
    expect((await exchange(max, ask(0, 0, 1, max - 1))).granted).toEqual([max - 1]);
    expect(await exchange(max, ask(0, max - 1, 1, 1))).toEqual({ sum: max, starved: 0, granted: [max] });
  });

  it("tells what it holds by partition; a day's account is forgotten in time, that of a total never", async () => {
    await exchange(100, ask(2, 0, 5, 5), ask(1, 0, 4, 4));
    await exchange(100, ask(2, 3, 5, 5));
    expect(await accounts.read(LINE)).toEqual({
      sum: 12,
      starved: 0,
      partitions: [
        { partition: 1, granted: 4, spent: 0 },
        { partition: 2, granted: 8, spent: 3 },
      ],
    });
    expect(await client.pttl(quotaKey(LINE))).toBeGreaterThan(0);
    await accounts.exchange({ line: "budget/cost/total", limit: 10 }, [ask(0, 0, 1, 1)]);
    expect(await client.pttl(quotaKey("budget/cost/total"))).toBe(-1);
  });

  it("that has lost grants learns of them from the ledgers, by an ask or a hold, and a give raises nothing", async () => {
    await exchange(100, { ...ask(0, 0, 1, 5), granted: 40 });
    expect((await accounts.read(LINE)).sum).toBe(40);
    expect(await exchange(100, { ...give(1, 30), kind: "hold" })).toEqual({ sum: 70, starved: 0, granted: [30] });
    expect(await exchange(100, give(0, 90), give(2, 5))).toEqual({ sum: 70, starved: 0, granted: [40, 0] });
  });

  it("of another type is said, and left alone", async () => {
    await client.set(quotaKey(LINE), "x");
    await expect(exchange(1, ask(0, 0, 1, 1))).rejects.toThrow(/WRONGTYPE .* should be a hash/);
    expect(await client.get(quotaKey(LINE))).toBe("x");
  });
});

const units = fc.nat({ max: 40 });
const head = { partition: fc.nat({ max: PARTITIONS - 1 }) as fc.Arbitrary<PartitionIndex>, epoch: fc.nat({ max: 3 }) };
const rowHead = { ...head, spent: units, granted: units };
const row: fc.Arbitrary<QuotaRow> = fc.oneof(
  fc.record({ kind: fc.constant("ask" as const), ...rowHead, least: units, need: units, wish: units }),
  fc.record({ kind: fc.constantFrom("give" as const, "hold" as const), ...rowHead }),
);
const batches = fc.array(
  fc.record({ limit: fc.constantFrom(0, 10, 60, 400), rows: fc.array(row, { minLength: 1, maxLength: 4 }) }),
  { minLength: 1, maxLength: 20 },
);

it("any rows in any order: the same as in memory, the sum is that of the partitions and within the limit", async () => {
  await fc.assert(
    fc.asyncProperty(batches, async (sent) => {
      await client.flushall();
      const memory = createMemoryQuotas(SHARE);
      for (const { limit, rows } of sent) {
        const before = (await accounts.read(LINE)).sum;
        const reply = await exchange(limit, ...rows);
        expect(reply).toEqual(await memory.exchange({ line: LINE, limit }, rows));
        const standing = await accounts.read(LINE);
        expect(standing).toEqual(await memory.read(LINE));
        expect(reply.sum).toBe(standing.partitions.reduce((sum, { granted }) => sum + granted, 0));
        // What ledgers say that they hold is theirs, whatever the limit.
        const held = rows.reduce((sum, { kind, granted }) => sum + (kind === "give" ? 0 : granted), 0);
        expect(reply.sum).toBeLessThanOrEqual(Math.max(limit, before) + held);
      }
    }),
    { numRuns: 150 },
  );
});
