// Somebody trims an input log ahead of the checkpoint while no engine runs: what is stored cannot be brought up to date any more. The
// partition is left alone and named with the reason; the others go on, and nothing is invented.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { event } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import type { EngineProcess } from "../start-engine.ts";
import { askOnce, type FaultRules, inhabitant, startFaultEngine, untilWell, writeFaultRules } from "./fault-engine.ts";

let redis: TestRedis;
let rules: FaultRules;
let client: Redis;
let engine: EngineProcess | undefined;

beforeAll(async () => {
  redis = await startTestRedis();
  client = new Redis(redis.socket);
  rules = await writeFaultRules();
});
afterAll(async () => {
  await engine?.kill();
  client.disconnect();
  await redis.stop();
  await rules.remove();
});

const readiness = async (): Promise<string> => await (await fetch(`${engine?.url}/readyz`)).text();

it("a log trimmed ahead of its checkpoint: its partition is set aside with a plain message, the others decide", {
  timeout: 90_000,
}, async () => {
  engine = await startFaultEngine(redis.url, rules);
  await untilWell(engine);
  const who = inhabitant(0);
  await engine.kill();
  for (let n = 0; n < 5; n++) {
    const purchase = event(`p-${n}`, "purchase", who, { amount: 10 });
    await client.xadd("nba:{0}:events", "*", ...encodeEvent(purchase));
  }
  await client.xtrim("nba:{0}:events", "MAXLEN", 2);
  const left = await client.xrange("nba:{0}:events", "-", "+");

  engine = await startFaultEngine(redis.url, rules);
  await expect
    .poll(readiness, { timeout: 20_000, interval: 50 })
    .toMatch(/partition 0 cannot be taken: .* but 3 after them were trimmed before they were/);
  for (const partition of [1, 2, 3])
    await expect.poll(() => askOnce(engine?.url as string, inhabitant(partition)), { timeout: 20_000 }).toBe("decided");
  expect(await askOnce(engine.url, who)).toBe(503);
  expect(engine.log()).toMatch(/a partition could not be taken; trying again/);
  expect(await engine.stop(), engine.log()).toBe(0);
  expect(await client.xrange("nba:{0}:events", "-", "+"), "what is left of the log is not touched").toEqual(left);
});

it("a log trimmed under an engine that could not look: it says how much is lost and goes on", {
  timeout: 90_000,
}, async () => {
  await client.flushall();
  engine = await startFaultEngine(redis.url, rules);
  await untilWell(engine);
  const who = inhabitant(0);
  process.kill(engine.pid, "SIGSTOP");
  try {
    for (let n = 0; n < 5; n++) {
      const purchase = event(`p-${n}`, "purchase", who, { amount: 10 });
      await client.xadd("nba:{0}:events", "*", ...encodeEvent(purchase));
    }
    await client.xtrim("nba:{0}:events", "MAXLEN", 2);
    await sleep(50);
  } finally {
    process.kill(engine.pid, "SIGCONT");
  }
  // Its read may have been answered before the trim, or its lease be over: then the partition is recovered, and set aside.
  await expect
    .poll(async () => `${engine?.log()} ${await readiness()}`, { timeout: 30_000, interval: 50 })
    .toMatch(/trimmed or deleted by somebody else|after them were trimmed before they were/);
  await expect.poll(() => askOnce(engine?.url as string, inhabitant(1)), { timeout: 20_000 }).toBe("decided");
  expect(await engine.stop(), engine.log()).toBe(0);
});
