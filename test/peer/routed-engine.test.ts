// A real engine that owns everything, asked over HTTP by one that owns nothing.

import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createRedisLane, type RedisLane } from "../../engine/deliver/redis-lane.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { anonymousKey, customerKey } from "../../engine/domain/ids.ts";
import type { Ask, AskAnswer, Engine, Ownership } from "../../engine/engine.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { createPeerClient, type PeerClient } from "../../engine/peer/peer-client.ts";
import { createPeerSecret, type PeerSecret } from "../../engine/peer/peer-secret.ts";
import { packPeer } from "../../engine/peer/peer-wire.ts";
import { createRoutedEngine } from "../../engine/peer/routed-engine.ts";
import { passOf, seal } from "../../engine/peer/seal.ts";
import { type Outside, startOutside } from "../deliver/outside.ts";
import { askFor, connect, decided, event, home, outcomeOf, until } from "../partition/harness.ts";
import { freePort, startTestRedis, type TestRedis } from "../redis.ts";

let redis: TestRedis;
let client: Redis;
let outside: Outside;
let lane: RedisLane;
let secret: PeerSecret;
let peers: PeerClient;
const released: DecisionRecord[] = [];

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  outside = await startOutside(redis.url);
  lane = createRedisLane(() => connectRedis({ url: redis.url, silenceMs: 2_000 }));
  secret = createPeerSecret(() => lane.connection());
  peers = newPeers(secret);
});
afterAll(async () => {
  await peers.close();
  lane.close();
  await outside.stop();
  client.disconnect();
  await redis.stop();
});

function newPeers(known: PeerSecret, inFlightMax = 100): PeerClient {
  const bounds = { inFlightMax, connectionsMax: 8, answerBytesMax: 1_000_000 };
  return createPeerClient({ secret: known, clock: Date.now, skewMs: 30_000, ...bounds });
}

/** An engine that owns nothing; what it is asked itself is an error. */
function front(owner: Ownership, call: PeerClient["call"] = peers.call): Engine {
  const local = {
    partitions: 4,
    ownership: () => owner,
    append: outside.running.loop.engine.append,
  } as unknown as Engine;
  const release = async (record: DecisionRecord): Promise<void> => void released.push(record);
  const log = { error: (message: string) => expect.unreachable(message) };
  return createRoutedEngine({
    local,
    peers: { call },
    release,
    clock: Date.now,
    log,
    patienceMs: 2_000,
    lateMs: 2_000,
  });
}

const there = (): Ownership => ({ kind: "there", address: new URL(outside.url).host });
const owner = (): Engine => outside.running.loop.engine;
const keyed = (customer: string, changes: Partial<Ask> = {}): Ask =>
  askFor(customer, { idempotencyKey: `k-${customer}`, requestHash: "h", ...changes });

