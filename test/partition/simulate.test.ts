import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import type { Ask, Simulated, Simulation, Supposition } from "../../engine/engine.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { askFor, connect, decided, event, home, journalOf, lookAt, outcomeOf, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;
let now = Date.now();

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  running = await startLoop(redis.url, { clock: () => now, idleMs: 3_600_000 });
});
afterAll(async () => {
  await running.stop();
  client.disconnect();
  await redis.stop();
});
beforeEach(() => {
  now = Date.now() + 1_000;
});

const NOTHING: Supposition = { attributes: {}, features: {}, models: {}, consents: [], contacts: "keep" };

function supposing(ask: Ask, suppose: Partial<Supposition> = {}, changes: Partial<Simulation> = {}): Simulation {
  const { key, channel, placements, context } = ask;
  return { key, direction: "inbound", channel, placements, context, suppose: { ...NOTHING, ...suppose }, ...changes };
}

async function simulate(simulation: Simulation): Promise<Extract<Simulated, { kind: "simulated" }>> {
  const simulated = await running.loop.engine.simulate(simulation);
  if (simulated.kind !== "simulated") throw new Error(`refused: ${simulated.pointer} ${simulated.why}`);
  return simulated;
}

/** What does not follow from the id of the decision. */
function said({ slates, now: at, droppedDigest, rulebook, pressure }: DecisionRecord) {
  const items = slates.map((slate) => slate.items.map(({ trackingCode: _, ...item }) => item));
  return { items, at, droppedDigest, rulebook, pressure };
}

const shown = ({ slates }: DecisionRecord) => slates.flatMap(({ items }) => items.map(({ treatment }) => treatment));

describe("a simulation", () => {
  it("answers as the ask right after it does, bit for bit, and can be explained", async () => {
    const ask = askFor("ana");
    const { record, explanation } = await simulate(supposing(ask));
    const real = decided(await running.loop.engine.ask(ask));
    expect(said(record)).toEqual(said(real));
    expect(shown(record)).toEqual(["save-a:app"]);
    expect(explanation).toMatchObject({ kind: "explained", reproduced: true, outcome: "act" });
  });

  it("leaves no trace: profile, journal, log, timers, evidence and metrics are as before", async () => {
    decided(await running.loop.engine.ask(askFor("ben")));
    await until(async () => (await journalOf(client, home("ben"))).length > 0);
    const everything = async () => ({
      redis: await client.call("DEBUG", "DIGEST").catch(() => undefined),
      keys: (await client.keys("*")).sort(),
      journals: await Promise.all([0, 1, 2, 3].map((partition) => client.xlen(`nba:{${partition}}:journal`))),
      look: await lookAt(running, "ben"),
      decisions: (await running.metrics.scrape(undefined)).text.match(/^nba_(decisions|candidates|contacts)_.*$/gm),
    });
    const before = await everything();
    for (let n = 0; n < 40; n++) {
      await simulate(supposing(askFor("ben"), { now: (now + n * HOUR_MS) as Instant, contacts: "none" }));
      await simulate(supposing(askFor(`nobody-${n}`)));
    }
    expect(await everything()).toEqual(before);
    await expect(running.loop.engine.look(customerKey("nobody-1"))).resolves.toBeUndefined();
  });

  it("supposes another time, contacts, attributes, consent and outcomes of cool-downs", async () => {
    const first = decided(await running.loop.engine.ask(askFor("cleo")));
    const [item] = first.slates[0]?.items ?? [];
    await running.loop.engine.append([outcomeOf("cleo", item?.trackingCode ?? "", "declined", now)]);
    await until(async () => (await lookAt(running, "cleo")).contacts[0]?.outcome === "declined");
    const app = askFor("cleo");
    expect(shown((await simulate(supposing(app))).record)).toEqual(["save-b:app"]);
    expect(shown((await simulate(supposing(app, { contacts: "none" }))).record)).toEqual(["save-a:app"]);
    const later = await simulate(supposing(app, { now: (now + 31 * DAY_MS) as Instant }));
    expect(shown(later.record)).toEqual(["save-a:app"]);
    expect(later.record.now).toBe(now + 31 * DAY_MS);
    const consents = [{ channel: "app", purpose: "marketing", granted: false }];
    expect((await simulate(supposing(app, { consents }))).record).toMatchObject({ kind: "none" });
    const told = await simulate(supposing(app, { attributes: { tier: "gold" }, features: { purchases_24h: 7 } }));
    expect(told.record.slates[0]?.items[0]?.treatment).toBe("save-b:app");
    expect(told.record.input.profile.attributes).toContain("gold");
    expect([...told.record.input.profile.features]).toContain(7);
  });

  it("asks outbound as a trigger does, on every channel of the placement", async () => {
    const outbound = { direction: "outbound", placements: [{ name: "outreach" }] } as const;
    const { channel: _, ...simulation } = supposing(askFor("dan"), {}, outbound);
    const { record } = await simulate(simulation);
    expect(record.direction).toBe("outbound");
    expect(shown(record)).toEqual(["save-a:push"]);
  });

  it.each([
    [{ now: 0 as Instant }, "/overrides/now"],
    [{ attributes: { tire: "gold" } }, "/overrides/attributes/tire"],
    [{ attributes: { tier: 3 } }, "/overrides/attributes/tier"],
    [{ features: { none: 3 } }, "/overrides/features/none"],
    [{ models: { churn: 0.5 } }, "/overrides/models/churn"],
    [{ consents: [{ channel: "fax", purpose: "marketing", granted: true }] }, "/overrides/consents/0/channel"],
  ])("refuses %j at %s", async (suppose, pointer) => {
    const simulated = await running.loop.engine.simulate(supposing(askFor("eve"), suppose));
    expect(simulated).toMatchObject({ kind: "refused", pointer });
  });

  it("is refused at once where too many wait", async () => {
    const many = Array.from({ length: 100 }, () => running.loop.engine.simulate(supposing(askFor("fay"))));
    const settled = await Promise.allSettled(many);
    const refused = settled.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
    expect(refused.length).toBe(36);
    for (const { reason } of refused) expect(reason).toMatchObject({ name: "Overloaded" });
  });
});

describe("what is left of a customer", () => {
  it("is told newest first: decisions of any kind, and events", async () => {
    const { engine } = running.loop;
    const ids: string[] = [];
    for (let n = 0; n < 5; n++) {
      now += 2 * HOUR_MS;
      ids.unshift(decided(await engine.ask(askFor("gil"))).id);
      await engine.append([
        event(`v-${n}`, "page_view", "gil", { n }, now),
        event(`w-${n}`, "page_view", `other-${n}`),
      ]);
    }
    const all = await engine.decisionsOf(customerKey("gil"), 50);
    expect(all.found.map(({ id }) => id)).toEqual(ids);
    expect(all.since).toBeUndefined();
    expect((await engine.decisionsOf(customerKey("gil"), 2)).found.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const events = await engine.eventsOf(customerKey("gil"), 3);
    expect(events.found.map(({ event: { id } }) => id)).toEqual(["v-4", "v-3", "v-2"]);
    expect(events.since).toBe(events.found[2]?.takenAt);
    expect((await engine.eventsOf(customerKey("nobody"), 3)).found).toEqual([]);
  });
});
