import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDispatch, type DispatchDeps } from "../../engine/deliver/dispatch.ts";
import { DISPATCHED_FIELD, STREAMS_FIELD } from "../../engine/deliver/dispatch-fields.ts";
import { dispatchCommit } from "../../engine/deliver/dispatch-items.ts";
import { createRedisLane } from "../../engine/deliver/redis-lane.ts";
import { createPoster } from "../../engine/deliver/webhook-post.ts";
import { customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { Committed } from "../../engine/engine.ts";
import { connectRedis, text } from "../../engine/journal/redis.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";
import { commit } from "./records.ts";

let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  outside = await startOutside(redis.url);
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

async function ask(...args: readonly string[]) {
  return await (await outside.lane.connection()).command(args);
}

/** Messages of `nba:channel:push` in order. */
async function messages(): Promise<readonly { trackingCode: string; customer: string; decidedAt: number }[]> {
  const entries = (await ask("XRANGE", "nba:channel:push", "-", "+")) as readonly (readonly [
    Buffer,
    readonly Buffer[],
  ])[];
  return entries.map(([, fields]) => JSON.parse(text(fields[1])));
}

let events = 0;
async function purchase(...customers: readonly string[]): Promise<void> {
  const purchases = customers.map((customer) => ({
    id: `p-${events++}`,
    type: "purchase",
    key: customerKey(customer),
    ts: Date.now() as Instant,
    source: "http",
    props: { amount: 500 },
  }));
  // As a producer does: what was not taken is sent again, and its id makes that harmless.
  for (let waiting = purchases; waiting.length > 0; ) {
    const appended = await outside.running.loop.engine.append(waiting);
    waiting = waiting.filter((_, index) => appended[index]?.kind !== "appended");
    if (waiting.length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const pushContacts = async (customer: string) =>
  ((await outside.running.loop.engine.look(customerKey(customer)))?.contacts ?? []).filter(({ inbound }) => !inbound);

describe("dispatch on the real loop", () => {
  it("a trigger's item reaches the stream of its channel, and its contact is confirmed as delivered", async () => {
    await purchase("ana");
    await expect.poll(async () => (await messages()).length).toBe(1);
    const [message] = await messages();
    expect(message).toMatchObject({ customer: "ana", channel: "push", content: { title: "Save with A" } });
    await expect.poll(async () => (await pushContacts("ana")).map(({ state }) => state)).toEqual(["confirmed"]);
    expect((await pushContacts("ana"))[0]?.trackingCode).toBe(message?.trackingCode);
    expect(outside.counts["push:delivered"]).toBe(1);
  });

  it("an asked decision goes to who asked, and to no stream", async () => {
    const before = (await messages()).length;
    const body = JSON.stringify({
      customer: "ida",
      channel: "app",
      placements: [{ name: "app-home" }],
      deadlineMs: 1_000,
    });
    const headers = { "content-type": "application/json" };
    expect((await fetch(`${outside.url}/v1/decisions`, { method: "POST", headers, body })).status).toBe(200);
    await expect.poll(() => outside.dispatch.pending()).toBe(0);
    expect(await messages()).toHaveLength(before);
  });

  it("across stops and cut connections every item is in the stream exactly once", async () => {
    const customers = Array.from({ length: 60 }, (_, index) => `many-${index}`);
    for (let turn = 0; turn < 6; turn++) {
      await purchase(...customers.slice(turn * 10, turn * 10 + 10));
      if (turn % 2 === 0) await ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes").catch(() => undefined);
      else {
        await outside.stop();
        outside = await startOutside(redis.url);
      }
      await expect.poll(() => outside.running.loop.engine.ready().ok, { timeout: 10_000 }).toBe(true);
    }
    await expect
      .poll(async () => new Set((await messages()).map(({ customer }) => customer)).size, { timeout: 15_000 })
      .toBeGreaterThanOrEqual(60);
    const codes = (await messages()).map(({ trackingCode }) => trackingCode);
    expect(new Set(codes).size).toBe(codes.length);
    for (const customer of customers)
      await expect.poll(async () => (await pushContacts(customer)).map(({ state }) => state)).toEqual(["confirmed"]);
  });
});

/** Dispatch of partition 77, whose commits the test tells and keeps itself. */
function create77(changes: Pick<DispatchDeps, "journalFrom"> & Partial<DispatchDeps>) {
  return createDispatch({
    redis: createRedisLane(() => connectRedis({ url: redis.url, silenceMs: 2_000 })),
    rulebook: outside.running.loop.engine.rulebook,
    delivered: async () => undefined,
    notDelivered: async () => expect.unreachable(),
    sendable: async () => expect.unreachable(),
    now: () => 1_000 as Instant,
    note: async (partition, fields) => {
      await ask("HSET", `nba:{${partition}}:checkpoint`, ...Object.entries(fields).flat());
    },
    poster: createPoster(),
    secret: () => undefined,
    random: () => 0.5,
    metrics: { onDelivery: () => undefined },
    log: { warn: () => undefined, error: () => undefined },
    streamEntriesMax: 1_000_000,
    ...changes,
  });
}

describe("dispatch from the journal", () => {
  it("catches up on what it was not told, in order, and notes how far it is", async () => {
    const partition = 77 as PartitionIndex;
    const history = Array.from({ length: 700 }, (_, index) => {
      const offers = [{ customer: `h-${index % 7}`, channel: "push", items: index % 3 }];
      return { ...commit(index + 1, offers), partition };
    });
    const known: Committed[] = history.slice(0, 400);
    const delivered: string[] = [];
    const create = () =>
      create77({
        journalFrom: async (_, after, countMax) => known.slice(after, after + countMax),
        delivered: async (_, code) => void delivered.push(code),
      });
    const mine = async () => (await messages()).filter(({ customer }) => customer.startsWith("h-"));
    const expected = (commits: readonly Committed[]) =>
      commits.flatMap((each) =>
        dispatchCommit(each, outside.running.loop.engine.rulebook()).items.map((item) => item.trackingCode),
      );
    const first = create();
    await first.take(partition);
    for (const committed of history.slice(380, 400)) first.onCommitted(committed);
    await expect.poll(async () => (await mine()).map(({ trackingCode }) => trackingCode)).toEqual(expected(known));
    await first.stop(2_000);
    expect(text(await ask("HGET", "nba:{77}:checkpoint", DISPATCHED_FIELD))).toBe("400");
    // The position is lost, as it may be after a kill: everything is offered again, and nothing is doubled.
    await ask("HSET", "nba:{77}:checkpoint", DISPATCHED_FIELD, "120", STREAMS_FIELD, "120");
    known.push(...history.slice(400, 650));
    const second = create();
    await second.take(partition);
    known.push(...history.slice(650));
    for (const committed of history.slice(690)) second.onCommitted(committed);
    await expect.poll(async () => (await mine()).map(({ trackingCode }) => trackingCode)).toEqual(expected(history));
    await second.stop(2_000);
    expect(new Set(delivered)).toEqual(new Set(expected(history)));
  });

  it("notes how far it is a moment later, not after each commit", async () => {
    const partition = 77 as PartitionIndex;
    await ask("DEL", "nba:{77}:checkpoint");
    const notes: Readonly<Record<string, string>>[] = [];
    const dispatch = create77({
      journalFrom: async () => [],
      note: async (_, fields) => void notes.push(fields),
    });
    await dispatch.take(partition);
    await expect.poll(() => dispatch.pending()).toBe(0);
    for (let seq = 1; seq <= 200; seq++) {
      dispatch.onCommitted({ ...commit(seq, []), partition });
      await new Promise((resolve) => setImmediate(resolve));
    }
    await expect
      .poll(() => notes, { timeout: 10_000 })
      .toContainEqual({
        [DISPATCHED_FIELD]: "200",
        [STREAMS_FIELD]: "200",
      });
    expect(notes.length).toBeLessThan(10);
    await dispatch.stop(2_000);
  });
});
