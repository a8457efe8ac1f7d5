// What waited for its gateway is sent only while it may be: outages are made by an engine without dispatch, and by a clock that
// has gone on when the next one starts.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import type { DecisionLoop } from "../../engine/partition/decision-loop.ts";
import { connect, customerIn, editableRules, event, journalledOf, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { type Outside, startOutside } from "./outside.ts";

const HOUR = 3_600_000;
let redis: TestRedis;
let client: ReturnType<typeof connect>;
let rules: Awaited<ReturnType<typeof editableRules>>;
let outside: Outside | undefined;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  rules = await editableRules();
  await rules.edit("contact-policy.yaml", (text) => text.replace("push-per-day, max: 2", "push-per-day, max: 1"));
});
beforeEach(async () => {
  await outside?.stop();
  outside = undefined;
  await client.flushall();
});
afterAll(async () => {
  await outside?.stop();
  client.disconnect();
  await redis.stop();
});

const ana = customerIn(0, "ana-");
const ahead = (ms: number) => () => Date.now() + ms;
const sent = async () =>
  (await client.xrange("nba:channel:push", "-", "+")).map(([, fields]) => JSON.parse(fields[1] as string));
const purchase = async (loop: DecisionLoop, id: string, customer = ana) =>
  await loop.engine.append([event(id, "purchase", customer, { amount: 500 })]);
const contactsOf = async (loop: DecisionLoop, customer = ana) =>
  ((await loop.engine.look(customerKey(customer)))?.contacts ?? []).map(({ state, outcome }) => `${state} ${outcome}`);
const start = async (ms: number, rulesDir = rules.dir) => {
  outside = await startOutside(redis.url, { loop: { rulesDir, clock: ahead(ms) } });
  return outside;
};

/** Decided by an engine that has no dispatch. */
async function decidedButNotSent(
  after?: (loop: DecisionLoop) => Promise<void>,
  rulesDir: string = rules.dir,
): Promise<void> {
  const running = await startLoop(redis.url, { rulesDir });
  await purchase(running.loop, "p-1");
  await until(async () => (await journalledOf(client, ana)).length === 1);
  await after?.(running.loop);
  await running.stop();
}

describe("after an outage", () => {
  it("DSP-1 longer than reserveFor the cap holds for what is in the stream", async () => {
    await decidedButNotSent();
    const { running, counts } = await start(7 * HOUR);
    await until(async () => (await contactsOf(running.loop))[0] === "released not-delivered");
    expect(await sent()).toEqual([]);
    expect(counts["push:late"]).toBe(1);
    await purchase(running.loop, "p-2");
    await until(async () => (await sent()).length > 0);
    await purchase(running.loop, "p-3");
    await until(async () => (await journalledOf(client, ana)).length === 3);
    await until(async () => outside?.dispatch.pending() === 0);
    expect(await sent()).toHaveLength(1);
    expect(await contactsOf(running.loop)).toEqual(["released not-delivered", "confirmed pending"]);
  });

  it("DSP-1 shorter than reserveFor it is sent, however old", async () => {
    await decidedButNotSent();
    const { running } = await start(5 * HOUR);
    await until(async () => (await contactsOf(running.loop))[0] === "confirmed pending");
    expect(await sent()).toHaveLength(1);
  });

  it("DSP-2 what was in the stream already counts, although nobody could report it before reserveFor was over", async () => {
    const running = await startOutside(redis.url, {
      loop: { rulesDir: rules.dir },
      delivered: () => new Promise(() => undefined), // killed between the two
    });
    await purchase(running.running.loop, "p-1");
    await until(async () => (await sent()).length === 1);
    await running.stop();
    const again = await start(7 * HOUR);
    await purchase(again.running.loop, "p-2");
    await until(async () => (await journalledOf(client, ana)).length === 2);
    await until(() => again.dispatch.pending() === 0);
    expect(await sent()).toHaveLength(1);
    expect(await contactsOf(again.running.loop)).toEqual(["confirmed pending"]);
  });

  it("DSP-3 what was taken back meanwhile is not sent", async () => {
    await decidedButNotSent(async (loop) => {
      const refusal = { channel: "push", purpose: "marketing", granted: false };
      await loop.engine.append([event("no", "consent_update", ana, refusal)]);
    });
    const { running, counts } = await start(1 * HOUR);
    await until(async () => (await contactsOf(running.loop))[0] === "released not-delivered");
    expect(await sent()).toEqual([]);
    expect(counts["push:withdrawn"]).toBe(1);
  });

  it("DSP-4 in quiet hours it is not sent, and may be decided again after them", async () => {
    const at = (ms: number) => new Date(Date.now() + ms).toISOString().slice(11, 16);
    const night = await editableRules();
    await night.edit("rulebook.yaml", (text) => `${text}timeZone: { default: UTC }\n`);
    await night.edit(
      "contact-policy.yaml",
      (text) => `${text}quietHours:\n  - { id: night, from: "${at(HOUR / 2)}", to: "${at(3 * HOUR)}" }\n`,
    );
    await decidedButNotSent(undefined, night.dir);
    const { running, counts } = await start(HOUR, night.dir);
    await until(async () => (await contactsOf(running.loop))[0] === "released not-delivered");
    expect(await sent()).toEqual([]);
    expect(counts["push:quiet"]).toBe(1);
  });
});
