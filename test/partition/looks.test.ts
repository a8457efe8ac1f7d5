import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import { createServedQueue } from "../../engine/partition/served-queue.ts";
import type { Session } from "../../engine/partition/session.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, decided, lookAt } from "./harness.ts";

const TWO = { waitingMax: 2, what: "looks", wake: () => undefined };
let redis: TestRedis;
let running: RunningLoop;
let session: Session;

beforeAll(async () => {
  redis = await startTestRedis();
  running = await startLoop(redis.url, {
    onSession: (opened) => {
      session = opened;
      return async () => undefined;
    },
  });
});
afterAll(async () => {
  await running.stop();
  await redis.stop();
});

it("refuses a look at once where too many have no answer, and takes the next when one has", async () => {
  const queue = createServedQueue<object, undefined>({ ...TWO, withinMs: 60_000 });
  const look = () => queue.add({ partition: 0 as PartitionIndex, key: customerKey("ana") });
  const first = look();
  const second = look();
  await expect(look()).rejects.toMatchObject({ name: "Overloaded" });
  const [taken] = queue.take(1);
  expect(queue.length()).toBe(1);
  await expect(look()).rejects.toMatchObject({ name: "Overloaded" });
  taken?.resolve(undefined);
  await first;
  const third = look();
  for (const waiting of queue.take(2)) waiting.resolve(undefined);
  await expect(Promise.all([second, third])).resolves.toEqual([undefined, undefined]);
});

it("refuses a look that is not told in time, taken or not, and all that are left when the session ends", async () => {
  const queue = createServedQueue<{ n: number }, undefined>({ ...TWO, withinMs: 20 });
  const looks = [queue.add({ n: 1 }), queue.add({ n: 2 })];
  queue.take(1);
  for (const look of looks) await expect(look).rejects.toMatchObject({ name: "Unavailable" });
  expect(queue.length()).toBe(0);
  const patient = createServedQueue<{ n: number }, undefined>({ ...TWO, withinMs: 60_000 });
  const left = patient.add({ n: 3 });
  patient.refuse("the session is over");
  await expect(left).rejects.toMatchObject({ name: "Unavailable", message: "the session is over" });
  expect(patient.length()).toBe(0);
});

it("decides while the decisions of a look are still being read", async () => {
  const shown = decided(await running.loop.engine.ask(askFor("ana")));
  const { findDecision } = session.journal;
  let goOn = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  Object.assign(session.journal, {
    findDecision: async (...given: Parameters<typeof findDecision>) => {
      await gate;
      return await findDecision(...given);
    },
  });
  try {
    const looking = lookAt(running, "ana");
    for (let n = 0; n < 3; n++) decided(await running.loop.engine.ask(askFor(`ben-${n}`, { deadlineMs: 500 })));
    const later = decided(
      await running.loop.engine.ask(askFor("ana", { channel: "contact-centre", placements: [{ name: "agent-desk" }] })),
    );
    goOn();
    const look = await looking;
    expect(look.active.map(({ id }) => id)).toEqual([shown.id]);
    expect(look.contacts.some(({ decision }) => decision === later.id)).toBe(false);
  } finally {
    goOn();
    Object.assign(session.journal, { findDecision });
  }
});

it("scores the looks of a step together, at most 32 of them", async () => {
  decided(await running.loop.engine.ask(askFor("cleo")));
  const scorers = new Set(session.partitions.map(({ active }) => active.scorer));
  let calls = 0;
  for (const scorer of scorers) {
    const { scoreAll } = scorer;
    Object.assign(scorer, {
      scoreAll: (...given: Parameters<typeof scoreAll>) => {
        calls++;
        return scoreAll(...given);
      },
    });
  }
  const looks = await Promise.all(Array.from({ length: 128 }, () => lookAt(running, "cleo")));
  expect(looks.every(({ active }) => active.length === 1)).toBe(true);
  expect(calls).toBeGreaterThanOrEqual(4);
  expect(calls).toBeLessThanOrEqual(8);
});
