// Callers who are not let in, by the hundred and with bodies that never come: they take no place from those who are.
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGuard } from "../../engine/deliver/auth/guard.ts";
import { PEER_TYPE } from "../../engine/peer/peer-client.ts";
import { passOf } from "../../engine/peer/seal.ts";
import { connect as connectTo } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { hs256, SECRET, token } from "./auth/tokens.ts";
import { type Outside, startOutside } from "./outside.ts";

const CALLERS = 200;
const REQUESTS_MAX = 40;
const BODY_WITHIN_MS = 500;

let redis: TestRedis;
let outside: Outside;
let bearer: string;

beforeAll(async () => {
  redis = await startTestRedis();
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  outside = await startOutside(redis.url, {
    guard: { auth: { tokens, apiKeysFile: undefined }, perSecond: 10_000 },
    bounds: { requestsMax: REQUESTS_MAX, bytesMax: 200_000 },
    bodyWithinMs: BODY_WITHIN_MS,
  });
  bearer = await token({ scope: "admin" });
});
afterAll(async () => {
  await outside.stop();
  await redis.stop();
});

interface Caller {
  readonly socket: Socket;
  /** Status of the first answer; 0 where the connection ends without one. */
  readonly status: Promise<number>;
  readonly closed: Promise<void>;
}

/** `request` without the blank line: nothing of the body is sent unless the caller does so. */
function begin(request: string, more: Readonly<Record<string, string>> = {}): Caller {
  const socket = connect(Number(new URL(outside.url).port), "127.0.0.1");
  const headers = { host: "127.0.0.1", "content-type": "application/json", "content-length": "1000", ...more };
  const lines = Object.entries(headers).filter(([, value]) => value !== "");
  socket.write(`${[`${request} HTTP/1.1`, ...lines.map((line) => line.join(": "))].join("\r\n")}\r\n\r\n`);
  let text = "";
  const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
  const status = new Promise<number>((resolve) => {
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      if (text.includes("\r\n")) resolve(Number(text.split(" ")[1]));
    });
    void closed.then(() => resolve(0));
  });
  socket.on("error", () => undefined); // it is told by its close
  return { socket, status, closed };
}

const statusesOf = async (callers: readonly Caller[]): Promise<ReadonlySet<number>> =>
  new Set(await Promise.all(callers.map(({ status }) => status)));

async function ask(): Promise<number> {
  const answer = await fetch(`${outside.url}/v1/decisions`, {
    method: "POST",
    headers: { authorization: `Bearer ${bearer}`, "content-type": "application/json" },
    body: JSON.stringify({ customer: "kim", channel: "app", placements: [{ name: "app-home" }] }),
  });
  await answer.arrayBuffer();
  return answer.status;
}

/** As the engine knows it by then. */
async function secretOf(): Promise<Buffer> {
  // The first that is asked by another engine reads the secret, or writes it.
  await begin("POST /v1/peer/ask", { "content-type": PEER_TYPE }).status;
  const client = connectTo(redis);
  const secret = await client.hget("nba:config", "peerSecret");
  client.disconnect();
  return Buffer.from(secret ?? expect.fail("no secret"), "hex");
}

