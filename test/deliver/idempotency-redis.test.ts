import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { IdempotencyStore } from "../../engine/deliver/idempotency.ts";
import { IDEMPOTENCY_BOUNDS, parseIdempotency } from "../../engine/deliver/idempotency-bounds.ts";
import { createRedisIdempotency } from "../../engine/deliver/idempotency-redis.ts";
import { createRedisLane, type RedisLane } from "../../engine/deliver/redis-lane.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const SCOPE = "POST /v1/decisions";
const quiet = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

let redis: TestRedis;
let lane: RedisLane;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  lane = createRedisLane(() => connectRedis({ url: redis.url, silenceMs: 2_000 }), 1);
});
afterAll(async () => {
  lane.close();
  await redis.stop();
});

it("ANY-7 a request that runs holds its key; one whose end could not be kept does not, once it is over", async () => {
  const store = createRedisIdempotency(lane, quiet, IDEMPOTENCY_BOUNDS, Date.now);
  expect(await store.begin(SCOPE, "k-1", "body")).toEqual({ kind: "fresh" });
  expect(await store.begin(SCOPE, "k-1", "body")).toEqual({ kind: "running" });
  expect(await store.begin(SCOPE, "k-1", "another")).toEqual({ kind: "other-body" });
  await redis.kill();
  await store.finish(SCOPE, "k-1", "body", { status: 200, headers: {}, body: "{}" });
  await redis.restart();
  await expect.poll(() => store.begin(SCOPE, "k-1", "body"), { timeout: 20_000 }).toEqual({ kind: "fresh" });
  await store.finish(SCOPE, "k-1", "body", { status: 200, headers: {}, body: "{}" });
  expect(await store.begin(SCOPE, "k-1", "body")).toMatchObject({ kind: "answered", answer: { body: "{}" } });
});

it("ANY-8 no more is kept than may be: a new key is told to come again, a known one is answered, over all engines", async () => {
  let now = 1_800_000_000_000;
  const bounds = { keepMs: 60_000, bytesMax: 30_000 };
  const store = (): IdempotencyStore => createRedisIdempotency(lane, quiet, bounds, () => now);
  const [first, second] = [store(), store()];
  const answer = { status: 200, headers: {}, body: "x".repeat(700) };
  const use = async (by: IdempotencyStore, key: string): Promise<string> => {
    const begun = await by.begin(SCOPE, key, "body");
    if (begun.kind === "fresh") await by.finish(SCOPE, key, "body", answer);
    return begun.kind;
  };
  let kept = 0;
  while ((await use(kept % 2 === 0 ? first : second, `b-${kept}`)) === "fresh") kept++;
  expect(kept).toBeGreaterThan(15);
  expect(kept, "each sees the other's after a second").toBeLessThan(60);
  let late = first;
  let tries = 0;
  const told = async () => {
    tries++;
    for (const engine of [first, second]) await engine.begin(SCOPE, `refused-${tries}`, "body"); // by the way each says what it has
    late = store(); // another engine, or this one after a restart
    return await late.begin(SCOPE, `new-${tries}`, "body");
  };
  await expect.poll(told, { timeout: 10_000 }).toMatchObject({ kind: "unavailable", retryAfterMs: 60_000 });
  expect(await late.begin(SCOPE, "b-0", "body")).toMatchObject({ kind: "answered", answer: { body: answer.body } });
  expect(await late.begin(SCOPE, "b-0", "another")).toEqual({ kind: "other-body" });
  now += bounds.keepMs + 2_501;
  const later = store();
  expect(await use(later, "new")).toBe("fresh");
  const client = new Redis(redis.socket);
  const memory = Number(await client.call("MEMORY", "USAGE", (await client.keys("nba:idempotency:*"))[0] as string));
  client.disconnect();
  expect(memory, "what each is reckoned with").toBeLessThan(answer.body.length + 64 + 100 + 300);
});

it("ANY-8 NBA_IDEMPOTENCY names a time, bytes or both", () => {
  expect(parseIdempotency("24h,4GiB")).toEqual({ value: IDEMPOTENCY_BOUNDS });
  expect(parseIdempotency("512MiB")).toEqual({ value: { keepMs: 86_400_000, bytesMax: 2 ** 29 } });
  expect(parseIdempotency("2h")).toEqual({ value: { keepMs: 7_200_000, bytesMax: 2 ** 32 } });
  for (const text of ["", "5s", "8d", "1KiB", "0MiB", "1h,2h", "1h,x", "1 h", "24"])
    expect(parseIdempotency(text), text).toMatchObject({ fault: expect.stringContaining(JSON.stringify(text)) });
});
