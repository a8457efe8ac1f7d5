// Three engines as their users run them, on one Redis: any of them answers, whichever owns the customer.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { decodeCommit } from "../../engine/journal/commit-record.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type LiveClient, openLive } from "../deliver/live-client.ts";
import { readEverything } from "../kills/journal-reader.ts";
import { until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import type { EngineProcess } from "../start-engine.ts";
import { createFleet, type Fleet } from "./fleet.ts";
import { type FleetBooks, type FleetLoad, startFleetLoad } from "./fleet-load.ts";
import { openScreen, type Screen } from "./screen.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 10 : 1;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const PARTITIONS = 6;
const CUSTOMERS = Array.from({ length: 12 }, (_, n) => `c-${n}`);

const random = seeded(SEED);
let redis: TestRedis;
let fleet: Fleet;
let load: FleetLoad;
let screens: readonly Screen[];

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  const env = {
    REDIS_URL: redis.url,
    RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    NBA_LEASE_MS: "900",
  };
  fleet = createFleet(redis.tcpUrl, PARTITIONS, env, random);
  await Promise.all([fleet.add(), fleet.add(), fleet.add()]);
  await until(async () => (await fleet.shares()).every((share) => share === 2), 60_000);
  load = startFleetLoad({ redisUrl: redis.tcpUrl, pick: fleet.pick, customers: CUSTOMERS, random });
  screens = CUSTOMERS.slice(0, 8).map((customer) => openScreen(customer, fleet.pick));
}, 180_000);
afterAll(async () => {
  await Promise.all([load?.stop(), ...(screens ?? []).map((screen) => screen.close())]);
  await fleet.stop();
  await redis.stop();
});

