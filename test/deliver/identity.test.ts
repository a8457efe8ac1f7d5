// A visitor of a website becomes a known customer: what the outside sees of it.
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { openLive } from "./live-client.ts";
import { type Outside, startOutside } from "./outside.ts";

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

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into freely
async function call(method: string, path: string, body?: object): Promise<any> {
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const answer = await fetch(outside.url + path, { method, headers: { "content-type": "application/json" }, ...sent });
  return await answer.json();
}

const ask = (whose: object) =>
  call("POST", "/v1/decisions", { ...whose, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 200 });

it("IDN-6 asks, looks, outcomes and screens by both ids, before and after an identify", async () => {
  const visitor = { anonymousId: "device-1" };
  const ts = Date.now();
  const before = await ask(visitor);
  expect(before.customer).toBe("anon:device-1");
  const [item] = before.slates[0].items;
  const screen = await openLive(outside.liveUrl);
  screen.say({ op: "subscribe", topic: "customer/anon:device-1" });
  expect((await screen.frame(({ op }) => op === "snapshot")).nbas).toHaveLength(1);

  const events = [
    { id: "v-1", type: "page_view", ts, ...visitor },
    { id: "i-1", type: "identify", ts, customer: "c-1", ...visitor },
  ];
  expect(await call("POST", "/v1/events", events)).toEqual({ accepted: 2, refused: [] });
  const withdrawn = await screen.frame(({ op }) => op === "withdraw");
  expect(withdrawn).toMatchObject({ trackingCode: item.trackingCode, because: "joined" });

  let answer = await ask({ customer: "c-1" });
  for (const giveUpAt = Date.now() + 5_000; answer.decisionId === undefined && Date.now() < giveUpAt; ) {
    expect(answer).toMatchObject({ customer: "c-1", degraded: [expect.stringMatching(/^(joining|deadline)$/)] });
    expect(answer.slates[0]).toMatchObject({ kind: "default", items: [{ content: { title: "Welcome" } }] });
    answer = await ask({ customer: "c-1" });
  }
  expect(answer.slates[0].items, "what the device was shown is kept").toMatchObject([
    { trackingCode: item.trackingCode },
  ]);
  const again = await ask(visitor);
  expect(again).toMatchObject({ customer: "c-1", slates: [{ items: [{ trackingCode: item.trackingCode }] }] });

  const supposed = { ...visitor, channel: "app", placements: [{ name: "app-home" }] };
  expect(await call("POST", "/v1/decisions:simulate", supposed)).toMatchObject({ simulated: true, customer: "c-1" });
  expect(await call("GET", "/v1/customers/anon:device-1")).toMatchObject({ joinedTo: "c-1", contacts: [], nbas: [] });
  const customer = await call("GET", "/v1/customers/c-1");
  expect(customer).toMatchObject({ absorbed: ["anon:device-1"], features: { views_1h: 1 } });
  expect(customer.nbas).toMatchObject([{ trackingCode: item.trackingCode, decisionId: before.decisionId }]);
  expect(customer.joinedTo).toBeUndefined();

  // A page that still names the device sees what the customer is offered, and may answer under the old code.
  const page = await openLive(outside.liveUrl);
  page.say({ op: "subscribe", topic: "customer/anon:device-1", placement: "app-home" });
  const snapshot = await page.frame(({ op }) => op === "snapshot");
  expect(snapshot.customer).toMatchObject({ customer: "anon:device-1", joinedTo: "c-1" });
  expect(snapshot.nbas).toMatchObject([{ trackingCode: item.trackingCode }]);
  const report = { trackingCode: item.trackingCode, outcome: "declined", ts: Date.now() };
  expect(await call("POST", "/v1/outcomes", report)).toEqual({ accepted: 1 });
  const outcome = async () => (await call("GET", "/v1/customers/c-1")).contacts[0].outcome;
  for (const giveUpAt = Date.now() + 5_000; (await outcome()) === "pending" && Date.now() < giveUpAt; );
  expect(await outcome()).toBe("declined");
  const next = await ask(visitor);
  expect(next.slates[0].items[0].action, "a cool-down of the person").not.toBe(item.action);
});
