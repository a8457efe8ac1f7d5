// DELETE asked for again says that an erasure is done when nothing is left, and not before: an owner may not have folded what
// was accepted a moment ago, and a device may live in a partition that nobody works on just now.
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey, type TrackingCode, trackingCode } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { encodeErase } from "../../engine/ingest/erase-entry.ts";
import { encodeDelivered, encodeEvent, encodeTimer } from "../../engine/ingest/log-entry.ts";
import { createErasures } from "../../engine/journal/erasures.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { createRedisJournal } from "../../engine/journal/redis-journal.ts";
import { erase } from "../../engine/partition/erasures.ts";
import { appendDelivered, appendReport } from "../../engine/partition/not-delivered.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { startCuttingProxy } from "./cutting-proxy.ts";
import { askFor, connect, customerIn, decided, event, home, lookAt, PARTITIONS, until } from "./harness.ts";

const ana = customerIn(1, "ana-");
const device = customerIn(2, "anon:device-");
let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});
const journalOf = (owner: string, leaseMs: number) =>
  createRedisJournal({ connection, owner, leaseMs, address: "127.0.0.1:1" });
const statesOf = async () =>
  (await createErasures(connection, Date.now).all()).map((one) => [one.partition, one.state]);

it("ERA-5 an erasure is not done while a device waits for it in a partition that nobody owns", async () => {
  let running = await startLoop(redis.url);
  const anonymousId = device.slice("anon:".length);
  await running.loop.engine.append([
    event("d-1", "page_view", device),
    { ...event("i-1", "identify", ana), anonymousId },
  ]);
  await until(async () => (await running.loop.engine.look(customerKey(device)))?.joinedTo === ana);
  await until(async () => (await lookAt(running, ana)).features["views_1h"] === 1);
  await running.stop();
  // As retention leaves it: no entry tells any more which devices there are.
  await client.xtrim(`nba:{${home(ana)}}:events`, "MAXLEN", 0);
  running = await startLoop(redis.url);
  const other = journalOf("other", 60_000);
  try {
    await client.del(`nba:{${home(device)}}:lease`);
    const held = await other.acquire(home(device));
    if (held.kind !== "acquired") throw new Error(JSON.stringify(held));
    const dispatched = String(Number.MAX_SAFE_INTEGER); // there are no gateways here
    for (const of of [ana, device]) await client.hset(`nba:{${home(of)}}:checkpoint`, { dispatched });
    await running.loop.engine.erase(customerKey(ana));
    await until(async () => (await statesOf()).some(([of, state]) => of === home(ana) && state === "done"));
    expect(await running.loop.engine.erase(customerKey(ana))).toBe("under-way");
    expect(await client.exists(`nba:{${home(device)}}:profile:${device}`)).toBe(1);
    expect(await other.renew(home(device), held.token, 1)).toBe(true);
    await until(async () => (await running.loop.engine.erase(customerKey(ana))) === "erased", 20_000);
    expect(await client.exists(`nba:{${home(device)}}:profile:${device}`)).toBe(0);
  } finally {
    await running.stop();
  }
}, 60_000);

it("ERA-3 an engine that had stood still does not name somebody erased again, whatever it notes late", async () => {
  const running = await startLoop(redis.url);
  const dora = customerKey(customerIn(1, "dora-"));
  const late = journalOf("stood-still", 1_000);
  const count = async () => await client.xlen(`nba:{${home(dora)}}:events`);
  try {
    await running.loop.engine.append([event("d-2", "page_view", dora)]);
    await until(async () => (await lookAt(running, dora)).features["views_1h"] === 1);
    const { id } = decided(await running.loop.engine.ask(askFor(dora)));
    const code = trackingCode(id, 0);
    const report = { key: dora, trackingCode: code, at: Date.now() as Instant, why: "deadline" as const };
    const notes = async () => {
      await appendReport(late, home(dora), report);
      await appendDelivered(late, home(dora), dora, code);
      await late.appendKnown(home(dora), { customer: dora }, encodeTimer(dora, 0 as Instant));
    };
    const before = await count();
    await notes();
    expect(await count()).toBe(before + 3);
    await client.hset(`nba:{${home(dora)}}:checkpoint`, { dispatched: String(Number.MAX_SAFE_INTEGER) });
    await until(async () => (await running.loop.engine.erase(dora)) === "erased", 10_000);
    const after = await count();
    await notes();
    expect(await count()).toBe(after);
    expect(await running.loop.engine.erase(dora)).toBe("erased");
  } finally {
    await running.stop();
  }
}, 30_000);

