import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import type { AskAnswer } from "../../engine/engine.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, decided, home, journalledOf, lookAt, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  running = await startLoop(redis.url);
});
afterEach(() => running.stop());

const ask = (...args: Parameters<typeof askFor>): Promise<AskAnswer> => running.loop.engine.ask(askFor(...args));
const settled = <Value>(promise: Promise<Value>): Promise<Value | string> =>
  Promise.race([
    promise.catch((error: unknown) => `rejected: ${(error as Error).name}`),
    new Promise<string>((resolve) => setTimeout(() => resolve("never settled"), 5_000)),
  ]);

describe("Idempotency-Key", () => {
  const once = { idempotencyKey: "k-1", requestHash: "h-1" };

  it("asked many times at once: one decision, one contact, one answer for all", async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask("ana", once)));
    expect(new Set(answers.map((answer) => decided(answer).id)).size).toBe(1);
    expect(await journalledOf(client, "ana")).toHaveLength(1);
    expect((await lookAt(running, "ana")).contacts).toHaveLength(1);
  });

  it("asked again in every state of the first one: still one decision", async () => {
    const answers: Promise<AskAnswer>[] = [];
    for (let n = 0; n < 60; n++) {
      answers.push(ask("ana", once));
      if (n % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(new Set((await Promise.all(answers)).map((answer) => decided(answer).id)).size).toBe(1);
    expect(await journalledOf(client, "ana")).toHaveLength(1);
  });

  it("with another body at the same time, or later: a conflict, and nothing decided for it", async () => {
    const [first, second] = await Promise.all([ask("ana", once), ask("ana", { ...once, requestHash: "h-2" })]);
    expect([first?.kind, second?.kind]).toEqual(["decided", "conflict"]);
    expect((await ask("ana", { ...once, requestHash: "h-2" })).kind).toBe("conflict");
    expect(await journalledOf(client, "ana")).toHaveLength(1);
  });

  it("the same decision after a restart; the same key of another customer is another question", async () => {
    const before = decided(await ask("ana", once));
    await running.stop();
    running = await startLoop(redis.url);
    expect(decided(await ask("ana", once))).toEqual(before);
    expect(decided(await ask("bob", once)).id).not.toBe(before.id);
  });

  it("a late one with a key that was answered by the fallback does not keep the key for ever", async () => {
    await client.call("CLIENT", "PAUSE", "300", "WRITE");
    expect((await ask("ana", { ...once, deadlineMs: 30 })).kind).toBe("fallback");
    const answers = await Promise.all([ask("ana", once), ask("ana", once)]);
    expect(new Set(answers.map((answer) => decided(answer).id)).size).toBe(1);
    expect(await journalledOf(client, "ana")).toHaveLength(1);
  });
});

describe("an ask that cannot be served", () => {
  it("S3: late: the fallback, and what was reserved for it is given back", async () => {
    await client.call("CLIENT", "PAUSE", "300", "WRITE");
    expect(await ask("ana", { deadlineMs: 30 })).toEqual({ kind: "fallback", why: "deadline" });
    await until(async () => (await lookAt(running, "ana")).contacts[0]?.state === "released");
    expect((await lookAt(running, "ana")).contacts).toMatchObject([{ outcome: "not-delivered", live: false }]);
  });

  it("too many: overloaded at once, the others decided", async () => {
    await running.stop();
    running = await startLoop(redis.url, { asksMax: 3 });
    const startedAt = performance.now();
    const kinds = await Promise.all(
      Array.from({ length: 10 }, async (_, n) => {
        const { kind } = await ask(`c-${n}`);
        return { kind, afterMs: performance.now() - startedAt };
      }),
    );
    const overloaded = kinds.filter(({ kind }) => kind === "overloaded");
    expect(overloaded).toHaveLength(7);
    const firstDecided = Math.min(...kinds.filter(({ kind }) => kind === "decided").map(({ afterMs }) => afterMs));
    for (const { afterMs } of overloaded) expect(afterMs).toBeLessThan(firstDecided);
  });

  it.each([
    [{ channel: "fax" }, "/channel", 'no channel "fax"'],
    [{ placements: [{ name: "cellar" }] }, "/placements/0/name", 'no placement "cellar"'],
    [{ placements: [{ name: "agent-desk" }] }, "/placements/0/name", 'not on channel "app"'],
    [{ placements: [{ name: "app-home" }, { name: "app-home" }] }, "/placements/1/name", "asked for twice"],
  ])("refused: %j", async (changes, pointer, why) => {
    expect(await ask("ana", changes)).toMatchObject({ kind: "refused", pointer, why: expect.stringContaining(why) });
    expect(await journalledOf(client, "ana")).toEqual([]);
  });

  it("never rejects: unavailable while there is no session, with an Idempotency-Key, too", async () => {
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const answers = [ask("ana", { idempotencyKey: "k" }), ask("bob"), ask("cleo", { idempotencyKey: "k" })];
    for (const answer of answers) {
      const kind = await answer.then(
        ({ kind }) => kind,
        (error: unknown) => `rejected: ${error}`,
      );
      expect(["unavailable", "decided", "fallback"]).toContain(kind);
    }
  });
});

describe("a commit that is refused", () => {
  const fence = (partition: number) => client.hset(`nba:{${partition}}:lease`, "token", "another's");

  it("S3: takes nothing back from an ask of another partition that was answered in the same step", async () => {
    const [lucky, unlucky] = [customerIn(0, "lucky-"), customerIn(1, "unlucky-")];
    await fence(1);
    const [first, second] = await Promise.all([ask(lucky), ask(unlucky)]);
    const { contacts } = decided(first as AskAnswer);
    expect(second?.kind).toBe("unavailable");
    let again: AskAnswer | undefined;
    await until(async () => {
      again = await ask(unlucky);
      return again.kind === "decided";
    });
    const entries = await client.xrange(`nba:{${home(lucky)}}:events`, "-", "+");
    expect(entries).toEqual([]);
    expect((await lookAt(running, lucky)).contacts).toEqual(contacts);
    expect(decided(again as AskAnswer).kind).toBe("act");
  });

  it("tells everybody: asks are answered before their deadline, looks settle", async () => {
    const customer = customerIn(1, "c-");
    decided(await ask(customer));
    await fence(1);
    const both = await Promise.all([
      settled(ask(customer, { channel: "contact-centre", placements: [{ name: "agent-desk" }], deadlineMs: 20_000 })),
      settled(running.loop.engine.look(customerKey(customer))),
    ]);
    expect(both).not.toContain("never settled");
  });
});

it("a look at a customer in the middle of a decision shows what its cursor promises", async () => {
  const customer = "ana";
  const [answer, ...looks] = await Promise.all([
    ask(customer),
    ...Array.from({ length: 5 }, () => running.loop.engine.look(customerKey(customer))),
  ]);
  const { id } = decided(answer);
  for (const look of looks) {
    if (look === undefined) continue;
    expect(look.active.map((record) => record.id)).toEqual(look.contacts.length > 0 ? [id] : []);
  }
  expect(looks.some((look) => look?.contacts.length === 1)).toBe(true);
});
