// A replay drives the clock of the engine; who only looks on does not.
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { DAY_MS } from "../../engine/domain/time.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

const PARTITIONS = 4;
const KEY = customerKey("ana");
const THEN_MS = Date.UTC(2017, 10, 25);

let server: TestRedis;
let running: RunningLoop;

beforeAll(async () => {
  server = await startTestRedis();
  running = await startLoop(server.url, { partitions: PARTITIONS });
});
afterAll(async () => {
  await running.stop();
  await server.stop();
});

it("a look at a customer before a replay does not hold the clock in the present", async () => {
  const { look } = running.loop.engine;
  await expect.poll(() => running.loop.engine.ready().ok, { timeout: 10_000 }).toBe(true);
  expect(await look(KEY)).toBeUndefined();
  const redis = new Redis(server.tcpUrl);
  const event = { id: "then", type: "purchase", customer: KEY, ts: THEN_MS, props: { amount: 1 } };
  const fields = ["s", "clickstream", "d", JSON.stringify(event), "t", String(THEN_MS)];
  await redis.xadd(`nba:{${partitionOf(KEY, PARTITIONS)}}:events`, "*", ...fields);
  redis.disconnect();
  await expect.poll(async () => (await look(KEY))?.key, { timeout: 10_000 }).toBe(KEY);
  const now = (await look(KEY))?.now ?? 0;
  expect(now - THEN_MS).toBeGreaterThanOrEqual(0);
  expect(now - THEN_MS).toBeLessThan(60_000);
});

it("streams that a replay drives days apart do not take the clock back behind what was folded", async () => {
  const redis = new Redis(server.tcpUrl);
  const key = customerKey("ben");
  const both = redis.multi();
  for (const [id, day] of Object.entries({ ahead: 5, behind: 1 })) {
    const ts = THEN_MS + day * DAY_MS;
    const event = { id, type: "purchase", customer: key, ts, props: { amount: 1 } };
    const fields = ["s", "clickstream", "d", JSON.stringify(event), "t", String(ts)];
    both.xadd(`nba:{${partitionOf(key, PARTITIONS)}}:events`, "*", ...fields);
  }
  await both.exec();
  redis.disconnect();
  const { look } = running.loop.engine;
  await expect.poll(async () => (await look(key))?.key, { timeout: 10_000 }).toBe(key);
  expect((await look(key))?.now).toBeGreaterThanOrEqual(THEN_MS + 5 * DAY_MS);
});