describe("ACC-18 who is not let in", () => {
  it("ACC-18 is told as soon as that is known, without its body, and its connection is closed", async () => {
    const forged = await token({ scope: "admin" }, hs256("z".repeat(40)));
    const callers = Array.from({ length: CALLERS }, (_, n) => {
      const shown = n % 2 === 0 ? "aaaa.bbbb.cccc" : forged;
      return begin("POST /v1/decisions", { authorization: `Bearer ${shown}` });
    });
    const statuses = await statusesOf(callers);
    // Those for whom there was no room while the others were judged are told to come again.
    for (const status of statuses) expect([401, 429, 503]).toContain(status);
    expect(statuses).toContain(401);
    await Promise.all(callers.map(({ closed }) => closed));
    expect(await ask()).toBe(200);
  });

  it("ACC-18 may be gone before its token is judged", async () => {
    const callers = Array.from({ length: CALLERS }, () =>
      begin("POST /v1/decisions", { authorization: "Bearer aaaa.bbbb.cccc" }),
    );
    for (const { socket } of callers) socket.once("connect", () => setImmediate(() => socket.resetAndDestroy()));
    await Promise.all(callers.map(({ closed }) => closed));
    expect(await ask()).toBe(200);
  });

  it("ACC-18 is judged by the address that it had, for a connection that is gone has none", async () => {
    const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
    const guard = createGuard(
      { auth: { tokens, apiKeysFile: undefined }, perSecond: undefined },
      { warn: (words) => expect.unreachable(words) },
    );
    let isGone = false;
    const address = (): string => (isGone ? expect.unreachable("the connection is gone") : "127.0.0.1");
    const judging = guard.judge(["agent"], "Bearer aaaa.bbbb.cccc", address);
    isGone = true;
    expect(await judging).toMatchObject({ kind: "refused", answer: { status: 401 } });
    guard.close();
  });

  it("ACC-18 takes no place from who is: while bodies of other engines never come", async () => {
    const authorization = passOf(await secretOf(), Date.now());
    const callers = Array.from({ length: CALLERS }, () =>
      begin("POST /v1/peer/ask", { "content-type": PEER_TYPE, authorization }),
    );
    // Whom there is no room for is told at once: all places are taken by then.
    await Promise.race(callers.map(({ status }) => status));
    expect(await ask()).toBe(200);
    const answers = await Promise.all(callers.map(({ status }) => status));
    // On a busy machine the last ones may come when the first have had their time.
    const [late, turnedAway] = [408, 503].map((wanted) => answers.filter((status) => status === wanted).length);
    expect(late).toBeGreaterThanOrEqual(REQUESTS_MAX / 2);
    expect(turnedAway).toBe(CALLERS - (late as number));
    expect(turnedAway).toBeGreaterThan(0);
    expect(await ask()).toBe(200);
  });

  it("ACC-18 takes no place from other engines either: who has no pass is told so without its body", async () => {
    await secretOf();
    for (const authorization of ["", "NBA-Engine 1.x", passOf(Buffer.alloc(32), Date.now())]) {
      const callers = Array.from({ length: CALLERS }, () =>
        begin("POST /v1/peer/ask", { "content-type": PEER_TYPE, authorization }),
      );
      expect(await statusesOf(callers)).toEqual(new Set([403]));
      await Promise.all(callers.map(({ closed }) => closed));
    }
  });

  it("ACC-18 is counted no more once it is: a token that is new is let in behind its verdict", async () => {
    const fresh = await Promise.all(
      Array.from({ length: 3 * REQUESTS_MAX }, async (_, n) => await token({ sub: `s-${n}`, scope: "admin" })),
    );
    for (const each of fresh) {
      const answer = await fetch(`${outside.url}/v1/events`, {
        method: "POST",
        headers: { authorization: `Bearer ${each}`, "content-type": "application/json" },
        body: "[]",
      });
      await answer.arrayBuffer();
      expect([202, 422]).toContain(answer.status);
    }
    expect(await ask()).toBe(200);
  });
});

describe("ACC-19 a body that does not come", () => {
  it.each([
    ["with a length", {}],
    ["in chunks", { "content-length": "", "transfer-encoding": "chunked" }],
  ])("ACC-19 is waited for so long, then answered 408, and closed: %s", async (_, more) => {
    const callers = Array.from({ length: 10 }, () =>
      begin("POST /v1/decisions", { authorization: `Bearer ${bearer}`, ...more }),
    );
    expect(await statusesOf(callers)).toEqual(new Set([408]));
    await Promise.all(callers.map(({ closed }) => closed));
    expect(await ask()).toBe(200);
  });

  it("ACC-19 or drips, byte by byte, is answered 408", async () => {
    const caller = begin("POST /v1/decisions", { authorization: `Bearer ${bearer}` });
    const drip = setInterval(() => caller.socket.write(" "), 50);
    expect(await caller.status).toBe(408);
    clearInterval(drip);
  });

  it("ACC-19 and one that comes in pieces is taken", async () => {
    let status = 408;
    // A machine that is held up may be late with the second piece.
    for (let attempt = 0; attempt < 5 && status === 408; attempt++) {
      const caller = begin("POST /v1/events", { authorization: `Bearer ${bearer}`, "content-length": "2" });
      caller.socket.write("[");
      await new Promise((resolve) => setTimeout(resolve, 20));
      caller.socket.write("]");
      status = await caller.status;
      caller.socket.destroy();
    }
    expect([202, 422]).toContain(status);
  });
});
