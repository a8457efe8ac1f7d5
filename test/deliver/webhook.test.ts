// Webhooks on the real loop and a real Redis; the gateway is an HTTP server in this process.
import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DISPATCHED_FIELD, webhookField } from "../../engine/deliver/dispatch-fields.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { connect, customerIn, editableRules, event, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { type Outside, startOutside } from "./outside.ts";

const SECRET = `whsec_${randomBytes(32).toString("base64")}`;
let redis: TestRedis;
let client: ReturnType<typeof connect>;
let gateway: Gateway;
let outside: Outside;
let rulesDir: string;

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
  gateway = await startGateway(SECRET);
  const rules = await editableRules();
  await rules.edit("channels.yaml", (text) =>
    text.replace(
      "kind: stream,",
      `kind: webhook, webhook: { url: "${gateway.url}", secretFrom: PUSH_SECRET, timeout: 400ms, inFlight: 4 },`,
    ),
  );
  // A second message of the same day is another action, and so supersedes nothing.
  await rules.edit("contact-policy.yaml", (text) =>
    text.replace("limits:", "limits:\n  - { id: a-once, max: 1, window: 1d, action: save-a }"),
  );
  rulesDir = rules.dir;
  outside = await start();
});
afterEach(async () => {
  await outside.stop();
  await gateway.close();
});

const start = async (clock: () => number = Date.now) =>
  await startOutside(redis.url, { loop: { rulesDir, clock }, secrets: { PUSH_SECRET: SECRET }, random: () => 0.01 });
const purchase = async (...customers: readonly string[]) =>
  await outside.running.loop.engine.append(
    customers.map((customer) => event(`p-${n++}`, "purchase", customer, { amount: 500 })),
  );
let n = 0;
const contactsOf = async (customer: string) =>
  ((await outside.running.loop.engine.look(customerKey(customer)))?.contacts ?? []).map(
    ({ state, outcome }) => `${state} ${outcome}`,
  );
const letters = async () => {
  const all = await Promise.all([0, 1, 2, 3].map((p) => client.xrange(`nba:{${p}}:dead`, "-", "+")));
  return all.flat().map(([, fields]) => ({ reason: fields[3], detail: fields[5] }));
};
const names = (count: number, prefix: string) => Array.from({ length: count }, (_, index) => `${prefix}-${index}`);

