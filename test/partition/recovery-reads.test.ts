// A recovery asks Redis for the profiles of many commits at once: with a round trip for each commit, taking a partition over would take
// about as long as its last owner took to commit.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, cutConnections, decided, event, lookAt, until } from "./harness.ts";

const CUSTOMERS = 60;

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

async function profileReads(): Promise<number> {
  const calls = /cmdstat_mget:calls=(\d+)/.exec(await client.info("commandstats"))?.[1];
  return Number(calls ?? 0);
}

it("the profiles that log and journal name are read together, and come out as they were", {
  timeout: 120_000,
}, async () => {
  const running = await startLoop(redis.url);
  const names = Array.from({ length: CUSTOMERS }, (_, n) => customerIn(0, `c-${n}-`));
  for (const name of names) {
    await running.loop.engine.append([event(`p-${name}`, "purchase", name, { amount: 7 })]);
    decided(await running.loop.engine.ask(askFor(name)));
  }
  expect(await client.xlen("nba:{0}:journal")).toBeGreaterThanOrEqual(CUSTOMERS);
  const before = await profileReads();
  await cutConnections(client, running);
  expect((await profileReads()) - before).toBeLessThan(10);
  for (const name of names) {
    const { features, contacts } = await lookAt(running, name);
    expect([features["spend_all"], contacts.length]).toEqual([7, 1]);
  }
  await until(() => running.loop.engine.ready().ok);
  await running.stop();
});
