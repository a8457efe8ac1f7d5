// Which partition a customer lives in is asked of the Redis that holds it.
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { partitionCommand } from "../../engine/cli/partition.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";
import { commanded } from "./commanded.ts";

let redis: TestRedis;

beforeAll(async () => {
  vi.stubEnv("PARTITIONS", "");
  redis = await startTestRedis();
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await redis.stop();
});

const told = async (url: string): Promise<unknown> =>
  JSON.parse(await commanded(url, partitionCommand(), "c-17", "--json"));

it("asks Redis how many partitions there are, and says where nobody could tell", async () => {
  expect(await told(redis.url)).toMatchObject({ partition: 9, partitions: 64, from: "default" });
  expect(await commanded(redis.url, partitionCommand(), "c-17")).toContain(
    "9 of 64 (the default; this Redis holds no data of an engine): log nba:{9}:events",
  );
  const client = new Redis(redis.socket);
  await client.hset("nba:config", "partitions", "4");
  client.disconnect();
  expect(await told(redis.url)).toMatchObject({ partition: 1, partitions: 4, from: "redis" });
  expect(await commanded(redis.url, partitionCommand(), "c-17")).toContain("in partition 1 of 4: log nba:{1}:events");
  expect(await told(`redis://127.0.0.1:${await freePort()}`)).toMatchObject({ partitions: 64, from: "default" });
  vi.stubEnv("PARTITIONS", "16");
  expect(await told(redis.url)).toMatchObject({ partition: 9, partitions: 16, from: "PARTITIONS" });
});
