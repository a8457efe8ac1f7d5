// S1 S2 S4 with several engines on one Redis: they share the partitions evenly, take over what a dead one had and get at once
// what a stopping one gives back.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { type CuttingProxy, startCuttingProxy } from "./cutting-proxy.ts";
import { askFor, connect, customerIn, decided, event, journalledOf, lookAt, PARTITIONS, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let proxy: CuttingProxy;
let running: RunningLoop[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  proxy = await startCuttingProxy(`${redis.dir}/proxy.sock`, redis.socket);
});
afterAll(async () => {
  client.disconnect();
  proxy.stop();
  await redis.stop();
});
beforeEach(() => client.flushall());
afterEach(async () => {
  for (const one of running.splice(0)) await one.stop();
});

async function engine(changes: Parameters<typeof startLoop>[1] = {}): Promise<RunningLoop> {
  const started = await startLoop(redis.url, { leaseMs: 3_000, ...changes });
  running.push(started);
  return started;
}

async function stop(one: RunningLoop): Promise<void> {
  running = running.filter((each) => each !== one);
  await one.stop();
}

const INDEXES = Array.from({ length: PARTITIONS }, (_, index) => index as PartitionIndex);

function held({ loop }: RunningLoop): readonly number[] {
  return INDEXES.filter((index) => loop.engine.ownership(index).kind === "here");
}

/** Every partition is open at exactly one of these, and so many at each, whoever has more. */
async function untilShared(engines: readonly RunningLoop[], shares: readonly number[]): Promise<void> {
  await until(() => {
    const all = engines.flatMap(held);
    const counts = engines.map((one) => held(one).length).sort((a, b) => b - a);
    return new Set(all).size === PARTITIONS && all.length === PARTITIONS && String(counts) === String(shares);
  }, 30_000);
}

it("engines that join share the partitions evenly, and each decides for its own only", async () => {
  const first = await engine();
  expect(held(first)).toEqual([0, 1, 2, 3]);
  const second = await engine();
  await untilShared([first, second], [2, 2]);
  const third = await engine();
  await untilShared([first, second, third], [2, 1, 1]);
  for (const one of [first, second, third]) {
    for (const index of INDEXES) {
      const answer = await one.loop.engine.ask(askFor(customerIn(index, "c-")));
      expect(answer.kind).toBe(held(one).includes(index) ? "decided" : "unavailable");
    }
  }
  await until(() => first.loop.engine.ownership(held(third)[0] as PartitionIndex).kind === "there");
});

it("a clean stop gives everything back at once, and what was learned of a customer is there", async () => {
  const first = await engine({ leaseMs: 60_000 });
  const second = await engine({ leaseMs: 60_000 });
  await untilShared([first, second], [2, 2]);
  const index = held(first)[0] as PartitionIndex;
  const customer = customerIn(index, "c-");
  await first.loop.engine.append([event("p-1", "purchase", customer, { amount: 20 })]);
  const record = decided(await first.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1" })));
  const from = performance.now();
  await stop(first);
  await untilShared([second], [4]);
  console.info(`a clean stop was taken over in ${((performance.now() - from) / 1000).toFixed(2)} s`);
  expect((await lookAt(second, customer)).features["purchases_24h"]).toBe(1);
  expect(decided(await second.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1" }))).id).toBe(record.id);
  expect(await journalledOf(client, customer)).toHaveLength(1);
});
