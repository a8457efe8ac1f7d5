// Bugs are planted in the fold and in the decision: what they hit becomes a dead letter, and everybody else goes on.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { recordOf } from "../../engine/decide/record.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import type { findTriggers } from "../../engine/partition/find-triggers.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, decided, event, journalOf, lookAt, until } from "./harness.ts";

// The fold throws when it has changed the profile already, the decision when it is made already.
vi.mock(import("../../engine/partition/find-triggers.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    findTriggers: (...given: Parameters<typeof findTriggers>) => {
      const [partition, { props }] = given;
      if (bugs.fold && props["bug"] === true) throw new TypeError(`of ana@example.com in ${partition.index}`);
      real.findTriggers(...given);
    },
  };
});
vi.mock(import("../../engine/decide/record.ts"), async (original) => {
  const real = await original();
  return {
    ...real,
    recordOf: (...given: Parameters<typeof recordOf>) => {
      if (given[1].profile.key.startsWith("cursed")) throw new RangeError("of cursed@example.com");
      return real.recordOf(...given);
    },
  };
});
const bugs = vi.hoisted(() => ({ fold: true }));

let redis: TestRedis;
let client: Redis;
let running: RunningLoop | undefined;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  bugs.fold = true;
  await client.flushall();
});

const ana = customerIn(0, "ana-");
const bea = customerIn(0, "bea-");
const letters = async () =>
  (await client.xrange("nba:{0}:dead", "-", "+")).map(([, fields]) => ({
    position: fields[1],
    reason: fields[3],
    detail: fields[5] as string,
    source: fields[7],
    d: fields[9] as string,
  }));
const purchases = async (customer: string) =>
  (await lookAt(running as RunningLoop, customer)).features["purchases_24h"];
const purchase = (id: string, customer: string, props = {}) =>
  event(id, "purchase", customer, { amount: 500, ...props });
const knows = (customer: string, count: number) =>
  until(async () => {
    const look = await running?.loop.engine.look(customerKey(customer)).catch(() => undefined);
    return look?.features["purchases_24h"] === count;
  });

describe("POI poison", () => {
  it("POI-1 an event whose fold fails is left out, whole; the others of its partition are folded", async () => {
    running = await startLoop(redis.url);
    const { engine } = running.loop;
    await engine.append([purchase("p-1", ana), purchase("bad", ana, { bug: true }), purchase("p-2", ana)]);
    await engine.append([purchase("p-3", bea)]);
    await knows(ana, 2);
    await knows(bea, 1);
    const [letter, ...more] = await letters();
    expect(more).toEqual([]);
    expect(letter).toMatchObject({ reason: "poison", source: "http" });
    expect(letter?.detail).toMatch(/^TypeError at [\w/.-]+:\d+$/);
    expect(JSON.parse(letter?.d ?? "")).toMatchObject({ id: "bad", customer: ana, props: { bug: true } });
    await running.stop();
  });

  it("POI-2 folded again, with the bug or without it, the outcome is the same", async () => {
    running = await startLoop(redis.url, { recoveryEntriesMax: 1_000_000, idleMs: 1_000_000 });
    await running.loop.engine.append([purchase("bad", ana, { bug: true }), purchase("p-1", ana)]);
    await knows(ana, 1);
    await until(async () => (await letters()).length === 1);
    const isolated = (await journalOf(client, 0)).flatMap((commit) => commit.isolated ?? []);
    expect(isolated).toEqual([(await letters())[0]?.position]);
    bugs.fold = false;
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(() => !running?.loop.engine.ready().ok);
    await until(() => running?.loop.engine.ready().ok === true);
    await running.loop.engine.append([purchase("p-2", ana)]);
    await knows(ana, 2);
    expect(await letters()).toHaveLength(1);
    await running.stop();
  });

  it("POI-3 many of them cost one recovery", async () => {
    const warned: string[] = [];
    running = await startLoop(redis.url, {
      log: { debug() {}, info() {}, error() {}, warn: (message, facts) => warned.push(`${message} ${facts?.["why"]}`) },
    });
    const many = Array.from({ length: 60 }, (_, n) => purchase(`e-${n}`, ana, n % 2 === 0 ? { bug: true } : {}));
    await running.loop.engine.append(many);
    await knows(ana, 30);
    await until(async () => (await letters()).length === 30);
    expect(warned.filter((line) => line.includes("cannot be folded"))).toHaveLength(1);
    await running.stop();
  });

  it("POI-4 a customer whose decision fails gets the fallback, a trigger a letter; others are decided", async () => {
    running = await startLoop(redis.url);
    const cursed = customerIn(0, "cursed-");
    const [answer, other] = await Promise.all([
      running.loop.engine.ask(askFor(cursed)),
      running.loop.engine.ask(askFor(bea)),
    ]);
    expect(answer).toEqual({ kind: "fallback", why: "failed" });
    decided(other);
    await running.loop.engine.append([purchase("p-1", cursed), purchase("p-2", ana)]);
    await until(async () => (await letters()).length === 2);
    await knows(ana, 1);
    await knows(cursed, 1);
    expect((await letters()).map(({ reason, detail }) => `${reason} ${detail.replace(/ at .*/, "")}`)).toEqual([
      "poison an ask could not be decided: RangeError",
      'poison what trigger "big-purchase" asked for could not be decided: RangeError',
    ]);
    await running.stop();
  });

  it("POI-5 whose stored profile cannot be read is left alone, and goes on when it is mended", async () => {
    running = await startLoop(redis.url);
    await running.loop.engine.append([purchase("p-1", ana), purchase("p-2", bea)]);
    await knows(ana, 1);
    await running.stop();
    const key = `nba:{0}:profile:${ana}`;
    const whole = (await client.getBuffer(key)) as Buffer;
    const broken = Buffer.from(whole);
    broken[broken.length - 1] = (broken.at(-1) as number) ^ 0xff;
    await client.set(key, broken);
    running = await startLoop(redis.url);
    await running.loop.engine.append([purchase("p-3", ana), purchase("p-4", bea)]);
    await knows(bea, 2);
    expect(await running.loop.engine.ask(askFor(ana))).toEqual({ kind: "fallback", why: "failed" });
    await expect(purchases(ana)).rejects.toThrow(/a stored profile of partition 0 cannot be read/);
    expect(await letters()).toMatchObject([{ reason: "damaged-profile" }]);
    await running.stop();
    expect(await client.getBuffer(key)).toEqual(broken);
    await client.set(key, whole);
    running = await startLoop(redis.url);
    await running.loop.engine.append([purchase("p-5", ana)]);
    await knows(ana, 2);
    await running.stop();
  });
});
