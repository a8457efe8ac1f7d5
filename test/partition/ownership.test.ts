// S1 S2 S4 with several engines on one Redis: they share the partitions evenly, take over what a dead one had and get at once
// what a stopping one gives back.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, decided, event, journalledOf, lookAt, PARTITIONS, until } from "./harness.ts";
import { startHoldingProxy } from "./holding-proxy.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
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

it("S2 S4: an engine that is cut off and never heard of again is taken over, with all that it had committed", async () => {
  const proxy = await startHoldingProxy(`${redis.dir}/cut-off.sock`, redis.socket);
  const lost = await startLoop(proxy.url, { leaseMs: 1_000 });
  const heir = await engine({ leaseMs: 1_000 });
  try {
    await untilShared([lost, heir], [2, 2]);
    const customers = INDEXES.map((index) => customerIn(index, "c-"));
    for (const [at, customer] of customers.entries()) {
      const owner = held(lost).includes(at) ? lost : heir;
      await owner.loop.engine.append([event("p-1", "purchase", customer, { amount: 20 })]);
      decided(await owner.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1" })));
    }
    const from = performance.now();
    proxy.stop();
    await until(() => held(heir).length === PARTITIONS, 20_000);
    console.info(`cut off (lease 1000 ms): taken over in ${((performance.now() - from) / 1_000).toFixed(2)} s`);
    for (const customer of customers) {
      expect((await lookAt(heir, customer)).features["purchases_24h"]).toBe(1);
      const [record, ...others] = await journalledOf(client, customer);
      expect(others).toEqual([]);
      expect(decided(await heir.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1" }))).id).toBe(record?.id);
    }
    expect(held(lost)).toEqual([]);
  } finally {
    proxy.stop();
    await lost.stop();
  }
});

/** What the late commit would have written to. The rest is the new owner's to store, who gives half of it back as the other joins again. */
async function booksOf(index: number) {
  const [decisions, events, journal] = await Promise.all([
    client.hgetall(`nba:{${index}}:decisions`),
    client.xrange(`nba:{${index}}:events`, "-", "+"),
    client.xrangeBuffer(`nba:{${index}}:journal`, "-", "+"),
  ]);
  return {
    decisions,
    events,
    journal: journal.map(([id, fields]) => [String(id), (fields[1] as Buffer).toString("hex")]),
  };
}

for (const from of ["before", "after"] as const) {
  const what =
    from === "before" ? "the late bytes of a commit change nothing" : "a commit whose answer comes late stands once";
  it(`S4: after a take-over ${what}`, async () => {
    const proxy = await startHoldingProxy(`${redis.dir}/late-${from}.sock`, redis.socket);
    const late = await startLoop(proxy.url, { leaseMs: 600, silenceMs: 60_000 });
    const customer = customerIn(0, "c-");
    decided(await late.loop.engine.ask(askFor(customer, { idempotencyKey: "k-0" })));
    try {
      // The decision that is on its way: its commit, and all that this engine would say or hear after it, is held.
      proxy.hold("nba:{0}:journal", from);
      const asked = late.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1", deadlineMs: 20_000 }));
      await until(proxy.isHolding);
      const heir = await engine({ leaseMs: 600 });
      await until(() => held(heir).length === PARTITIONS, 20_000);
      const answer = decided(await heir.loop.engine.ask(askFor(customer, { idempotencyKey: "k-1" })));
      await heir.loop.engine.append([event("p-1", "purchase", customer, { amount: 500 })]);
      await until(async () => (await journalledOf(client, customer)).length === 3);
      await until(async () => (await lookAt(heir, customer)).features["purchases_24h"] === 1);
      const before = await booksOf(0);
      proxy.release();
      const told = await asked;
      if (told.kind === "decided") expect(told.record.id).toBe(answer.id);
      else expect(told.kind).toBe("unavailable");
      const after = await booksOf(0);
      expect({ ...after, journal: after.journal.slice(0, before.journal.length) }).toEqual(before);
      const ids = (await journalledOf(client, customer)).map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      // What it held is another's: it has noticed, and joins again with its share.
      await untilShared([late, heir], [2, 2]);
    } finally {
      await late.stop();
      proxy.stop();
    }
  });
}
