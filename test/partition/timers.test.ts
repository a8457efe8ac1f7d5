import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Instant } from "../../engine/domain/time.ts";
import { HOUR_MS } from "../../engine/domain/time.ts";
import type { Committed } from "../../engine/engine.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import type { DecisionLoop } from "../../engine/partition/decision-loop.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, decided, event, home, journalledOf, journalOf, lookAt, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const kinds = async (customer: string) => (await journalledOf(client, customer)).map(({ kind }) => kind);
async function trigger(running: RunningLoop, customer: string, times: number, prefix: string): Promise<void> {
  const before = (await kinds(customer)).length;
  for (let n = 0; n < times; n++) {
    await running.loop.engine.append([event(`${prefix}-${n}`, "purchase", customer, { amount: 500 })]);
  }
  await until(async () => (await kinds(customer)).length === before + times);
}

describe("timers", () => {
  it("what expires is withdrawn, journalled and told; its reservation is given back", async () => {
    let aheadMs = 0;
    const running = await startLoop(redis.url, { clock: () => Date.now() + aheadMs });
    const told: Committed[] = [];
    running.loop.engine.onCommitted((committed) => told.push(committed));
    const record = decided(await running.loop.engine.ask(askFor("ana")));
    const code = record.contacts[0]?.trackingCode;
    expect(told.flatMap(({ withdrawals }) => withdrawals)).toEqual([]);
    aheadMs = 48 * HOUR_MS;
    await until(() => told.some(({ withdrawals }) => withdrawals.length > 0));
    const withdrawn = [{ key: "ana", trackingCode: code, because: "expired" }];
    expect(told.flatMap(({ withdrawals }) => withdrawals)).toEqual(withdrawn);
    expect((await journalOf(client, home("ana"))).flatMap(({ withdrawals }) => withdrawals)).toEqual(withdrawn);
    const look = await lookAt(running, "ana");
    expect(look.contacts).toMatchObject([{ state: "released", live: false }]);
    expect(look.active).toEqual([]);
    await until(async () => (await client.zscore(`nba:{${home("ana")}}:timers`, "ana")) === "inf");
    await running.stop();
  });

  it("a reservation that nobody confirmed gives its place under the cap back, and not before its time", async () => {
    let aheadMs = 0;
    const running = await startLoop(redis.url, { clock: () => Date.now() + aheadMs });
    await trigger(running, "ana", 3, "a");
    expect(await kinds("ana")).toEqual(["act", "act", "none"]);
    aheadMs = 5 * HOUR_MS;
    await trigger(running, "ana", 1, "b");
    aheadMs = 7 * HOUR_MS;
    await until(async () => (await lookAt(running, "ana")).contacts.every(({ state }) => state === "released"));
    await trigger(running, "ana", 1, "c");
    expect(await kinds("ana")).toEqual(["act", "act", "none", "none", "act"]);
    await running.stop();
  });

  it("also for a profile that is not in memory, and after a restart", async () => {
    let aheadMs = 0;
    const told: Committed[] = [];
    const changes = {
      clock: () => Date.now() + aheadMs,
      profilesMax: 4,
      // Before it runs: what is overdue may be withdrawn before it is ready.
      onCreated: ({ engine }: DecisionLoop) => engine.onCommitted((committed) => told.push(committed)),
    };
    let running = await startLoop(redis.url, changes);
    for (let n = 0; n < 30; n++) decided(await running.loop.engine.ask(askFor(`c-${n}`)));
    await until(async () => (await client.keys("nba:{*}:profile:*")).length >= 26);
    aheadMs = 48 * HOUR_MS;
    await until(() => new Set(told.flatMap(({ withdrawals }) => withdrawals.map(({ key }) => key))).size === 30);
    for (let n = 0; n < 10; n++) decided(await running.loop.engine.ask(askFor(`late-${n}`)));
    await running.stop();
    aheadMs = 96 * HOUR_MS;
    running = await startLoop(redis.url, changes);
    await until(() => new Set(told.flatMap(({ withdrawals }) => withdrawals.map(({ key }) => key))).size === 40);
    const codes = told.flatMap(({ withdrawals }) => withdrawals.map(({ trackingCode }) => trackingCode));
    expect(new Set(codes).size, "withdrawn twice").toBe(codes.length);
    await running.stop();
  });
});

describe("a driven clock", () => {
  it("decides at the time that the entry says, and timers follow it", async () => {
    const running = await startLoop(redis.url);
    const start = Date.UTC(2020, 0, 1) as Instant;
    const drive = (id: string, customer: string, at: number, amount: number) =>
      client.xadd(
        `nba:{${home(customer)}}:events`,
        "*",
        ...encodeEvent(event(id, "purchase", customer, { amount }, at), at as Instant),
      );
    await drive("d-1", "ana", start, 500);
    await until(async () => (await kinds("ana")).length === 1);
    const [first] = await journalledOf(client, "ana");
    expect(Math.abs((first?.now ?? 0) - start)).toBeLessThan(60_000);
    await drive("d-2", "ana", start + 7 * HOUR_MS, 1);
    await until(async () => (await lookAt(running, "ana")).contacts[0]?.state === "released");
    expect((await lookAt(running, "ana")).now).toBeLessThan(start + 8 * HOUR_MS);
    await running.stop();
    const again = await startLoop(redis.url);
    expect((await lookAt(again, "ana")).now).toBeGreaterThanOrEqual(start + 7 * HOUR_MS);
    expect((await lookAt(again, "ana")).now).toBeLessThan(start + 8 * HOUR_MS);
    expect((await lookAt(again, "ana")).features["purchases_24h"]).toBe(2);
    await again.stop();
  });
});

describe("a wave", () => {
  it("S3: of one customer's triggers and asks in one step each sees what the one before reserved", async () => {
    const running = await startLoop(redis.url);
    const batch = client.multi();
    for (let n = 0; n < 6; n++) {
      const entry = encodeEvent(event(`t-${n}`, "purchase", "ana", { amount: 500 }));
      batch.xadd(`nba:{${home("ana")}}:events`, "*", ...entry);
    }
    const asks = Array.from({ length: 6 }, () => running.loop.engine.ask(askFor("ana")));
    await batch.exec();
    const records = (await Promise.all(asks)).map(decided);
    expect(
      records.flatMap(({ contacts }) => contacts),
      "sticky: the same offer again",
    ).toHaveLength(1);
    await until(async () => (await kinds("ana")).length === 12);
    const commits = await journalOf(client, home("ana"));
    const triggered = commits.map(({ decisions }) => decisions.filter(({ direction }) => direction === "outbound"));
    expect(Math.max(...triggered.map(({ length }) => length)), "all in one step").toBe(6);
    expect(triggered.flat().map(({ kind }) => kind)).toEqual(["act", "act", "none", "none", "none", "none"]);
    await running.stop();
  });
});
