// A call comes in by the second Redis client; the desk of the agent, subscribed to that customer, gets the NBA.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { WebSocket } from "undici";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

const CALLS = process.env["NBA_LONG"] === "1" ? 200 : 100;
const CALLS_PER_SECOND = 20;
/** A socket follows at most 64. */
const CUSTOMERS_PER_SOCKET = 50;

interface Card {
  readonly decisionId: string;
  readonly trackingCode: string;
  readonly placement: string;
  readonly channel: string;
  readonly action: string;
  readonly title: string;
  readonly script: string;
  readonly propensity: number;
  readonly expiresAt: number;
}

interface Message {
  readonly op: string;
  readonly topic: string;
  readonly decision?: Card;
}

interface Arrived {
  readonly card: Card;
  readonly atMs: number;
}

let server: TestRedis;
let redis: Redis;
let engine: EngineProcess;
const sockets: WebSocket[] = [];

beforeAll(async () => {
  server = await startTestRedis({ appendOnly: true });
  redis = new Redis(server.tcpUrl);
  engine = await startEngineProcess({ REDIS_URL: server.url });
});
afterAll(async () => {
  for (const socket of sockets) socket.close();
  redis?.disconnect();
  await engine?.stop();
  await server?.stop();
});

it(`${CALLS} calls by XADD, ${CALLS_PER_SECOND} a second: each reaches its desk as an NBA`, {
  timeout: 120_000,
}, async () => {
  const customers = Array.from({ length: CALLS }, (_, n) => `caller-${n}`);
  await Promise.all(customers.map((customer, n) => addProfile(customer, n)));
  for (const customer of customers)
    await expect.poll(() => nameOf(customer), { timeout: 20_000 }).toBe(`Name ${customer}`);

  const arrived = new Map<string, Arrived[]>();
  for (let from = 0; from < CALLS; from += CUSTOMERS_PER_SOCKET) {
    await follow(customers.slice(from, from + CUSTOMERS_PER_SOCKET), arrived);
  }
  const sentAtMs = await callAll(customers);
  await expect.poll(() => arrived.size, { timeout: 20_000 }).toBe(CALLS);
  await sleep(200); // for frames that nobody asked for

  const delays: number[] = [];
  for (const [n, customer] of customers.entries()) {
    const cards = arrived.get(customer) ?? [];
    delays.push((cards[0]?.atMs as number) - (sentAtMs[n] as number));
    expect(new Set(cards.map(({ card }) => card.decisionId)).size, `${customer}: one call, one decision`).toBe(1);
    expect(new Set(cards.map(({ card }) => card.trackingCode)).size).toBe(cards.length);
    expect(cards.length, `${customer}: the desk has three slots`).toBeLessThanOrEqual(3);
    for (const { card } of cards) expectCard(card, customer);
    await expectDecision(
      cards.map(({ card }) => card),
      customer,
      n,
    );
  }
  delays.sort((a, b) => a - b);
  const at = (share: number): string => (delays[Math.floor(share * (CALLS - 1))] as number).toFixed(1);
  console.log(`XADD to WebSocket, ${CALLS} events: median ${at(0.5)} ms, p90 ${at(0.9)} ms, p99 ${at(0.99)} ms`);
});

async function addProfile(customer: string, n: number): Promise<void> {
  const props = {
    first_name: `Name ${customer}`,
    segment: n % 2 === 0 ? "mass" : "premium",
    age: 25 + (n % 40),
    tenure_months: 6 + n,
    products: ["current-account"],
    balance: 1_000 + 50 * n,
    has_app: true,
  };
  const event = { id: `profile-${n}`, type: "profile_update", customer, ts: Date.now(), props };
  await redis.xadd("transactions", "*", "d", JSON.stringify(event));
}

async function nameOf(customer: string): Promise<unknown> {
  const response = await fetch(`${engine.url}/v1/customers/${customer}`);
  const { attributes } = (await response.json()) as { attributes?: { first_name?: unknown } };
  return attributes?.first_name;
}

/** Resolves when every one of them is subscribed; NBAs that arrive are kept with the time of their arrival. */
async function follow(customers: readonly string[], arrived: Map<string, Arrived[]>): Promise<void> {
  const socket = new WebSocket(`${engine.url.replace("http", "ws")}/v1/live`, ["nba.v1.json"]);
  sockets.push(socket);
  let snapshots = 0;
  const subscribed = new Promise<void>((resolve, reject) => {
    socket.addEventListener("error", () => reject(new Error("the handshake was refused")));
    socket.addEventListener("open", () => {
      socket.send(JSON.stringify({ op: "connect" }));
      for (const customer of customers) socket.send(JSON.stringify({ op: "subscribe", topic: `customer/${customer}` }));
    });
    socket.addEventListener("message", ({ data }) => {
      const atMs = performance.now();
      const { op, topic, decision } = JSON.parse(data as string) as Message;
      if (op === "error") reject(new Error(data as string));
      if (op === "snapshot" && ++snapshots === customers.length) resolve();
      if (op !== "nba" || decision === undefined) return;
      const customer = topic.slice("customer/".length);
      arrived.set(customer, [...(arrived.get(customer) ?? []), { card: decision, atMs }]);
    });
  });
  await subscribed;
}

/** Open loop: each at its time, whatever became of those before. Answers when each was sent. */
async function callAll(customers: readonly string[]): Promise<readonly number[]> {
  const sentAtMs: number[] = [];
  const added: Promise<unknown>[] = [];
  const startedAtMs = performance.now();
  for (const [n, customer] of customers.entries()) {
    await sleep(Math.max(0, startedAtMs + (n * 1_000) / CALLS_PER_SECOND - performance.now()));
    const event = { id: `call-${n}`, type: "call_started", customer, ts: Date.now(), channel: "contact-centre" };
    sentAtMs.push(performance.now());
    added.push(redis.xadd("clickstream", "*", "d", JSON.stringify(event)));
  }
  await Promise.all(added);
  return sentAtMs;
}

function expectCard(card: Card, customer: string): void {
  expect(card, customer).toMatchObject({ placement: "agent-desk", channel: "contact-centre" });
  expect(card.title).not.toBe("");
  expect(card.script).not.toBe("");
  expect(`${card.title} ${card.script}`).not.toContain("{{");
  expect(card.propensity).toBeGreaterThan(0);
  expect(card.propensity).toBeLessThanOrEqual(1);
  expect(card.expiresAt).toBeGreaterThan(Date.now());
}

/** What was pushed is what was decided because of this very call, all of it. */
async function expectDecision(cards: readonly Card[], customer: string, n: number): Promise<void> {
  const response = await fetch(`${engine.url}/v1/decisions/${cards[0]?.decisionId}`);
  const decision = (await response.json()) as {
    customer: string;
    trigger: unknown;
    slates: { items: { trackingCode: string; action: string }[] }[];
  };
  expect(decision).toMatchObject({
    customer,
    trigger: { id: "incoming-call", source: "clickstream", event: `call-${n}` },
  });
  const decided = decision.slates.flatMap(({ items }) =>
    items.map(({ trackingCode, action }) => `${trackingCode} ${action}`),
  );
  expect(cards.map(({ trackingCode, action }) => `${trackingCode} ${action}`).sort()).toEqual(decided.sort());
}
