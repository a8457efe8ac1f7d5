import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { newApiKey } from "../../../engine/deliver/auth/api-keys.ts";
import { startTestRedis, type TestRedis } from "../../redis.ts";
import { type LiveClient, openLive } from "../live-client.ts";
import { type Outside, startOutside } from "../outside.ts";
import { type Claims, hs256, SECRET, token } from "./tokens.ts";

const dir = mkdtempSync(join(tmpdir(), "nba-live-"));
const keys = {
  gone: newApiKey({ name: "gone", scopes: ["agent"], topics: ["customer/*"] }),
  demoted: newApiKey({ name: "demoted", scopes: ["agent"], topics: ["customer/*"] }),
  narrowed: newApiKey({ name: "narrowed", scopes: ["agent"], topics: ["customer/*"] }),
  kept: newApiKey({ name: "kept", scopes: ["admin"] }),
  replaced: newApiKey({ name: "replaced", scopes: ["agent"] }),
};
const slow = newApiKey({ name: "slow", scopes: ["agent"], perSecond: 5 });
let redis: TestRedis;
let outside: Outside;
/** Its five seconds go by while the other tests run. */
let silent: LiveClient;
/** So do the five seconds after which the file of keys is read again. */
let byKey: Readonly<Record<"gone" | "demoted" | "narrowed" | "kept" | "replaced", LiveClient>>;
const sockets: LiveClient[] = [];

beforeAll(async () => {
  const apiKeysFile = join(dir, "keys.yaml");
  const writeKeys = (...keys: { entry: object }[]): void =>
    writeFileSync(apiKeysFile, JSON.stringify({ keys: keys.map(({ entry }) => entry) }));
  writeKeys(slow, ...Object.values(keys));
  redis = await startTestRedis();
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  const guard = { auth: { tokens, apiKeysFile }, perSecond: 1_000 };
  outside = await startOutside(redis.url, { guard });
  silent = await openLive(outside.liveUrl);
  const [gone, demoted, narrowed, kept] = await Promise.all(
    [keys.gone, keys.demoted, keys.narrowed, keys.kept].map(({ key }) => openByKey(key)),
  );
  const { body } = await ticket(keys.replaced.key);
  const replaced = await openLive(`${outside.liveUrl}?ticket=${body.ticket}`);
  await replaced.frame(connected);
  byKey = { gone, demoted, narrowed, kept, replaced } as typeof byKey;
  const { entry } = keys.demoted;
  const demotedEntry = { ...entry, scopes: ["events"] };
  const narrowedEntry = { ...keys.narrowed.entry, topics: ["customer/other"] };
  const another = newApiKey({ name: "replaced", scopes: ["agent"] });
  writeKeys(slow, { entry: demotedEntry }, { entry: narrowedEntry }, keys.kept, another);
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.close();
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
  rmSync(dir, { recursive: true });
});

async function open(query = ""): Promise<LiveClient> {
  const socket = await openLive(`${outside.liveUrl}${query}`);
  sockets.push(socket);
  return socket;
}

const agent = (claims: Claims = {}): Promise<string> =>
  token({ sub: "mia", scope: "agent", topics: ["customer/mine"], ...claims });
const connected = ({ op, for: what }: { op: string; for?: string }): boolean => op === "ack" && what === "connect";

async function connect(claims: Claims = {}): Promise<LiveClient> {
  const socket = await open();
  socket.say({ op: "connect", token: await agent(claims) });
  await socket.frame(connected);
  return socket;
}

async function openByKey(key: string): Promise<LiveClient> {
  const socket = await openLive(outside.liveUrl);
  socket.say({ op: "connect", token: key });
  await socket.frame(connected);
  socket.say({ op: "subscribe", topic: "customer/mine" });
  await socket.frame(({ op }) => op === "snapshot");
  return socket;
}