describe("what the owner knows, asked for one hop away", () => {
  it("ANY-1 asks: the same decision under the same Idempotency-Key, here and there, every bit of it", async () => {
    const ask = keyed("ana");
    const far = await front(there()).ask(ask);
    expect(decided(far).kind).toBe("act");
    expect(await owner().ask(ask)).toStrictEqual(far);
    expect(await front(there()).ask(ask)).toStrictEqual(far);
    expect(await front(there()).ask({ ...ask, requestHash: "other" })).toMatchObject({ kind: "conflict" });
    const refused = await front(there()).ask(askFor("ana", { channel: "fax" }));
    expect(refused).toMatchObject({ kind: "refused", pointer: "/channel" });
  });

  it("ACC-16 asks that want to be told whose an anonymous key is: told, and nothing is decided", async () => {
    const key = anonymousKey("device");
    const ask = { ...askFor("x", { idempotencyKey: "k-d", requestHash: "h" }), key };
    const identify = event("i-1", "identify", "dora");
    await owner().append([{ ...identify, anonymousId: "device" }]);
    await until(async () => (await owner().look(key))?.joinedTo !== undefined);
    const told = { kind: "joined", customer: "dora" };
    expect(await front(there()).ask({ ...ask, joined: "tell" })).toEqual(told);
    expect((await owner().look(customerKey("dora")))?.contacts).toEqual([]);
    await until(async () => (await front(there()).ask(ask)).kind === "decided");
    expect(decided(await front(there()).ask(ask)).key).toBe("dora");
    expect(await front(there()).ask({ ...ask, joined: "tell" })).toEqual(told);
  });

  it("looks and what-ifs are those of the owner", async () => {
    decided(await front(there()).ask(askFor("bea")));
    const far = await front(there()).look(customerKey("bea"));
    const near = await owner().look(customerKey("bea"));
    expect(far?.active).toHaveLength(1);
    expect({ ...far, now: near?.now }).toStrictEqual({ ...near });
    expect(await front(there()).look(customerKey("nobody-ever"))).toBeUndefined();
    const wanted = {
      key: customerKey("bea"),
      direction: "inbound",
      placements: [{ name: "app-home" }],
      context: {},
    } as const;
    const suppose = {
      attributes: {},
      features: { views_1h: null },
      models: {},
      consents: [],
      contacts: "none",
    } as const;
    const simulated = await front(there()).simulate({ ...wanted, channel: "app", suppose });
    if (simulated.kind !== "simulated") throw new Error(simulated.why);
    expect(simulated.record.input.profile.features).toBeInstanceOf(Float64Array);
    expect(simulated.explanation).toMatchObject({ kind: "explained", reproduced: true });
    const faulty = await front(there()).simulate({ ...wanted, channel: "fax", suppose });
    expect(faulty).toMatchObject({ kind: "refused", pointer: "/channel" });
  });
});

describe("where the owner does not answer", () => {
  it("ANY-2 nobody owns the partition: unavailable at once", async () => {
    const nobody = front({ kind: "nobody", retryAfterMs: 700 });
    expect(await nobody.ask(askFor("ana"))).toMatchObject({ kind: "unavailable", retryAfterMs: 700 });
    await expect(nobody.look(customerKey("ana"))).rejects.toMatchObject({ name: "Unavailable" });
  });

  it("ANY-2 it was killed, does not own it any more, or has too much to do", async () => {
    const dead = front({ kind: "there", address: `127.0.0.1:${await freePort()}` });
    expect(await dead.ask(askFor("ana"))).toMatchObject({ kind: "unavailable", retryAfterMs: 1_000 });
    await expect(dead.look(customerKey("ana"))).rejects.toMatchObject({ name: "Unavailable" });
    const [now] = await dead.now([customerKey("ana")]);
    expect(Math.abs((now as number) - Date.now())).toBeLessThan(60_000);
    const busy = newPeers(secret, 1);
    const some = Array.from({ length: 3 }, (_, n) => front(there(), busy.call).ask(askFor(`busy-${n}`)));
    expect((await Promise.all(some)).map(({ kind }) => kind)).toEqual(["decided", "overloaded", "overloaded"]);
    await busy.close();
  });

  it("ANY-2 ANY-4 its answer is late: the fallback in time, and what it decided is given back", async () => {
    const answer = await owner().ask(askFor("cleo"));
    const slow = (async () => {
      await new Promise((resolve) => setTimeout(resolve, 60));
      return answer;
    }) as PeerClient["call"];
    const late: AskAnswer = { kind: "fallback", why: "deadline" };
    expect(await front(there(), slow).ask(askFor("cleo", { deadlineMs: 20 }))).toEqual(late);
    await expect.poll(() => released).toEqual([decided(answer)]);
  });
});

