// A named stream that somebody else trims ahead of its mover: nobody can bring back what is gone, but it is counted and said.
import { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { createFrontDoor, type FrontDoor } from "../../engine/ingest/front-door.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const STREAM = "transactions";

let redis: TestRedis;
let client: Redis;
let lost: number[];
let said: object[];

beforeAll(async () => {
  redis = await startTestRedis();
  client = new Redis(redis.socket);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  lost = [];
  said = [];
});

function startDoor(owner: string): FrontDoor {
  const door = createFrontDoor({
    connect: () => connectRedis({ url: redis.url, silenceMs: 5_000 }),
    partitions: 4,
    owner,
    leaseMs: 5_000,
    streams: [STREAM],
    log: { warn: () => undefined, error: (facts) => void said.push(facts) },
    metrics: { dead: () => undefined, lost: (_, entries) => void lost.push(entries) },
    batchMax: 7,
    lookMs: 10,
  });
  door.start();
  return door;
}

let n = 0;
async function send(count: number, keepOnly?: number): Promise<void> {
  const together = client.multi(); // the mover never gets to see what is trimmed in it
  for (let k = 0; k < count; k++, n++) {
    const body = { id: `p-${n}`, type: "purchase", customer: `c-${n % 5}`, ts: Date.now(), props: { amount: 1 } };
    together.xadd(STREAM, "*", "d", JSON.stringify(body));
  }
  if (keepOnly !== undefined) together.xtrim(STREAM, "MAXLEN", keepOnly);
  await together.exec();
}

async function untilMoved(): Promise<void> {
  await expect.poll(() => client.xlen(STREAM), { timeout: 30_000, interval: 5 }).toBe(0);
}

async function moved(): Promise<number> {
  const lengths = await Promise.all([0, 1, 2, 3].map((partition) => client.xlen(`nba:{${partition}}:events`)));
  return lengths.reduce((sum, each) => sum + each, 0);
}

it("RET-3 counts what was taken from under it, once, and moves the rest", { timeout: 60_000 }, async () => {
  const door = startDoor("one");
  await send(50);
  await untilMoved();
  await send(20, 5);
  await expect.poll(() => lost, { timeout: 30_000 }).toEqual([15]);
  await send(30);
  await untilMoved();
  await send(3, 1);
  await expect.poll(() => lost, { timeout: 30_000 }).toEqual([15, 2]);
  await door.stop();
  expect(await moved()).toBe(50 + 5 + 30 + 1);
  expect(said).toEqual([
    { stream: STREAM, entries: 15 },
    { stream: STREAM, entries: 2 },
  ]);
});

it("RET-3 counts what is gone since the last mover ended, and nothing where nobody trimmed", {
  timeout: 60_000,
}, async () => {
  await send(10);
  const first = startDoor("one");
  await untilMoved();
  await first.stop();
  expect(await client.hget(`nba:mover:${STREAM}`, "gone")).toBe("10");
  await send(12);
  const second = startDoor("two");
  await untilMoved();
  await second.stop();
  expect(lost).toEqual([]);
  await send(12, 4);
  const third = startDoor("three");
  await untilMoved();
  await expect.poll(() => lost, { timeout: 30_000 }).toEqual([8]);
  await third.stop();
  expect(await moved()).toBe(10 + 12 + 4);
});

it("a stream that is deleted begins anew, and is no loss that could be counted", { timeout: 60_000 }, async () => {
  const door = startDoor("one");
  await send(40);
  await untilMoved();
  await client.del(STREAM);
  await send(10);
  await untilMoved();
  await expect.poll(() => moved(), { timeout: 30_000 }).toBe(50);
  await door.stop();
  expect(lost).toEqual([]);
});
