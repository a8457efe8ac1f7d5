// One person behind an anonymous key and a customer's: what each did counts for both, once, wherever their partitions are.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CustomerEvent, Props } from "../../engine/domain/event.ts";
import { type CustomerKey, trackingCode } from "../../engine/domain/ids.ts";
import type { CustomerLook } from "../../engine/engine.ts";
import { encodeSeal } from "../../engine/ingest/join-entry.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import {
  askFor,
  connect,
  customerIn,
  decided,
  editableRules,
  event,
  home,
  journalledOf,
  journalOf,
  lookAt,
  outcomeOf,
  until,
} from "./harness.ts";

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
beforeEach(() => client.flushall());

const put = (one: CustomerEvent) => client.xadd(`nba:{${home(one.key)}}:events`, "*", ...encodeEvent(one));

function identify(id: string, customer: string, anonymous: string): CustomerEvent {
  return { ...event(id, "identify", customer), anonymousId: anonymous.slice("anon:".length) };
}

const PATTERNS = `triggers:
  - { id: stuck, sequence: { steps: [ { on: [form_opened] }, { on: [form_error] } ], within: 10m }, placement: outreach }
  - { id: looked, count: { of: { on: [viewed] }, times: 2, within: 1h }, placement: outreach }
`;

let number = 0;
const purchase = (who: string, amount: number, props: Props = {}) =>
  event(`p-${number++}`, "purchase", who, { amount, ...props });

async function joined(customer: string, anonymous: string): Promise<CustomerLook> {
  await until(async () => (await running.loop.engine.look(anonymous as CustomerKey))?.joinedTo === customer);
  await until(async () => (await running.loop.engine.ask(askFor(customer))).kind === "decided");
  return await lookAt(running, customer);
}

async function purchases(who: string, count: number): Promise<void> {
  await until(async () => (await running.loop.engine.look(who as CustomerKey))?.features["purchases_24h"] === count);
}

async function withLoop(work: () => Promise<void>): Promise<void> {
  running = await startLoop(redis.url);
  try {
    await work();
  } finally {
    await running.stop();
  }
}

