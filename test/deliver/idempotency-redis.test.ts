import { afterAll, beforeAll, expect, it } from "vitest";
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
  const store = createRedisIdempotency(lane, quiet);
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
