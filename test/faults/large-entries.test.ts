// What others write may be of any size, and a reply of many large entries takes longer than a connection may be silent. Whoever
// reads the same again after that would never be done.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { createFrontDoor } from "../../engine/ingest/front-door.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { connect, customerIn, event, lookAt, PARTITIONS, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { type SlowProxy, startSlowProxy } from "./slow-proxy.ts";

const COUNT = 250;
const LARGE = "x".repeat(100_000);
/** All of them at once take more than two seconds. */
const BYTES_PER_MS = 10_000;

let redis: TestRedis;
let client: Redis;
let proxy: SlowProxy;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  proxy = await startSlowProxy(`${redis.socket}.slow`, redis.socket);
});
afterEach(async () => {
  proxy.pass(Number.NaN);
  await client.flushall();
});
afterAll(async () => {
  proxy.stop();
  client.disconnect();
  await redis.stop();
});

async function fill(stream: string): Promise<void> {
  for (let at = 0; at < COUNT; at += 50) {
    const adding = client.pipeline();
    for (let n = 0; n < 50; n++) adding.xadd(stream, "*", "s", "clickstream", "d", LARGE);
    await adding.exec();
  }
}

describe("entries that are too large to be read many at once", () => {
  it("S1: the front door moves what comes behind them", async () => {
    await fill("clickstream");
    const good = JSON.stringify({ id: "good", type: "page_view", customer: "c-1", ts: Date.now() });
    await client.xadd("clickstream", "*", "d", good);
    proxy.pass(BYTES_PER_MS);
    const door = createFrontDoor({
      connect: () => connectRedis({ url: proxy.url, silenceMs: 1_200 }),
      partitions: PARTITIONS,
      owner: "test",
      leaseMs: 2_000,
      streams: ["clickstream"],
      log: { warn: () => undefined, error: () => undefined },
    });
    door.start();
    try {
      await until(async () => (await client.xlen("clickstream")) === 0, 20_000);
      const log = `nba:{${partitionOf(customerKey("c-1"), PARTITIONS)}}:events`;
      expect(await client.xlen(log)).toBe(1);
      expect(door.moved()).toEqual([{ stream: "clickstream", appended: 1, dead: COUNT, skipped: 0 }]);
    } finally {
      await door.stop();
    }
  }, 30_000);

  it("S1: a partition that has to read them again is recovered, and the others before it", async () => {
    const running = await startLoop(proxy.url, { silenceMs: 1_000, idleMs: 60_000 });
    const name = customerIn(0, "c-");
    const bystander = customerIn(1, "c-");
    try {
      await fill("nba:{0}:events");
      await running.loop.engine.append([
        event("e-1", "purchase", name, { amount: 7 }),
        event("e-2", "purchase", bystander, { amount: 8 }),
      ]);
      const spent = async (who: string) => (await lookAt(running, who)).features["spend_all"];
      await until(async () => (await client.xlen("nba:{0}:dead")) === COUNT, 20_000);
      proxy.pass(BYTES_PER_MS);
      proxy.cutAll();
      await until(() => !running.loop.engine.ready().ok);
      await until(() => running.loop.engine.ready().ok, 20_000);
      expect([await spent(name), await spent(bystander)]).toEqual([7, 8]);
    } finally {
      proxy.pass(Number.NaN);
      await running.stop();
    }
  }, 50_000);
});
