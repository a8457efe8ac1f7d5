import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTrafficDriver } from "../../engine/cli/traffic/driver.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";

let server: TestRedis;
let redis: Redis;

beforeAll(async () => {
  server = await startTestRedis();
  redis = new Redis(server.socket);
});
afterAll(async () => {
  redis.disconnect();
  await server.stop();
});

async function until(what: () => boolean | Promise<boolean>, withinMs = 20_000): Promise<void> {
  const end = performance.now() + withinMs;
  while (!(await what())) {
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${what.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function driver(baseUrl: string) {
  return createTrafficDriver({
    redisUrl: server.url,
    baseUrl,
    seed: 11,
    rate: 120,
    customers: 200,
    log: () => undefined,
  });
}

test("every event that it counts is in a stream, also without an engine; stopped, it adds no more", async () => {
  await redis.flushall();
  const running = driver(`http://127.0.0.1:${await freePort()}`);
  running.start();
  await until(
    () => running.counts().events > 2_500 && running.counts().askFailures > 3 && running.counts().deskCalls > 0,
  );
  await running.stop();
  const streams = ["clickstream", "transactions", "outcomes"];
  const total = async () => (await Promise.all(streams.map((name) => redis.xlen(name)))).reduce((sum, n) => sum + n, 0);
  const { events, lost } = running.counts();
  expect(await total()).toBe(events);
  expect(lost).toBe(0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(await total()).toBe(events);
}, 40_000);

test("a gateway reports what became of each message, and acknowledges it", async () => {
  await redis.flushall();
  const running = driver(`http://127.0.0.1:${await freePort()}`);
  running.start();
  const groupOf = async (stream: string) => {
    const groups = (await redis.xinfo("GROUPS", stream).catch(() => [])) as unknown[][];
    return groups[0] ?? [];
  };
  await until(
    async () => (await groupOf("nba:channel:push")).length > 0 && (await groupOf("nba:channel:email")).length > 0,
  );
  const codes = Array.from({ length: 40 }, (_, index) => `${"A".repeat(20)}${String(index).padStart(2, "0")}.0`);
  for (const trackingCode of codes) {
    const message = {
      decisionId: trackingCode.slice(0, 22),
      trackingCode,
      customer: "c-3",
      channel: "push",
      action: "fee-free-year",
    };
    await redis.xadd("nba:channel:push", "*", "d", JSON.stringify(message));
  }
  await redis.xadd("nba:channel:push", "*", "d", "not json");
  await until(() => running.counts().messages === codes.length);
  await until(async () => (await redis.xlen("outcomes")) >= 25);
  await running.stop();
  const reported = (await redis.xrange("outcomes", "-", "+")).map(([, fields]) => JSON.parse(fields[1] ?? ""));
  for (const event of reported) {
    expect(event).toMatchObject({ type: "outcome", customer: "c-3" });
    expect(codes).toContain(event.props.trackingCode);
  }
  expect(new Set(reported.map((event) => event.props.outcome)).has("presented")).toBe(true);
  const pending = (await redis.xpending("nba:channel:push", "demo-gateway")) as unknown[];
  expect(pending[0]).toBe(0);
}, 40_000);

test("it outlives a Redis that goes away, and counts what was lost rather than sending it twice", async () => {
  const running = driver(`http://127.0.0.1:${await freePort()}`);
  running.start();
  await until(() => running.counts().events > 500);
  await server.restart();
  redis.disconnect();
  redis = new Redis(server.socket);
  const before = running.counts().events;
  await until(() => running.counts().events > before + 100);
  await running.stop();
  const ids = (await redis.xrange("clickstream", "-", "+")).map(([, fields]) => JSON.parse(fields[1] ?? "").id);
  expect(ids.length).toBeGreaterThan(50);
  expect(new Set(ids).size).toBe(ids.length);
}, 60_000);