/** Each event at any engine that is ready, until one takes it. */
async function send(...events: readonly object[]): Promise<void> {
  for (;;) {
    const response = await fetch(`${fleet.pick()}/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(events),
    });
    await response.text();
    if (response.status === 202) return;
    expect(response.status).toBe(503);
    await sleep(50);
  }
}

/** Asks again while the engine cannot ask the owner; resolves with the snapshot, or the answer to `since`, as the last frame. */
async function subscribed(url: string, topic: string, since?: string): Promise<LiveClient> {
  const client = await openLive(`${url.replace("http", "ws")}/v1/live`, "nba.v1.json");
  for (let attempt = 0; ; attempt++) {
    client.say({ op: "subscribe", id: String(attempt), topic, ...(since === undefined ? {} : { since }) });
    const told = await client.frame(
      ({ op, id }) => op === "snapshot" || ((op === "ack" || op === "error") && id === String(attempt)),
    );
    if (told.op !== "error") return client;
    await sleep(50);
  }
}

const isPush = ({ op, decision }: { op: string; decision?: { channel: string } }): boolean =>
  op === "nba" && decision?.channel === "push";

/** Its owner, and the two that do not own it. */
async function placesOf(customer: string): Promise<readonly [EngineProcess, EngineProcess, EngineProcess]> {
  const owner = (await fleet.ownerOf(customer)) as EngineProcess;
  const [one, other] = fleet.engines.filter((engine) => engine !== owner);
  return [owner, one as EngineProcess, other as EngineProcess];
}

it("ANY-1 ANY-3 a screen far from its customer is asked for, shown and answered as on the owner, through a take-over", {
  timeout: 120_000,
}, async () => {
  const customer = "ana";
  const topic = `customer/${customer}`;
  const [owner, far, other] = await placesOf(customer);
  const desk = await subscribed(far.url, topic);
  await send({ id: "call-1", type: "call_started", customer, ts: Date.now(), props: {} });
  const shown = await desk.frame(({ op }) => op === "nba");
  const code = shown.decision.trackingCode;
  desk.say({ op: "outcome", trackingCode: code, outcome: "declined" });
  const withdrawn = await desk.frame(({ op, trackingCode }) => op === "withdraw" && trackingCode === code);
  expect(withdrawn.because).toBe("declined");
  const profile = await fetch(`${other.url}/v1/customers/${customer}`);
  const { contacts } = (await profile.json()) as { contacts: { trackingCode: string; outcome: string }[] };
  expect(contacts.find(({ trackingCode }) => trackingCode === code)?.outcome).toBe("declined");
  for (const list of ["decisions", "events"]) {
    const past = await fetch(`${other.url}/v1/customers/${customer}/${list}`);
    expect(((await past.json()) as Record<string, object[]>)[list]?.length).toBeGreaterThan(0);
  }

  await send({ id: "p-1", type: "purchase", customer, ts: Date.now(), props: { amount: 150 } });
  await desk.frame(isPush);
  fleet.takeOut(owner);
  await owner.kill();
  const killedAt = performance.now();
  await send({ id: "p-2", type: "purchase", customer, ts: Date.now(), props: { amount: 150 } });
  await expect.poll(() => desk.frames.filter(isPush).length, { timeout: 10_000 }).toBe(2);
  console.log(
    `engines: shown on another engine ${Math.round(performance.now() - killedAt)} ms after the owner was killed`,
  );
  const again = await subscribed(other.url, topic, withdrawn.cursor);
  await expect.poll(() => again.frames.filter(isPush).length).toBe(2);
  const isShown = ({ op }: { op: string }): boolean => op === "nba" || op === "withdraw";
  const after = desk.frames.slice(desk.frames.indexOf(withdrawn) + 1);
  expect(again.frames.filter(isShown)).toEqual(after.filter(isShown));
  desk.close();
  again.close();
  expect(withoutCuts(load.books.errors.splice(0))).toEqual([]);
});

it("ANY-1 an ask under an anonymous key that is joined to a customer of another engine is decided there", {
  timeout: 30_000,
}, async () => {
  const [customer, anonymousId] = await strangersOf(fleet);
  const seen = { id: "v-1", type: "page_view", anonymousId, ts: Date.now() };
  await send(seen, { id: "i-1", type: "identify", customer, anonymousId, ts: Date.now() });
  const body = { anonymousId, channel: "app", placements: [{ name: "app-home" }] };
  /** For whom it was decided; the status where it was not. */
  const ask = async (url: string, more: object): Promise<string | number> => {
    const headers = { "content-type": "application/json" };
    const response = await fetch(url, { method: "POST", headers, body: JSON.stringify({ ...body, ...more }) });
    const answer = (await response.json()) as { customer: string };
    return response.ok ? answer.customer : response.status;
  };
  for (const { url } of fleet.engines) {
    const patience = { timeout: 10_000 };
    await expect.poll(() => ask(`${url}/v1/decisions`, { deadlineMs: 1_000 }), patience).toBe(customer);
    await expect.poll(() => ask(`${url}/v1/decisions:simulate`, {}), patience).toBe(customer);
  }
});

it(`ANY-2 ANY-3 ANY-11 S1 S2: killed, taken over and restarted one by one under load, ${ROUNDS} times (NBA_SEED=${SEED})`, {
  timeout: 60_000 + ROUNDS * 240_000,
}, async () => {
  console.log(`engines: NBA_SEED=${SEED}`);
  fleet.watch();
  for (let round = 0; round < ROUNDS; round++) {
    if (fleet.engines.length === 3) await killOne();
    for (const screen of screens) if (random() < 0.5) screen.move();
    await fleet.add();
    expect(withoutCuts(load.books.errors.splice(0))).toEqual([]);
    for (const engine of [...fleet.engines]) {
      // Nobody is told but by /readyz.
      await untilAsked(load.books);
      expect(await engine.stop()).toBe(0);
      fleet.takeOut(engine);
      await fleet.add();
    }
    expect(load.books.errors.splice(0), "a rolling restart shows no client an error, a closed port or a cut").toEqual(
      [],
    );
  }
  await load.stop();
  const { books } = load;
  const statuses = [...books.statuses].map(([status, count]) => `${count} x ${status}`).join(", ");
  console.log(`engines: ${statuses}; ${books.sameAgain} asks answered again by the same, ${books.outcomes} outcomes`);
  await expect.poll(() => foldedPurchases(books), { timeout: 20_000, interval: 100 }).toEqual(purchasesOf(books));
  await reconcile(books);
  await reconcileScreens(screens);
});

async function killOne(): Promise<void> {
  await sleep(300 + random() * 500);
  const killed = fleet.engines[Math.floor(random() * 3)] as EngineProcess;
  fleet.takeOut(killed);
  await killed.kill();
  await sleep(200 + random() * 1_000);
}

/** Whoever was talking to an engine that is killed sees its socket go: the one thing that a client may see. */
function withoutCuts(errors: readonly string[]): readonly string[] {
  return errors.filter((error) => !/ECONNRESET|ECONNREFUSED|UND_ERR_SOCKET/.test(error));
}

/** The balancer has found the engines, and its clients ask them. */
async function untilAsked({ statuses }: FleetBooks): Promise<void> {
  const answered = (): number => (statuses.get(200) ?? 0) + (statuses.get(202) ?? 0);
  const before = answered();
  await sleep(500);
  await until(() => answered() > before + 20, 10_000);
}

async function foldedPurchases(books: FleetBooks): Promise<Record<string, number>> {
  const found: Record<string, number> = {};
  for (const customer of books.purchases.keys()) {
    const response = await fetch(`${fleet.pick()}/v1/customers/${customer}`);
    const body = (await response.json()) as { features?: Record<string, number> };
    found[customer] = body.features?.["purchases_24h"] ?? -1;
  }
  return found;
}

function purchasesOf(books: FleetBooks): Record<string, number> {
  return Object.fromEntries(books.purchases);
}

async function reconcile(books: FleetBooks): Promise<void> {
  const found = await readEverything(redis.tcpUrl, PARTITIONS);
  expect(found.broken).toEqual([]);
  expect(found.dead).toBe(0);
  const ids = found.decisions.map(({ id }) => id);
  expect(new Set(ids).size, "a decision was journalled twice").toBe(ids.length);
  const triggered = found.decisions.flatMap(({ trigger }) => (trigger?.match(/^[shc]-/) ? [trigger] : []));
  expect(triggered.sort()).toEqual([...books.triggers].sort());
  const journalled = new Set(ids);
  for (const [key, answered] of books.asks) {
    expect(answered.size, `${key} was answered by different decisions`).toBeLessThanOrEqual(1);
    for (const id of answered) expect(journalled.has(id), `${key}: answered, but not journalled`).toBe(true);
  }
  expect([...books.asks.values()].filter(({ size }) => size > 0).length).toBeGreaterThan(20);
  expect(books.sameAgain).toBeGreaterThan(0);
  expect(books.outcomes).toBeGreaterThan(0);
}

async function reconcileScreens(screens: readonly Screen[]): Promise<void> {
  const client = new Redis(redis.tcpUrl);
  for (const screen of screens) {
    const expected = await framesOf(client, screen.customer, screen.from() as number);
    await expect.poll(() => screen.shown.length, { timeout: 10_000 }).toBe(expected.length);
    expect(screen.shown, screen.customer).toEqual(expected);
    expect(new Set(screen.cursors).size).toBe(screen.cursors.length);
    expect(screen.snapshots(), "what was missed is told, nothing is shown afresh").toBe(1);
    await screen.close();
  }
  client.disconnect();
  const frames = screens.reduce((sum, { shown }) => sum + shown.length, 0);
  const visits = screens.reduce((sum, screen) => sum + screen.visits(), 0);
  console.log(`engines: ${frames} frames on ${screens.length} screens, which visited ${visits} times`);
  expect(frames).toBeGreaterThan(20);
  expect(visits).toBeGreaterThan(screens.length);
}

/** What a screen of this customer has to show after a commit, as the journal says it: nothing else of the engine's own is asked. */
async function framesOf(client: Redis, customer: string, after: number): Promise<readonly string[]> {
  const journal = `nba:{${partitionOf(customerKey(customer), PARTITIONS)}}:journal`;
  const commits = await client.xrangeBuffer(journal, `${after + 1}-0`, "+");
  return commits.flatMap(([, fields]) => {
    const { decisions, withdrawals } = decodeCommit(fields[1] as Buffer);
    const gone = withdrawals
      .filter(({ key }) => key === customer)
      .map(({ trackingCode }) => `withdraw ${trackingCode}`);
    const items = decisions
      .filter(({ key }) => key === customer)
      .flatMap(({ slates }) => slates.flatMap((s) => s.items));
    return [...gone, ...items.filter(({ kept }) => !kept).map(({ trackingCode }) => `nba ${trackingCode}`)];
  });
}

/** A customer and an anonymous id that different engines own. */
async function strangersOf({ ownerOf }: Fleet): Promise<readonly [string, string]> {
  const customer = "joe";
  const owner = await ownerOf(customer);
  for (let n = 0; ; n++) {
    const other = await ownerOf(`anon:d-${n}`);
    if (other !== undefined && other !== owner) return [customer, `d-${n}`];
  }
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
