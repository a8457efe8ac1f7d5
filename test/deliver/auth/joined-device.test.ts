// A device whose token names only its own anonymous key, which has become a customer's.
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { anonymousKey, customerKey } from "../../../engine/domain/ids.ts";
import { until } from "../../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../../redis.ts";
import { type LiveClient, openLive } from "../live-client.ts";
import type { Outside } from "../outside.ts";
import { askFor, callAs, startGuarded } from "./calls.ts";
import { token } from "./tokens.ts";

let redis: TestRedis;
let outside: Outside;
let admin: string;
const sockets: LiveClient[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  outside = await startGuarded(redis.url);
  admin = await token({ sub: "admin", scope: "admin" });
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

const call = (method: string, path: string, bearer: string, body?: unknown, idempotencyKey?: string) =>
  callAs(outside.url, method, path, bearer, body, idempotencyKey);

const deviceToken = (id: string): Promise<string> =>
  token({ sub: `app-${id}`, scope: "agent", topics: [`customer/anon:${id}`] });

/** The device `id` is the customer's from now on, who may be decided for again. */
async function join(id: string, customer: string): Promise<void> {
  const identify = { id: `join-${id}`, type: "identify", ts: Date.now(), customer, anonymousId: id, props: {} };
  expect((await call("POST", "/v1/events", admin, identify)).body.refused).toEqual([]);
  const { engine } = outside.running.loop;
  await until(async () => (await engine.look(anonymousKey(id)))?.joinedTo !== undefined);
  await until(async () => ((await engine.look(customerKey(customer)))?.absorbed.length ?? 0) > 0);
}

async function open(bearer: string): Promise<LiveClient> {
  const socket = await openLive(outside.liveUrl);
  sockets.push(socket);
  socket.say({ op: "connect", token: bearer });
  await socket.frame(({ op }) => op === "ack");
  return socket;
}

describe("ACC-3 a device whose key has become a customer's", () => {
  it.each(["with a placement", "without one"])("ACC-3 is refused by its socket: %s", async (how) => {
    const id = `dev1-${how.split(" ")[0]}`;
    await join(id, `rich-${id}`);
    expect(
      (await call("POST", "/v1/decisions", admin, askFor({ customer: `rich-${id}` }))).body.decisionId,
    ).toBeDefined();
    const socket = await open(await deviceToken(id));
    const placement = how === "with a placement" ? { placement: "agent-desk" } : {};
    socket.say({ op: "subscribe", id: "s", topic: `customer/anon:${id}`, ...placement });
    expect(await socket.frame((frame) => frame.id === "s" || frame.op === "snapshot")).toMatchObject({
      op: "error",
      code: "forbidden",
    });
    expect((await socket.closed).code).toBe(4403);
    expect(JSON.stringify(socket.frames.slice(1))).not.toContain("rich");
  });

  it("ACC-3 sees of its join, on a socket that is open, that its own are withdrawn, and nothing of the customer", async () => {
    const [id, bearer] = ["dev2", await deviceToken("dev2")];
    const socket = await open(bearer);
    socket.say({ op: "subscribe", topic: `customer/anon:${id}`, placement: "app-home" });
    await socket.frame(({ op }) => op === "snapshot");
    await until(async () => {
      await call("POST", "/v1/decisions", admin, askFor({ anonymousId: id }));
      return ((await outside.running.loop.engine.look(anonymousKey(id)))?.contacts.length ?? 0) > 0;
    });
    await join(id, "wealthy");
    expect(await socket.frame(({ op }) => op === "withdraw")).toMatchObject({ because: "joined" });
    const called = { id: "ring", type: "call_started", ts: Date.now(), customer: "wealthy", props: {} };
    await call("POST", "/v1/events", admin, called);
    await call("POST", "/v1/events", admin, { ...called, id: "ring-2", customer: undefined, anonymousId: id });
    const screen = await open(admin);
    screen.say({ op: "subscribe", topic: "customer/wealthy" });
    await screen.frame(({ op, nbas }) => op === "nba" || nbas?.length > 0);
    expect(JSON.stringify(socket.frames)).not.toContain("wealthy");
    expect(socket.frames.at(-1).op).toBe("withdraw");
    socket.say({ op: "subscribe", id: "again", topic: `customer/anon:${id}` });
    expect(await socket.frame((frame) => frame.id === "again")).toMatchObject({ op: "error", code: "forbidden" });
    expect((await socket.closed).code).toBe(4403);
  });

  it("ACC-3 is not told whose it is, and sees what was decided before", async () => {
    const bearer = await deviceToken("dev3");
    const before = await call("POST", "/v1/decisions", bearer, askFor({ anonymousId: "dev3" }));
    expect((await call("GET", "/v1/customers/anon:dev3", bearer)).status).toBe(200);
    await join("dev3", "rich-dev3");
    const profile = await call("GET", "/v1/customers/anon:dev3", bearer);
    expect([profile.status, profile.body.type]).toEqual([403, "/problems/forbidden"]);
    expect(profile.text).not.toContain("rich");
    expect((await call("GET", `/v1/decisions/${before.body.decisionId}`, bearer)).status).toBe(200);
    const both = await token({ sub: "both", scope: "agent", topics: ["customer/anon:dev3", "customer/rich-dev3"] });
    expect((await call("GET", "/v1/customers/anon:dev3", both)).body).toMatchObject({ joinedTo: "rich-dev3" });
    const screen = await open(both);
    screen.say({ op: "subscribe", topic: "customer/anon:dev3", placement: "app-home" });
    expect((await screen.frame(({ op }) => op === "snapshot")).customer).toMatchObject({ joinedTo: "rich-dev3" });
  });
});

it("ACC-16 what is refused changes nothing: asks over HTTP, under an Idempotency-Key, by socket", async () => {
  const bearer = await deviceToken("dev4");
  await join("dev4", "poor");
  const contacts = async (): Promise<unknown> =>
    (await outside.running.loop.engine.look(customerKey("poor")))?.contacts.map(({ trackingCode }) => trackingCode);
  const visitor = askFor({ anonymousId: "dev4" });
  for (const key of [undefined, "k-1", "k-2"])
    expect((await call("POST", "/v1/decisions", bearer, visitor, key)).status).toBe(403);
  const socket = await open(bearer);
  socket.say({ op: "subscribe", topic: "customer/anon:dev4", placement: "app-home" });
  expect((await socket.closed).code).toBe(4403);
  expect(await contacts()).toEqual([]);
  const both = await token({ sub: "both", scope: "agent", topics: ["customer/anon:dev4", "customer/poor"] });
  for (const key of [undefined, "k-1"]) {
    const answer = await call("POST", "/v1/decisions", both, visitor, key);
    expect([answer.status, answer.body.customer]).toEqual([200, "poor"]);
  }
  const repeated = await call("POST", "/v1/decisions", both, visitor, "k-1");
  expect([repeated.status, repeated.isReplayed]).toEqual([200, true]);
  expect(await contacts()).toHaveLength(1);
});