it("ERA-3 what is noted of somebody erased all the same goes when it is asked for again", async () => {
  const running = await startLoop(redis.url);
  const elsa = customerIn(1, "elsa-");
  const isErased = async () => (await running.loop.engine.erase(customerKey(elsa))) === "erased";
  const names = async () => (await client.xrange(`nba:{${home(elsa)}}:events`, "-", "+")).flat(2).join().includes(elsa);
  try {
    await running.loop.engine.append([event("e-2", "page_view", elsa)]);
    await until(async () => (await lookAt(running, elsa)).features["views_1h"] === 1);
    await client.hset(`nba:{${home(elsa)}}:checkpoint`, { dispatched: String(Number.MAX_SAFE_INTEGER) });
    await until(isErased, 10_000);
    expect(await names()).toBe(false);
    // As an engine of an earlier version does, which looks at nothing when it notes.
    const note = encodeDelivered(customerKey(elsa), "AALQH3sP4438zuRJqctgMA.0" as TrackingCode);
    await journalOf("stood-still", 1_000).append(home(elsa), note);
    expect(await names()).toBe(true);
    expect(await isErased()).toBe(false);
    await until(isErased, 10_000);
    expect(await names()).toBe(false);
  } finally {
    await running.stop();
  }
}, 30_000);

it("ERA-5 is done by itself though who carried it out is cut off when its checkpoint was stored", async () => {
  const proxy = await startCuttingProxy(join(redis.dir, "cutting.sock"), redis.socket);
  const running = await startLoop(proxy.url);
  const cara = customerIn(1, "cara-");
  try {
    await running.loop.engine.append([event("c-1", "page_view", cara)]);
    await until(async () => (await lookAt(running, cara)).features["views_1h"] === 1);
    await client.hset(`nba:{${home(cara)}}:checkpoint`, { dispatched: String(Number.MAX_SAFE_INTEGER) });
    const others = await statesOf();
    proxy.armText("rewritten ");
    await running.loop.engine.erase(customerKey(cara));
    await until(async () => (await statesOf()).length > others.length);
    await until(async () => (await statesOf()).every(([, state]) => state === "done"), 10_000);
    expect(proxy.disarm()).toBe(true);
    expect(await running.loop.engine.erase(customerKey(cara))).toBe("erased");
  } finally {
    await running.stop();
    proxy.stop();
  }
}, 30_000);

it("ERA-5 is done soon after another engine has written the shared streams anew, which held it up", async () => {
  const running = await startLoop(redis.url);
  const fay = customerKey(customerIn(1, "fay-"));
  const stateOf = async () => {
    const erasures = createErasures(connection, Date.now);
    const erasure = await erasures.idOf(fay);
    return (await erasures.all()).find((one) => one.erasure === erasure)?.state;
  };
  try {
    await running.loop.engine.append([event("f-1", "page_view", fay)]);
    await until(async () => (await lookAt(running, fay)).features["views_1h"] === 1);
    await client.hset(`nba:{${home(fay)}}:checkpoint`, { dispatched: String(Number.MAX_SAFE_INTEGER) });
    await running.loop.engine.erase(fay);
    // Just then another one begins, as it does where it has erased somebody as well.
    await until(async () => (await stateOf()) === "passed");
    expect(await client.set("nba:erasing", "another", "PX", 60_000, "NX")).toBe("OK");
    await until(async () => (await stateOf()) === "rewritten");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await stateOf()).toBe("rewritten");
    await client.del("nba:erasing");
    await until(async () => (await stateOf()) === "done", 5_000);
  } finally {
    await client.del("nba:erasing");
    await running.stop();
  }
}, 30_000);

it("ERA-5 nor while what was accepted since is not folded yet, or another erasure of the same key", async () => {
  const journal = journalOf("nobody", 1_000);
  const session = { connection, journal, context: { partitions: PARTITIONS } };
  const again = () => erase(session, customerKey(ana), Date.now, async () => false);
  expect(await again()).toBe("erased");
  const erasures = createErasures(connection, Date.now);
  const append = (fields: readonly (string | Buffer)[]) => journal.append(home(ana), fields);

  await append(encodeErase(customerKey(ana), await erasures.idOf(customerKey(ana))));
  expect(await again()).toBe("under-way");
  const length = await client.xlen(`nba:{${home(ana)}}:events`);
  await append(encodeEvent(event("bystander", "page_view", customerIn(1, "bea-"))));
  expect(await again()).toBe("under-way");
  expect(await client.xlen(`nba:{${home(ana)}}:events`)).toBe(length + 1); // the one in the log is enough

  await append(encodeEvent(event("a-9", "page_view", ana)));
  expect(await again()).toBe("under-way");
  expect(await client.xlen(`nba:{${home(ana)}}:events`)).toBe(length + 3); // and one more, behind the event
});
