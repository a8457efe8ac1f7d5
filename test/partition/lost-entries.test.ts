// An input log that somebody trims under the running engine: it says how much it lost, and goes on.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import { createLog } from "../../engine/observe/log.ts";
import { createMetrics } from "../../engine/observe/metrics.ts";
import { watchPending } from "../../engine/partition/watch-pending.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { connect, customerIn, event, until } from "./harness.ts";

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

const ana = customerIn(0, "ana");

it("counts what was taken from under it, once, and starts again as ever", async () => {
  const lines: string[] = [];
  const log = createLog({ level: "error", readable: false, write: (line) => void lines.push(line) });
  const metrics = createMetrics({ version: "test", node: "test" });
  const watched = {
    onSession: (session: Parameters<typeof watchPending>[1]) => {
      const stop = watchPending(metrics, session, () => 0, log, 20);
      return async () => stop();
    },
  };
  const running = await startLoop(redis.url, watched);
  await running.loop.engine.append([event("p-0", "purchase", ana, { amount: 1 })]);
  await until(async () => (await running.loop.engine.look(customerKey(ana)))?.features["spend_all"] === 1);
  // In one transaction: the engine never gets to see the first three.
  const trimmed = client.multi();
  for (let n = 1; n <= 5; n++)
    trimmed.xadd("nba:{0}:events", "*", ...encodeEvent(event(`p-${n}`, "purchase", ana, { amount: 1 })));
  await trimmed.xtrim("nba:{0}:events", "MAXLEN", 2).exec();
  await until(async () => (await running.loop.engine.look(customerKey(ana)))?.features["spend_all"] === 3);
  await until(() => lines.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await running.stop();
  expect(lines.map((line) => JSON.parse(line) as object)).toMatchObject([{ partition: 0, entries: 3 }]);
  expect((await metrics.scrape(undefined)).text).toContain('nba_entries_lost_total{partition="0",stream="events"} 3');
  const base = (await client.hgetBuffer("nba:{0}:checkpoint", "base")) as Buffer;
  expect(decodeBase(base).counts.lost).toBe(3);
  // All that is safe goes: the ordinals of what comes must not be taken for a second loss.
  await client.xtrim("nba:{0}:events", "MAXLEN", 0);
  const again = await startLoop(redis.url, watched);
  await again.loop.engine.append([event("p-9", "purchase", ana, { amount: 1 })]);
  await until(async () => (await again.loop.engine.look(customerKey(ana)))?.features["spend_all"] === 4);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(lines).toHaveLength(1);
  await again.stop();
});
