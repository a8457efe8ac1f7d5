import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { customerKey, type RulebookHash, type TrackingCode } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import type { Instant } from "../../engine/domain/time.ts";
import type { AskAnswer, Committed } from "../../engine/engine.ts";
import { encodeActivation, encodeTimer } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

let redis: TestRedis;
let running: RunningLoop;

beforeAll(async () => {
  redis = await startTestRedis();
  running = await startLoop(redis.url);
});
afterAll(async () => {
  await running.stop();
  await redis.stop();
});

const event = (id: string, type: string, customer: string, props = {}) => ({
  id,
  type,
  key: customerKey(customer),
  ts: Date.now() as Instant,
  source: "http",
  props,
});

function ask(customer: string, placement = "app-home", channel = "app"): Promise<AskAnswer> {
  const placements = [{ name: placement }];
  return running.loop.engine.ask({
    key: customerKey(customer),
    channel,
    placements,
    context: {},
    deadlineMs: 500,
  });
}

function decided(answer: AskAnswer) {
  if (answer.kind !== "decided") throw new Error(`not decided: ${JSON.stringify(answer)}`);
  return answer.record;
}

describe("the decision loop on a real Redis", () => {
  it("decides an ask, journals it, and finds it again", async () => {
    const record = decided(await ask("ana"));
    expect(record.slates[0]?.items.map((item) => item.treatment)).toEqual(["save-a:app"]);
    const found = await running.loop.engine.decision(record.id);
    expect(found?.record).toEqual(record);
    expect(await running.loop.engine.customerOf(record.contacts[0]?.trackingCode as never)).toBe("ana");
  });

  it("folds an appended event and shows it in the profile", async () => {
    await running.loop.engine.append([event("e1", "purchase", "bea", { amount: 20 })]);
    await running.loop.engine.append([event("e1", "purchase", "bea", { amount: 20 })]);
    await expect.poll(async () => (await running.loop.engine.look(customerKey("bea")))?.features["spend_all"]).toBe(20);
  });

  it("looks at live items once, however many decisions have kept them", async () => {
    decided(await ask("gil"));
    decided(await ask("gil"));
    const look = await running.loop.engine.look(customerKey("gil"));
    const items = look?.active.flatMap(({ slates }) => slates.flatMap((slate) => slate.items));
    expect(items?.map(({ treatment }) => treatment)).toEqual(["save-a:app"]);
    decided(await ask("gil", "agent-desk", "contact-centre"));
    decided(await ask("gil", "agent-desk", "contact-centre"));
    const again = await running.loop.engine.look(customerKey("gil"));
    const codes = again?.active.flatMap(({ slates }) =>
      slates.flatMap(({ items: all }) => all.map((item) => item.trackingCode)),
    );
    expect(new Set(codes).size).toBe(codes?.length);
  });

  it("decides a trigger, tells the listeners, and holds the cap of two pushes a day", async () => {
    const told: Committed[] = [];
    running.loop.engine.onCommitted((committed) => told.push(committed));
    for (let n = 0; n < 5; n++) await running.loop.engine.append([event(`t${n}`, "purchase", "cleo", { amount: 500 })]);
    await expect
      .poll(() => told.flatMap(({ decisions }) => decisions).filter(({ key }) => key === "cleo").length)
      .toBe(5);
    const kinds = told.flatMap(({ decisions }) => decisions).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === "act")).toHaveLength(2);
  });

  it("learns from outcomes, and respects a decline in the next decision", async () => {
    const first = decided(await ask("dora"));
    const trackingCode = first.slates[0]?.items[0]?.trackingCode as string;
    const outcome = event("o1", "outcome", "dora", { trackingCode, outcome: "declined" });
    await running.loop.engine.append([outcome]);
    await expect.poll(async () => decided(await ask("dora")).slates[0]?.items[0]?.treatment).toBe("save-b:app");
  });

  it("recovers after a clean stop: same profile, same decisions, nothing decided twice", async () => {
    const before = await running.loop.engine.look(customerKey("cleo"));
    await running.stop();
    running = await startLoop(redis.url);
    const after = await running.loop.engine.look(customerKey("cleo"));
    expect(after?.features).toEqual(before?.features);
    expect(after?.contacts).toEqual(before?.contacts);
  });

  it("recovers when its connections are cut", async () => {
    const before = await running.loop.engine.look(customerKey("dora"));
    const { createClient } = await import("@redis/client");
    const client = await createClient({ url: redis.tcpUrl }).connect();
    await client.sendCommand(["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    client.destroy();
    await expect.poll(() => running.loop.engine.ready().ok, { timeout: 5_000 }).toBe(false);
    await expect.poll(() => running.loop.engine.ready().ok, { timeout: 5_000 }).toBe(true);
    const after = await running.loop.engine.look(customerKey("dora"));
    expect(after?.features).toEqual(before?.features);
    expect(after?.contacts).toEqual(before?.contacts);
    decided(await ask("dora"));
  });
});