for (const [where, own, theirs] of [
  ["the same partition", 1, 1],
  ["different partitions", 1, 3],
] as const) {
  describe(`joined, in ${where}`, () => {
    const C = customerIn(own, "c-");
    const D = customerIn(2, "d-");
    const A = customerIn(theirs, "anon:a-");

    it("IDN-1 windows, sums, attributes and contacts are those of one person", () =>
      withLoop(async () => {
        for (const amount of [10, 20, 30]) await put(purchase(A, amount));
        await put(event("u", "profile_update", A, { tier: "gold" }));
        await put(purchase(C, 5));
        await purchases(A, 3);
        const before = decided(await running.loop.engine.ask(askFor(A)));
        await put(identify("i-1", C, A));
        const look = await joined(C, A);
        expect(look.features).toMatchObject({ purchases_24h: 4, spend_all: 65 });
        expect(look.attributes).toEqual({ tier: "gold" });
        const code = before.contacts[0]?.trackingCode;
        expect(look.contacts.filter((contact) => contact.trackingCode === code)).toHaveLength(1);
        expect(
          look.active.map(({ id }) => id),
          "pending NBAs are the customer's",
        ).toContain(before.id);
        const anonymous = await lookAt(running, A);
        expect(anonymous).toMatchObject({ joinedTo: C, contacts: [], features: { purchases_24h: 0 }, attributes: {} });
        const withdrawals = (await journalOf(client, theirs)).flatMap((commit) => commit.withdrawals);
        expect(withdrawals).toContainEqual({ key: A, trackingCode: code, because: "joined" });
        // The same code is kept while it is sticky: no second contact for what the device was shown.
        const kept = decided(await running.loop.engine.ask(askFor(C))).slates[0]?.items[0];
        expect(kept).toMatchObject({ trackingCode: code, kept: true });
      }));

    it("IDN-2 what comes under the anonymous key later is the customer's, once", () =>
      withLoop(async () => {
        const early = purchase(A, 1);
        await put(early);
        await purchases(A, 1);
        const late = purchase(A, 2);
        // One after the other, without a pause: before, while and after they are joined.
        await put(identify("i-1", C, A));
        await put(late);
        await joined(C, A);
        const after = purchase(A, 4);
        await put(after);
        await purchases(C, 3);
        for (const again of [early, late, after, { ...after, key: C as CustomerKey }]) await put(again);
        await put(identify("i-2", C, A));
        await put(purchase(A, 8));
        await purchases(C, 4);
        expect((await lookAt(running, C)).features["spend_all"]).toBe(15);
      }));

    it("IDN-3 an outcome under an old code finds the customer, and is learnt once", () =>
      withLoop(async () => {
        const shown = decided(await running.loop.engine.ask(askFor(A)));
        const code = trackingCode(shown.id, 0);
        await put(identify("i-1", C, A));
        await joined(C, A);
        const key = (await running.loop.engine.customerOf(code)) as CustomerKey;
        expect(key).toBe(A);
        for (const ts of [1, 2]) await put(outcomeOf(key, code, "accepted", Date.now() + ts));
        const outcome = async () =>
          (await lookAt(running, C)).contacts.find((contact) => contact.trackingCode === code)?.outcome;
        await until(async () => (await outcome()) === "accepted");
        await running.loop.delivered(key, code);
        const learned = async () => (await journalOf(client, own)).flatMap((commit) => commit.learned);
        await until(async () => (await learned()).length === 1);
        expect(await learned()).toMatchObject([{ trials: 1, positives: 1 }]);
      }));

    it("IDN-4 a shared device joins no second person, and joins the first one once", () =>
      withLoop(async () => {
        await put(purchase(A, 10));
        await purchases(A, 1);
        await put(identify("i-1", C, A));
        await joined(C, A);
        await put(identify("i-2", D, A));
        await put(identify("i-3", C, A));
        await put(purchase(A, 20));
        await purchases(C, 2);
        expect(decided(await running.loop.engine.ask(askFor(D))).key).toBe(D);
        expect((await lookAt(running, D)).features).toMatchObject({ purchases_24h: 0, spend_all: 0 });
        expect(await lookAt(running, A)).toMatchObject({ joinedTo: C });
      }));

    it("IDN-5 S3: a cap reached partly under each key holds for the person", () =>
      withLoop(async () => {
        await put(purchase(A, 150));
        await put(purchase(C, 150));
        const pushes = async (who: string) =>
          (await journalledOf(client, who)).filter(({ direction }) => direction === "outbound");
        await until(async () => (await pushes(A)).length === 1 && (await pushes(C)).length === 1);
        await put(identify("i-1", C, A));
        await put(purchase(C, 160)); // while it is joining: waits, and is decided with both contacts known
        await joined(C, A);
        await put(purchase(A, 170));
        await put(purchase(C, 180));
        await until(async () => (await pushes(C)).length === 4);
        const all = [...(await pushes(A)), ...(await pushes(C))];
        expect(
          all.flatMap(({ contacts }) => contacts),
          "two pushes a day",
        ).toHaveLength(2);
        expect((await pushes(C)).map(({ kind }) => kind)).toEqual(["act", "none", "none", "none"]);
        expect((await lookAt(running, C)).contacts.filter(({ inbound }) => !inbound)).toHaveLength(2);
      }));

    it("IDN-6 an ask under the joined key is decided for the customer", () =>
      withLoop(async () => {
        await put(identify("i-1", C, A));
        await joined(C, A);
        const key = { idempotencyKey: "k-1", requestHash: "h" };
        const record = decided(await running.loop.engine.ask(askFor(A, key)));
        expect(record.key).toBe(C);
        expect(decided(await running.loop.engine.ask(askFor(A, key))).id).toBe(record.id);
        expect((await lookAt(running, A)).contacts).toEqual([]);
      }));

    it("IDN-7 while a profile is on its way asks get the default and messages wait", () =>
      withLoop(async () => {
        await put(purchase(A, 150));
        await purchases(A, 1);
        // As if the seal had been sent before: it never arrives, until it is put there by hand.
        await client.hset(`nba:{${theirs}}:checkpoint`, `relayed:${own}`, "99999999999999999-0");
        await put(identify("i-1", C, A));
        const big = purchase(C, 200);
        await put(big);
        await purchases(C, 1);
        expect(await running.loop.engine.ask(askFor(C))).toEqual({ kind: "fallback", why: "joining" });
        await running.stop();
        running = await startLoop(redis.url);
        expect(await running.loop.engine.ask(askFor(C))).toEqual({ kind: "fallback", why: "joining" });
        expect(await journalledOf(client, C)).toEqual([]);
        await client.hdel(`nba:{${theirs}}:checkpoint`, `relayed:${own}`);
        await client.xadd(`nba:{${theirs}}:events`, "*", ...encodeSeal(A as CustomerKey, C as CustomerKey));
        await joined(C, A);
        const message = (await journalledOf(client, C)).find(({ trigger }) => trigger?.event === big.id);
        expect(message?.input.profile.contacts, "it knows of the push to the device").toHaveLength(1);
        expect(message?.kind).toBe("act");
      }));

    it("IDN-9 what is complete only with both keys' events fires as they are joined", async () => {
      const rules = await editableRules();
      await rules.edit("triggers.yaml", () => PATTERNS);
      running = await startLoop(redis.url, { rulesDir: rules.dir });
      await put(event("a-1", "form_opened", A));
      await put(event("a-2", "viewed", A));
      await put(event("c-1", "form_error", C));
      await put(event("c-2", "viewed", C));
      await put(identify("i-1", C, A));
      await joined(C, A);
      const asked = async () => (await journalledOf(client, C)).flatMap(({ trigger }) => trigger?.id ?? []).sort();
      await until(async () => (await asked()).length === 2);
      expect(await asked()).toEqual(["looked", "stuck"]);
      await put(event("c-3", "form_error", C));
      await put(purchase(C, 1));
      await purchases(C, 1);
      expect(await asked(), "once").toHaveLength(2);
      await running.stop();
    });
  });
}