describe("webhooks", () => {
  it("WHK-1 a message is posted once, signed, under its tracking code; the answer confirms its contact", async () => {
    await purchase("ana");
    await until(async () => (await contactsOf("ana"))[0] === "confirmed pending");
    expect(gateway.seen).toMatchObject([{ customer: "ana", id: gateway.seen[0]?.trackingCode }]);
    expect(gateway.badSignatures()).toBe(0);
    expect(outside.counts["push:delivered"]).toBe(1);
  });

  it("WHK-2 one failing customer holds up no other; what failed is tried again under the same id, in order", async () => {
    let failures = 0;
    gateway.answer = ({ customer }) => ({ status: customer === "bob" && failures++ < 2 ? 500 : 200 });
    await purchase("bob", ...names(20, "c"), "bob");
    await until(async () => (await contactsOf("c-19"))[0] === "confirmed pending");
    await until(async () => (await contactsOf("bob")).every((contact) => contact === "confirmed pending"));
    const ofBob = gateway.seen.filter(({ customer }) => customer === "bob").map(({ id }) => id);
    expect(ofBob).toHaveLength(4);
    expect(new Set(ofBob.slice(0, 3)).size).toBe(1);
    expect(ofBob[3]).not.toBe(ofBob[0]);
    expect(new Set(gateway.seen.map(({ id }) => id)).size).toBe(22);
    expect(Math.max(...gateway.seen.map(({ besides }) => besides))).toBe(0);
    expect(gateway.busiest()).toBeLessThanOrEqual(4);
    await until(() => outside.dispatch.pending() === 0);
  });

  it("WHK-3 what the gateway will never take is given up at once, its place is free, and a letter tells", async () => {
    gateway.answer = () => ({ status: 410 });
    await purchase("cid");
    await until(async () => (await contactsOf("cid"))[0] === "released not-delivered");
    expect(gateway.seen).toHaveLength(1);
    await until(async () => (await letters()).length === 1);
    expect(await letters()).toEqual([
      { reason: "undelivered", detail: 'a message for channel "push" was refused by its gateway' },
    ]);
    expect(outside.counts["push:refused"]).toBe(1);
  });

  it("WHK-4 a gateway that hangs or is gone costs few requests: it rests, and gets what waits when it is back", async () => {
    gateway.answer = () => "hang";
    await purchase(...names(40, "h"));
    await until(() => gateway.seen.length >= 5);
    const before = gateway.seen.length;
    gateway.answer = () => ({ status: 200 });
    await until(async () =>
      (await Promise.all(names(40, "h").map(contactsOf))).every(([c]) => c === "confirmed pending"),
    );
    expect(before).toBeLessThan(20);
    expect(new Set(gateway.seen.map(({ id }) => id)).size).toBe(40);
  });

  it("WHK-5 after a stop in the middle the next engine posts what was undone, and nothing of what was done long before", async () => {
    gateway.answer = ({ customer }) => ({ status: customer.startsWith("bad") ? 503 : 200 });
    await purchase("bad-1", ...names(10, "g"));
    await until(async () => (await contactsOf("g-9"))[0] === "confirmed pending");
    await outside.stop();
    const noted = await Promise.all(
      [0, 1, 2, 3].map((p) => client.hget(`nba:{${p}}:checkpoint`, webhookField("push"))),
    );
    expect(noted.join(" ")).toMatch(/\d+-\d+/);
    const before = gateway.seen.length;
    gateway.answer = () => ({ status: 200 });
    outside = await start();
    await until(async () => (await contactsOf("bad-1"))[0] === "confirmed pending");
    await until(() => outside.dispatch.pending() === 0);
    expect(gateway.seen.slice(before).map(({ customer }) => customer)).toEqual(["bad-1"]);
    await until(async () => Number(await client.hget("nba:{0}:checkpoint", DISPATCHED_FIELD)) > 0);
  });

  it("ERA-8 who is erased gets nothing any more, at once, though the gateway is down for them and for others", async () => {
    const [eve, fay] = [customerIn(1, "eve-"), customerIn(1, "fay-")];
    gateway.answer = ({ customer }) => ({ status: customer === eve || customer === fay ? 503 : 200 });
    await purchase(fay, eve);
    await until(() => new Set(gateway.seen.map(({ customer }) => customer)).size === 2);
    await outside.running.loop.engine.erase(customerKey(eve));
    await until(async () => (await outside.running.loop.engine.look(customerKey(eve))) === undefined);
    await until(async () => (await outside.running.loop.engine.erase(customerKey(eve))) === "erased");
    const before = gateway.seen.filter(({ customer }) => customer === eve).length;
    expect(await contactsOf(fay)).toEqual(["reserved pending"]);
    for (const key of await client.keys("*"))
      expect([key, (await client.dumpBuffer(key))?.includes(eve)]).toEqual([key, false]);

    gateway.answer = () => ({ status: 200 });
    await until(async () => (await contactsOf(fay))[0] === "confirmed pending");
    await until(() => outside.dispatch.pending() === 0);
    expect(gateway.seen.filter(({ customer }) => customer === eve)).toHaveLength(before);
    // Somebody new under the same id.
    await purchase(eve);
    await until(async () => (await contactsOf(eve))[0] === "confirmed pending");
    expect(gateway.seen.at(-1)?.customer).toBe(eve);
  });

  it("WHK-6 what was undone when its time is over is not posted any more", async () => {
    gateway.answer = () => ({ status: 503 });
    await purchase("dan");
    await until(() => gateway.seen.length > 0);
    await outside.stop();
    const before = gateway.seen.length;
    gateway.answer = () => ({ status: 200 });
    outside = await start(() => Date.now() + 7 * 3_600_000);
    await until(async () => (await contactsOf("dan"))[0] === "released not-delivered");
    expect(gateway.seen.length).toBe(before);
    expect(outside.counts["push:late"]).toBe(1);
  });
});