describe("entries that would do harm", () => {
  const add = async (...fields: (string | Buffer)[]): Promise<void> => {
    const { Redis } = await import("ioredis");
    const client = new Redis(redis.tcpUrl);
    const partition = partitionOf(customerKey("hal"), 4);
    await client.xadd(`nba:{${partition}}:events`, "*", ...fields);
    client.disconnect();
  };
  const body = (id: string, ts: number) =>
    JSON.stringify({ id, type: "purchase", customer: "hal", ts, props: { amount: 1 } });
  const spend = async () => (await running.loop.engine.look(customerKey("hal")))?.features["spend_all"];

  it("a clock driven ahead is refused, and the next live event is folded at its own time", async () => {
    await add("s", "clickstream", "d", body("h-1", Date.now()), "t", "999999999999999");
    await add("s", "clickstream", "d", body("h-2", Date.now()));
    await expect.poll(spend).toBe(1);
    const [now] = await running.loop.engine.now([customerKey("hal")]);
    expect(Math.abs((now as number) - Date.now())).toBeLessThan(60_000);
  });

  it("a live event after a replay that drove the clock is no dead letter", async () => {
    const then = Date.now() - 4_000 * 86_400_000;
    await add("s", "clickstream", "d", body("h-3", then), "t", String(then));
    await add("s", "clickstream", "d", body("h-4", Date.now()));
    await expect.poll(spend).toBe(3);
  });

  it("an activation of a rulebook that Redis does not hold is a dead letter, and nothing stops", async () => {
    const before = running.loop.engine.rulebook().hash;
    const [, , , payload] = encodeActivation("ab".repeat(32) as RulebookHash, "test");
    await add("s", "$activate", "d", payload as Buffer);
    await add("s", "clickstream", "d", body("h-5", Date.now()));
    await expect.poll(spend).toBe(4);
    expect(running.loop.engine.rulebook().hash).toBe(before);
  });

  it("a timer without a time is a dead letter, and releases nothing", async () => {
    const record = decided(await ask("hal"));
    const [, , , payload] = encodeTimer(customerKey("hal"), Number.POSITIVE_INFINITY as Instant);
    await add("s", "$timer", "d", payload as Buffer);
    await add("s", "clickstream", "d", body("h-6", Date.now()));
    await expect.poll(spend).toBe(5);
    const look = await running.loop.engine.look(customerKey("hal"));
    const contact = look?.contacts.find(({ decision }) => decision === record.id);
    expect(contact).toMatchObject({ state: "reserved", live: true });
  });

  it("an item that a decision never had belongs to nobody", async () => {
    const record = decided(await ask("ida"));
    expect(await running.loop.engine.customerOf(`${record.id}.0` as TrackingCode)).toBe("ida");
    expect(await running.loop.engine.customerOf(`${record.id}.1` as TrackingCode)).toBeUndefined();
  });
});
