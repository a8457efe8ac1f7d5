// What a mover has moved leaves its stream a moment later, many steps by one trim.
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Position } from "../../engine/domain/ids.ts";
import { createTrimmer } from "../../engine/ingest/trimmer.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const STREAM = "clickstream";

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;
beforeAll(async () => {
  redis = await startTestRedis();
  client = new Redis(redis.socket);
  connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});

/** On an empty stream; tells of each trim how many went, and how many had been moved. */
async function begin() {
  await client.del(STREAM);
  const trims: [number | "anew", number][] = [];
  const trimmer = createTrimmer({
    connection,
    stream: STREAM,
    onTrimmed: (trimmed, moved) => {
      trims.push([trimmed, moved]);
      if (trimmed === "anew") throw new Error("made anew");
    },
  });
  const add = async (id = "*"): Promise<Position> => (await client.xadd(STREAM, id, "d", "x")) as Position;
  return { trims, trimmer, add };
}

it("trims 200 steps in a few trims, and each entry once", async () => {
  const { trims, trimmer, add } = await begin();
  for (let step = 0; step < 200; step++) {
    await add();
    trimmer.moved(await add(), 2);
  }
  await trimmer.flush();
  expect(await client.xlen(STREAM)).toBe(0);
  expect(trims.length).toBeLessThan(100);
  expect(trims.reduce((sum, [trimmed]) => sum + Number(trimmed), 0)).toBe(400);
  expect(trims.reduce((sum, [, moved]) => sum + moved, 0)).toBe(400);
});

it("trims by itself, and leaves what was not moved", async () => {
  const { trims, trimmer, add } = await begin();
  const last = await add();
  const next = await add();
  trimmer.moved(last, 1);
  await expect.poll(() => trims, { timeout: 10_000 }).toEqual([[1, 1]]);
  expect((await client.xrange(STREAM, "-", "+")).map(([id]) => id)).toEqual([next]);
});

it("trims nothing any more once it is stopped", async () => {
  const { trims, trimmer, add } = await begin();
  trimmer.moved(await add(), 1);
  trimmer.stop();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(trims).toEqual([]);
  expect(await client.xlen(STREAM)).toBe(1);
});

it("says that a trim has failed, to who waits for it and to who moves on", async () => {
  const { trims, trimmer, add } = await begin();
  trimmer.moved(await add("9-9"), 1);
  await client.del(STREAM);
  const begun = await add("1-1");
  await expect(trimmer.flush()).rejects.toThrow("made anew");
  expect(trims).toEqual([["anew", 1]]);
  expect(() => trimmer.moved(begun, 1)).toThrow("made anew");
  await expect(trimmer.flush()).rejects.toThrow("made anew");
  expect(await client.xlen(STREAM)).toBe(1);
});
