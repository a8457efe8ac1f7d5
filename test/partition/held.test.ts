// Messages that quiet hours keep back, over nights on a driven clock: Vienna, quiet from 21:00 to 08:00.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Props } from "../../engine/domain/event.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { connect, customerIn, cutConnections, editableRules, event, home, journalledOf, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

/** In winter: an hour before Vienna. */
const vienna = (day: number, hour: number, minute = 0) => Date.UTC(2020, 0, day, hour - 1, minute) as Instant;

async function nightRules(trigger: string): Promise<string> {
  const { dir, edit } = await editableRules();
  await edit("triggers.yaml", () => `triggers:\n  - ${trigger}\n`);
  await edit("rulebook.yaml", (text) => `${text}timeZone: { default: Europe/Vienna }\n`);
  await edit(
    "contact-policy.yaml",
    (text) => `${text}quietHours:\n  - { id: night, from: "21:00", to: "08:00", channels: [push] }\n`,
  );
  return dir;
}

async function startAt(rulesDir: string) {
  const running = await startLoop(redis.url, { rulesDir });
  const put = (id: string, type: string, at: number, props: Props = {}, customer = "ana") =>
    client.xadd(
      `nba:{${home(customer)}}:events`,
      "*",
      ...encodeEvent(event(id, type, customer, props, at), at as Instant),
    );
  const other = customerIn(home("ana"), "clock-");
  /** Moves the clock of ana's partition, and waits until everything due by then has happened. */
  const driveTo = async (at: number): Promise<void> => {
    await put(`tick-${at}`, "clock_tick", at, {}, other);
    await until(async () => ((await running.loop.engine.look(customerKey(other)))?.now ?? 0) >= at);
    const timers = `nba:{${home("ana")}}:timers`;
    await until(async () => (await client.zcount(timers, "-inf", at)) === 0);
  };
  return { running, put, driveTo };
}

const decisions = async () =>
  (await journalledOf(client, "ana")).map(({ kind, now, trigger, heldUntil }) => ({
    kind,
    hour: (now - vienna(1, 0)) / HOUR_MS,
    event: trigger?.event,
    heldUntil,
  }));

describe("a message in the night", () => {
  const BOUGHT = "{ id: thanks, on: [purchase], placement: outreach, holdFor: 12h }";

  it("HLM-1 is decided again in the morning, once, whatever became of the engine in the night", async () => {
    const { running, put, driveTo } = await startAt(await nightRules(BOUGHT));
    await put("late", "purchase", vienna(1, 22), { amount: 5, card: "gold" });
    await until(async () => (await decisions()).length === 1);
    expect(await decisions()).toMatchObject([{ kind: "none", event: "late", heldUntil: vienna(2, 8) }]);
    await cutConnections(client, running);
    await driveTo(vienna(2, 7, 59));
    expect(await decisions()).toHaveLength(1);
    await cutConnections(client, running);
    await driveTo(vienna(2, 8, 0));
    await until(async () => (await decisions()).length === 2);
    const [first, second] = await journalledOf(client, "ana");
    expect(second).toMatchObject({ kind: "act", trigger: { id: "thanks", source: "http", event: "late" } });
    expect(second?.id).not.toBe(first?.id);
    expect(second?.input.request.context, "what it was about").toEqual({ amount: 5, card: "gold" });
    expect(second?.now).toBeGreaterThanOrEqual(vienna(2, 8));
    await cutConnections(client, running);
    await driveTo(vienna(3, 12));
    expect(await decisions(), "and not again").toHaveLength(2);
    await running.stop();
  });

  it("HLM-2 gives way to a later one of the same trigger", async () => {
    const { running, put, driveTo } = await startAt(await nightRules(BOUGHT));
    await put("one", "purchase", vienna(1, 22), { amount: 1 });
    await put("two", "purchase", vienna(1, 23), { amount: 2 });
    await until(async () => (await decisions()).length === 2);
    await driveTo(vienna(2, 9));
    await until(async () => (await decisions()).length === 3);
    expect((await decisions()).map(({ kind, event: id }) => `${kind} ${id}`)).toEqual([
      "none one",
      "none two",
      "act two",
    ]);
    await running.stop();
  });

  it("HLM-3 is given up where its time ends before the night does", async () => {
    const { running, put, driveTo } = await startAt(await nightRules(BOUGHT.replace("12h", "9h")));
    await put("early", "purchase", vienna(1, 22), { amount: 1 });
    await put("later", "purchase", vienna(1, 23, 30), { amount: 1 }, "ben");
    await until(async () => (await decisions()).length === 1);
    await driveTo(vienna(2, 9));
    expect(await decisions()).toHaveLength(1);
    await running.stop();
  });

  it("HLM-3 is given up where its reason is gone by then", async () => {
    const when = `when: "features.purchases_24h < 2.0", `;
    const { running, put, driveTo } = await startAt(await nightRules(BOUGHT.replace("on:", `${when}on:`)));
    await put("one", "purchase", vienna(1, 22), { amount: 1 });
    await until(async () => (await decisions()).length === 1);
    await put("two", "purchase", vienna(2, 6), { amount: 1 });
    await driveTo(vienna(2, 9));
    expect(await decisions()).toHaveLength(1);
    await running.stop();
  });

  it("HLM-2 a pattern that is complete in the night: the abandoned basket of the evening", async () => {
    const rules = await nightRules(
      "{ id: basket, absence: { after: { on: [add_to_cart] }, of: { on: [purchase] }, within: 30m }, placement: outreach, holdFor: 1d }",
    );
    const { running, put, driveTo } = await startAt(rules);
    await put("cart", "add_to_cart", vienna(1, 20, 45));
    await driveTo(vienna(1, 21, 16));
    await until(async () => (await decisions()).length === 1);
    expect(await decisions()).toMatchObject([{ kind: "none", event: "cart", heldUntil: vienna(2, 8) }]);
    await driveTo(vienna(2, 8, 1));
    await until(async () => (await decisions()).length === 2);
    expect((await decisions())[1]).toMatchObject({ kind: "act", event: "cart" });
    await running.stop();
  });
});