async function ticket(bearer: string): Promise<{ status: number; body: { ticket: string; expiresAt: number } }> {
  const answer = await fetch(`${outside.url}/v1/tickets`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}` },
  });
  return { status: answer.status, body: (await answer.json()) as { ticket: string; expiresAt: number } };
}

describe("ACC-4 a socket", () => {
  it("is let in by the token of its first message, and told what it may do; what comes behind it waits", async () => {
    const socket = await open();
    socket.say({ op: "connect", id: "c", token: await agent() });
    socket.say({ op: "subscribe", topic: "customer/mine" });
    const ack = await socket.frame(connected);
    expect(ack).toMatchObject({ id: "c", scopes: ["agent"], topics: ["customer/mine"] });
    expect(Math.abs(ack.expiresAt - Date.now() - 600_000)).toBeLessThan(10_000);
    await socket.frame(({ op }) => op === "snapshot");
    expect(socket.frames.map(({ op }) => op)).toEqual(["ack", "snapshot"]);
  });

  it.each<[string, () => Promise<object>, number]>([
    ["that says something else first", async () => ({ op: "subscribe", topic: "customer/mine" }), 4401],
    ["that connects without a token", async () => ({ op: "connect" }), 4401],
    ["with a token that is none", async () => ({ op: "connect", token: "wrong" }), 4401],
    ["with a forged token", async () => ({ op: "connect", token: await token({}, hs256("y".repeat(40))) }), 4401],
    ["with a token that has expired", async () => ({ op: "connect", token: await agent({ exp: -60 }) }), 4401],
    ["of a caller without the scope", async () => ({ op: "connect", token: await agent({ scope: "decide" }) }), 4403],
  ])("%s is closed", async (_, message, code) => {
    const socket = await open();
    socket.say(await message());
    expect((await socket.closed).code).toBe(code);
  });

  it("is closed with 4401 when its token ends, unless it connects anew, as the same subject", async () => {
    const [ends, lasts] = [await connect({ exp: 2 }), await connect({ exp: 2 })];
    lasts.say({ op: "connect", id: "again", token: await agent() });
    await lasts.frame(({ id }) => id === "again");
    expect(await ends.closed).toEqual({ code: 4401, reason: "the token has expired" });
    lasts.say({ op: "subscribe", topic: "customer/mine" });
    await lasts.frame(({ op }) => op === "snapshot");
    lasts.say({ op: "connect", token: await agent({ sub: "eve" }) });
    expect((await lasts.closed).code).toBe(4403);
  });

  it("leaves the topics that its new token does not name", async () => {
    const socket = await connect({ topics: ["customer/mine", "customer/lent"] });
    for (const name of ["mine", "lent"]) {
      socket.say({ op: "subscribe", topic: `customer/${name}` });
      await socket.frame(({ op, topic }) => op === "snapshot" && topic === `customer/${name}`);
    }
    socket.say({ op: "connect", id: "less", token: await agent() });
    await socket.frame(({ id }) => id === "less");
    const errors = socket.frames.filter(({ op }) => op === "error");
    expect(errors).toMatchObject([{ code: "forbidden", topic: "customer/lent" }]);
  });
});

describe("ACC-2 the topics of a socket", () => {
  it.each(["customer/other", "decisions"])("%s is not its own: told, and closed with 4403", async (topic) => {
    const socket = await connect();
    socket.say({ op: "subscribe", id: "s", topic });
    expect(await socket.frame(({ id }) => id === "s")).toMatchObject({ op: "error", code: "forbidden", topic });
    expect((await socket.closed).code).toBe(4403);
  });

  it("an outcome of somebody else's NBA neither", async () => {
    const admin = await token({ scope: "admin" });
    const ask = { customer: "other", channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 };
    const answer = await fetch(`${outside.url}/v1/decisions`, {
      method: "POST",
      headers: { authorization: `Bearer ${admin}`, "content-type": "application/json" },
      body: JSON.stringify(ask),
    });
    const { slates } = (await answer.json()) as { slates: { items: { trackingCode: string }[] }[] };
    const socket = await connect();
    socket.say({ op: "outcome", trackingCode: slates[0]?.items[0]?.trackingCode, outcome: "accepted" });
    expect((await socket.closed).code).toBe(4403);
  });

  it("admin follows the feed", async () => {
    const socket = await connect({ scope: "admin" });
    socket.say({ op: "subscribe", topic: "decisions" });
    await socket.frame(({ op, topic }) => op === "ack" && topic === "decisions");
  });
});

describe("ACC-5 a ticket", () => {
  it("opens one socket, as its caller, for as long as the token lasts", async () => {
    const { status, body } = await ticket(await agent({ exp: 3 }));
    expect(status).toBe(200);
    expect(body.expiresAt - Date.now()).toBeLessThanOrEqual(30_000);
    const first = await open(`?ticket=${body.ticket}`);
    first.say({ op: "subscribe", topic: "customer/mine" });
    await first.frame(({ op }) => op === "snapshot");
    const second = await open(`?ticket=${body.ticket}`);
    expect(await second.closed).toEqual({ code: 4401, reason: "the ticket was used already, or is too old" });
    expect((await first.closed).code).toBe(4401);
  });

  it("is given to who may open a socket, and is not in Redis as it is in the URL", async () => {
    expect((await ticket(await agent({ scope: "decide" }))).status).toBe(403);
    const { body } = await ticket(await agent());
    const connection = await outside.lane.connection();
    const keys = (await connection.command(["KEYS", "nba:ticket:*"])) as readonly unknown[];
    expect(keys.map(String).some((key) => key.includes(body.ticket))).toBe(false);
    expect(keys.length).toBeGreaterThan(0);
    for (const key of keys) expect(Number(await connection.command(["PTTL", String(key)]))).toBeGreaterThan(0);
    const guessed = await open(`?ticket=${"A".repeat(43)}`);
    expect((await guessed.closed).code).toBe(4401);
  });
});

it("ACC-7 messages of one caller over all its sockets are bounded: 4429", async () => {
  const several = await Promise.all([open(), open(), open()]);
  for (const socket of several) socket.say({ op: "connect", token: slow.key });
  for (let round = 0; round < 20; round++) for (const socket of several) socket.say({ op: "unsubscribe", topic: "x" });
  const closed = await Promise.race(several.map((socket) => socket.closed));
  expect(closed).toEqual({ code: 4429, reason: "too many messages of this caller" });
});

it("ACC-14 a socket does not outlive its key, its scope or its topics", async () => {
  const { gone, demoted, narrowed, kept, replaced } = byKey;
  expect((await gone.closed).code).toBe(4401);
  expect((await replaced.closed).code, "another key of its name is not the key it was opened with").toBe(4401);
  expect((await demoted.closed).code).toBe(4403);
  await narrowed.frame(({ op, code, topic }) => op === "error" && code === "forbidden" && topic === "customer/mine");
  kept.say({ op: "subscribe", id: "still", topic: "decisions" });
  await kept.frame(({ op, id }) => op === "ack" && id === "still");
  kept.close();
  narrowed.close();
}, 15_000);

it("ACC-15 refused tokens and tickets of one address are bounded on sockets too: 4429", async () => {
  const codes: number[] = [];
  for (let n = 0; n < 40; n++) {
    const socket = await open(n % 2 === 0 ? "" : `?ticket=${"x".repeat(43)}`);
    if (n % 2 === 0) socket.say({ op: "connect", token: `nba_${"x".repeat(43)}` });
    codes.push((await socket.closed).code);
  }
  expect(new Set(codes)).toEqual(new Set([4401, 4429]));
  const { frame } = await connect();
  await frame(connected);
}, 20_000);

it("ACC-4 a socket that never connects is closed with 4408, five seconds later", async () => {
  expect(await silent.closed).toEqual({ code: 4408, reason: "no connect with a token within 5 s" });
});
