// What the outside answers while Redis says nothing.
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { LIMITS } from "../../engine/limits.ts";
import { connect } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

const SILENT_MS = 500;
let redis: TestRedis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  outside = await startOutside(redis.url);
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

async function silence(): Promise<() => void> {
  const client = connect(redis);
  await client.call("CLIENT", "PAUSE", String(SILENT_MS), "ALL");
  return () => client.disconnect();
}

function decide(customer: string, key: string, deadlineMs: number): Promise<Response> {
  return fetch(`${outside.url}/v1/decisions`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": key },
    body: JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs }),
  });
}

it("answers the fallback in time under an Idempotency-Key, and the same to the repeat", async () => {
  expect((await decide("ana", "k-0", 1_000)).status).toBe(200);
  const end = await silence();
  const startedMs = performance.now();
  const answer = await decide("ida", "k-1", 50);
  const body = await answer.text();
  expect(performance.now() - startedMs).toBeLessThan(SILENT_MS * 0.7);
  expect(answer.status).toBe(200);
  expect(JSON.parse(body)).toMatchObject({ customer: "ida", degraded: ["deadline"] });
  end();
  await expect
    .poll(async () => (await decide("ida", "k-1", 50)).headers.get("idempotency-replayed"), {
      timeout: 3_000,
      interval: 600,
    })
    .toBe("true");
  expect(await (await decide("ida", "k-1", 50)).text()).toBe(body);
  const { contacts } = (await outside.running.loop.engine.look(customerKey("ida"))) ?? { contacts: [] };
  expect(contacts).toEqual([]);
});

it("answers 503 with Retry-After at once where too many look at customers", async () => {
  const { engine } = outside.running.loop;
  expect((await decide("bea", "k-2", 1_000)).status).toBe(200);
  const end = await silence();
  const looks = Promise.allSettled(Array.from({ length: 300 }, () => engine.look(customerKey("bea"))));
  const startedMs = performance.now();
  const answer = await fetch(`${outside.url}/v1/customers/bea`);
  expect(performance.now() - startedMs).toBeLessThan(SILENT_MS * 0.7);
  expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "1"]);
  expect(await answer.json()).toMatchObject({ type: "/problems/overloaded" });
  const served = (await looks).filter(({ status }) => status === "fulfilled");
  expect(served).toHaveLength(LIMITS.looksWaitingMax);
  end();
});

it("ANY-10 leaves nobody who looks or supposes without an answer while Redis is away for long", async () => {
  const other = await startTestRedis();
  const impatient = await startOutside(other.url, { loop: { silenceMs: 400 } });
  const client = connect(other);
  const watching = connect(other);
  const ask = { customer: "ana", channel: "app", placements: [{ name: "app-home" }] };
  const post = (path: string, more: object): Promise<Response> =>
    fetch(impatient.url + path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...ask, ...more }),
      signal: AbortSignal.timeout(20_000),
    });
  try {
    for (const customer of ["ana", "bea", "cleo"]) await post("/v1/decisions", { customer, deadlineMs: 1_000 });
    await client.call("CLIENT", "PAUSE", "60000", "ALL");
    let isBack = false;
    watching.ping().then(
      () => {
        isBack = true;
      },
      () => undefined, // ended with the test
    );
    // Two steps that cannot be committed: what comes now waits behind them.
    const asks = ["ana", "bea", "cleo"].map((customer) => post("/v1/decisions", { customer, deadlineMs: 50 }));
    await Promise.all(asks);
    const looks = Array.from({ length: 100 }, () => fetch(`${impatient.url}/v1/customers/ana`));
    const others = [post("/v1/decisions:simulate", {}), fetch(`${impatient.url}/v1/customers/bea/decisions`)];
    const answers = await Promise.all([...looks, ...others]);
    expect(isBack).toBe(false);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([503]));
    expect(answers.every(({ headers }) => headers.has("retry-after"))).toBe(true);
  } finally {
    client.disconnect();
    watching.disconnect();
    await other.kill();
    await impatient.stop();
    await other.stop();
  }
}, 60_000);
