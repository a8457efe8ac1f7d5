// What no engine can mend: it says so, leaves the partition alone, and goes on with the others.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, decided, event, lookAt, PARTITIONS, until } from "./harness.ts";

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
beforeEach(() => client.flushall());
// One that fails leaves nobody who would hold the partitions of the next.
const started: RunningLoop[] = [];
afterEach(() => Promise.all(started.splice(0).map(({ stop }) => stop())));

async function start(changes: Parameters<typeof startLoop>[1] = {}): Promise<RunningLoop> {
  const running = await startLoop(redis.url, changes);
  started.push(running);
  return running;
}

const BUSY = { recoveryEntriesMax: 1_000_000, idleMs: 1_000_000 };
const customer = customerIn(0, "c-");

/** An engine that has folded and decided, and is gone without a clean stop: nothing is written back. */
async function vanished(): Promise<void> {
  const running = await start(BUSY);
  for (let n = 0; n < 5; n++) {
    await running.loop.engine.append([event(`p-${n}`, "purchase", customer, { amount: 500 })]);
    await until(async () => (await lookAt(running, customer)).features["purchases_24h"] === n + 1);
  }
  // What Redis held at this moment is put back after the clean stop, as if there had been none.
  const keys = (await client.keys("*")).filter((key) => !key.endsWith(":lease"));
  const dumps = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
  await running.stop();
  await client.flushall();
  await Promise.all(keys.map((key, index) => client.restore(key, 0, dumps[index] as Buffer)));
  expect(keys.filter((key) => key.includes(":profile:"))).toEqual([]);
}

/** An engine on what is left: partition 0 answers nobody and is named with what is wrong with it, another one answers. */
async function damaged(wrong: RegExp): Promise<void> {
  const running = await start(BUSY);
  const { ok, why } = running.loop.engine.ready();
  expect(ok).toBe(true);
  expect(why).toMatch(wrong);
  expect(why).toContain(`${PARTITIONS - 1} of ${PARTITIONS} partitions are here`);
  expect((await running.loop.engine.ask(askFor(customer))).kind).toBe("unavailable");
  decided(await running.loop.engine.ask(askFor(customerIn(1, "c-"))));
  await running.stop();
}

it("a journal with a gap in its middle", async () => {
  await vanished();
  const [, second, third] = (await client.xrange("nba:{0}:journal", "-", "+")).map(([id]) => id);
  await client.xdel("nba:{0}:journal", third as string);
  await damaged(new RegExp(`partition 0: what came after commit ${second?.slice(0, -2)} is missing from the journal`));
});

it("a journal that begins too late", async () => {
  await vanished();
  await client.xtrim("nba:{0}:journal", "MAXLEN", "3");
  await damaged(/partition 0: what came after commit 0 is missing from the journal/);
});

it("an input log that was trimmed behind the engine's back", async () => {
  await vanished();
  await client.xtrim("nba:{0}:events", "MAXLEN", "3");
  await damaged(/partition 0: 0 entries .* but 2 after them were trimmed/);
});

it("an input log from whose middle an entry was deleted", async () => {
  await vanished();
  const [, , third] = await client.xrange("nba:{0}:events", "-", "+");
  await client.xdel("nba:{0}:events", third?.[0] as string);
  await damaged(/partition 0: .*(trimmed|deleted)/);
});

it("an input log that is gone", async () => {
  await (await start()).stop();
  const running = await start();
  await running.loop.engine.append([event("p-1", "purchase", customer, { amount: 1 })]);
  await until(async () => (await lookAt(running, customer)).features["purchases_24h"] === 1);
  await running.stop();
  await client.del("nba:{0}:events");
  await damaged(/partition 0: 1 entries .* it was lost or replaced/);
});

it("trimming what is safe in profiles and checkpoint disturbs nobody", async () => {
  const running = await start();
  for (let n = 0; n < 5; n++) await running.loop.engine.append([event(`p-${n}`, "purchase", customer, { amount: 1 })]);
  await until(async () => (await lookAt(running, customer)).features["purchases_24h"] === 5);
  await running.stop();
  await client.xtrim("nba:{0}:events", "MAXLEN", "1");
  const again = await start();
  await again.loop.engine.append([event("p-6", "purchase", customer, { amount: 1 })]);
  await until(async () => (await lookAt(again, customer)).features["purchases_24h"] === 6);
  await again.stop();
});

it("a stored profile that cannot be read holds up nobody else; it does not begin the customer anew", async () => {
  const running = await start();
  decided(await running.loop.engine.ask(askFor(customer)));
  await running.stop();
  const key = `nba:{0}:profile:${customer}`;
  const bytes = (await client.getBuffer(key)) as Buffer;
  bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 0xff;
  await client.set(key, bytes);
  const again = await start();
  const answer = await again.loop.engine.ask(askFor(customer, { deadlineMs: 300 }));
  expect(answer.kind).not.toBe("decided");
  decided(await again.loop.engine.ask(askFor(customerIn(1, "c-"))));
  await again.stop();
  expect(await client.getBuffer(key)).toEqual(bytes);
});

it("a loop that waits for a partition of another engine stops when it is told to", async () => {
  await client.hset("nba:{0}:lease", "owner", "somebody", "until", String(Date.now() + 60_000), "token", "t");
  let stop: (() => void) | undefined;
  const ended = start({ onCreated: (loop) => (stop = loop.stop) }).then(
    () => "ready",
    (error: unknown) => (error as Error).message,
  );
  await new Promise((resolve) => setTimeout(resolve, 300));
  stop?.();
  expect(await ended).toBe("the loop ended before it was ready");
});