describe("outcomes", () => {
  it("ANY-5 belong to the time that a replay drives, through whichever engine they come", async () => {
    const dan = "dan-0";
    const { contacts } = decided(await owner().ask(askFor(dan)));
    const then = Date.now() - 40 * 86_400_000;
    const body = JSON.stringify({ id: "old", type: "page_view", customer: dan, ts: then });
    await client.xadd(`nba:{${home(dan)}}:events`, "*", "s", "clickstream", "t", String(then), "d", body);
    await expect
      .poll(async () => (await owner().look(customerKey(dan)))?.features["views_1h"] !== undefined)
      .toBe(true);
    const report = outcomeOf(dan, contacts[0]?.trackingCode as string, "presented");
    const [appended] = await front(there()).append([report]);
    expect(appended?.kind).toBe("appended");
    const [[, fields] = ["", []]] = await client.xrevrange(`nba:{${home(dan)}}:events`, "+", "-", "COUNT", 1);
    const driven = Number(fields[fields.indexOf("t") + 1]);
    expect(Math.abs(driven - then)).toBeLessThan(60_000);
    const dead = front({ kind: "there", address: `127.0.0.1:${await freePort()}` });
    expect((await dead.append([report]))[0]?.kind).toBe("appended");
    const [mixed] = await dead.append([event("e", "page_view", dan), report]);
    expect(mixed?.kind).toBe("appended");
  });
});

describe("ANY-6 the routes of engines refuse", () => {
  const path = "/v1/peer/ask";
  const pass = async (atMs = Date.now(), key?: Buffer): Promise<string> => passOf(key ?? (await secret.agreed()), atMs);
  const post = async (body: Uint8Array, type = "application/vnd.nba.peer", authorization?: string): Promise<number> => {
    const response = await fetch(`${outside.url}${path}`, {
      method: "POST",
      headers: { "content-type": type, authorization: authorization ?? (await pass()) },
      body: new Uint8Array(body),
    });
    await response.arrayBuffer();
    return response.status;
  };
  const sealed = async (about = `POST ${path}`, atMs = Date.now(), key?: Buffer): Promise<Buffer> =>
    seal(key ?? (await secret.agreed()), about, packPeer(askFor("eve")), atMs);

  it("what is unsigned, signed by others or for another call, stale, too large, or of another type", async () => {
    expect(await post(await sealed())).toBe(200);
    expect(await post(packPeer(askFor("eve")))).toBe(403);
    expect(await post(Buffer.alloc(0))).toBe(403);
    expect(await post(await sealed(undefined, undefined, Buffer.alloc(32)))).toBe(403);
    expect(await post(await sealed("POST /v1/peer/look"))).toBe(403);
    expect(await post(await sealed(undefined, Date.now() - 31_000))).toBe(403);
    expect(await post(await sealed(undefined, Date.now() + 31_000))).toBe(403);
    expect(await post(Buffer.alloc(4_194_305))).toBe(413);
    expect(await post(await sealed(), "application/json")).toBe(415);
  });

  it("what has no pass of an engine, whatever its body", async () => {
    const none = ["", "Bearer x", await pass(Date.now() - 31_000), await pass(undefined, Buffer.alloc(32))];
    for (const each of none) expect(await post(await sealed(), undefined, each), each).toBe(403);
  });

  it("what it does not own, and what no engine would send", async () => {
    const call = peers.call(new URL(outside.url).host, "ask", { key: 7 } as unknown as Ask, 1_000);
    await expect(call).rejects.toThrow("not a request that this version takes");
  });

  it("and who asks believes only an answer that was signed for the question", async () => {
    const strangers = newPeers({ agreed: async () => Buffer.alloc(32), known: () => Buffer.alloc(32) });
    expect(await front(there(), strangers.call).ask(askFor("eve"))).toMatchObject({ kind: "unavailable" });
    await strangers.close();
  });

  it("the secret is nowhere to be read", async () => {
    const openapi = await (await fetch(`${outside.url}/openapi.json`)).text();
    expect(openapi).not.toContain("/v1/peer");
    const metrics = await (await fetch(`${outside.url}/metrics`)).text();
    expect(metrics).not.toContain((await secret.agreed()).toString("hex"));
    expect((await secret.agreed()).length).toBe(32);
    expect(await client.hget("nba:config", "peerSecret")).toBe((await secret.agreed()).toString("hex"));
  });
});
