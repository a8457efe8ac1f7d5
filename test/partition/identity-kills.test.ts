// A join that is cut off at every single thing that the loop sends, before Redis has it and after, ends as one that is not.
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type CustomerKey, trackingCode } from "../../engine/domain/ids.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import {
  askFor,
  connect,
  customerIn,
  decided,
  event,
  home,
  journalOf,
  outcomeOf,
  PARTITIONS,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let proxy: CuttingProxy;
let running: RunningLoop;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  proxy = await startCuttingProxy(join(redis.dir, "proxy.sock"), redis.socket);
});
afterEach(() => running.stop());
afterAll(async () => {
  proxy.stop();
  client.disconnect();
  await redis.stop();
});

/** Things sent between two cuts that are tried. */
const EVERY = process.env["NBA_LONG"] === "1" ? 1 : 3;

interface Pair {
  readonly customer: string;
  readonly anonymous: string;
  readonly codes: readonly string[];
  readonly acts: readonly ReturnType<typeof event>[];
}

async function put(one: ReturnType<typeof event>): Promise<void> {
  await client.xadd(`nba:{${home(one.key)}}:events`, "*", ...encodeEvent(one));
}

async function glance(who: string) {
  try {
    return await running.loop.engine.look(who as CustomerKey);
  } catch {
    return undefined; // between two sessions
  }
}

/** A device with purchases, an NBA and a push becomes a customer with the same, and both go on meanwhile. */
async function prepare(number: number, own: number, theirs: number): Promise<Pair> {
  const customer = customerIn(own, `c-${number}-`);
  const anonymous = customerIn(theirs, `anon:a-${number}-`);
  const purchase = (who: string, n: number, amount: number) => event(`p-${number}-${n}`, "purchase", who, { amount });
  await put(purchase(anonymous, 1, 150));
  await put(purchase(customer, 2, 20));
  const known = async (who: string) => (await glance(who))?.features["purchases_24h"] === 1;
  await until(async () => (await known(customer)) && (await known(anonymous)));
  const shown = decided(await running.loop.engine.ask(askFor(anonymous)));
  await until(async () => (await glance(anonymous))?.contacts.length === 2);
  const identify = { ...event(`i-${number}`, "identify", customer), anonymousId: anonymous.slice("anon:".length) };
  const code = trackingCode(shown.id, 0);
  const acts = [
    identify,
    purchase(anonymous, 3, 160),
    purchase(customer, 4, 170),
    outcomeOf(anonymous, code, "accepted"),
    purchase(anonymous, 1, 150),
    purchase(customer, 5, 180),
  ];
  return {
    customer,
    anonymous,
    codes: [code],
    acts,
  };
}

async function isThrough({ customer, anonymous, codes }: Pair): Promise<boolean> {
  const look = await glance(customer);
  const outcome = look?.contacts.find((contact) => contact.trackingCode === codes[0])?.outcome;
  const isWhole = look?.features["purchases_24h"] === 5 && outcome === "accepted";
  return isWhole && (await glance(anonymous))?.joinedTo === customer;
}

async function decidedFor(key: string) {
  const commits = (await Promise.all(Array.from({ length: PARTITIONS }, (_, p) => journalOf(client, p)))).flat();
  return commits.flatMap(({ decisions }) => decisions).filter((record) => record.key === key);
}

async function triggersOf(pair: Pair) {
  const all = [...(await decidedFor(pair.customer)), ...(await decidedFor(pair.anonymous))];
  return all.filter(({ trigger }) => trigger !== undefined);
}

async function expectOnce(pair: Pair): Promise<void> {
  await until(async () => (await triggersOf(pair)).length >= 4);
  const all = await triggersOf(pair);
  const events = all.map(({ trigger }) => trigger?.event).sort();
  expect(new Set(events).size, `${events}: each trigger decided once`).toBe(events.length);
  expect(events).toHaveLength(4);
  const pushes = all.flatMap(({ contacts }) => contacts.filter(({ inbound }) => !inbound));
  expect(pushes, "S3: two pushes a day for the person").toHaveLength(2);
}

/** What must not depend on when it was cut, nor on what was folded again. */
async function picture({ customer, anonymous }: Pair) {
  const own = await glance(customer);
  const theirs = await glance(anonymous);
  return {
    features: own?.features,
    contacts: own?.contacts,
    joined: [theirs?.joinedTo, theirs?.features, theirs?.contacts],
  };
}

describe("S1 S2 S3 S5: a join that is cut off", () => {
  for (const [where, own, theirs] of [
    ["within one partition", 1, 1],
    ["across partitions", 1, 2],
  ] as const) {
    it(`IDN-8 ${where}, at each step, loses and doubles nothing`, { timeout: 600_000 }, async () => {
      await client.flushall();
      running = await startLoop(proxy.url, { recoveryEntriesMax: 24, profilesPerCommitMax: 2, profilesMax: 8 });
      const pairs: Pair[] = [];
      // At the 1st, 4th ... thing sent, until the join is through before its turn comes.
      for (let at = 1, isCut = true; isCut; at += EVERY) {
        isCut = false;
        for (const letsThrough of [true, false]) {
          const pair = await prepare(pairs.length, own, theirs);
          pairs.push(pair);
          proxy.arm(at, letsThrough);
          for (const act of pair.acts) await put(act);
          await until(() => isThrough(pair), 20_000);
          isCut = proxy.disarm() || isCut;
          await until(() => running.loop.engine.ready().ok);
        }
      }
      expect(pairs.length).toBeGreaterThan(2);
      for (const pair of pairs) await expectOnce(pair);
      const before = await Promise.all(pairs.map((pair) => picture(pair)));
      await running.stop();
      // Folded again from the very beginning, the journal giving the decisions: the same.
      for (const key of await client.keys("nba:{*}:profile:*")) await client.del(key);
      for (let index = 0; index < PARTITIONS; index++) await client.hdel(`nba:{${index}}:checkpoint`, "base");
      running = await startLoop(redis.url);
      expect(await Promise.all(pairs.map((pair) => picture(pair)))).toEqual(before);
    });
  }
});
