// Callers who send and do not read: a raw socket that writes requests in one piece, and leaves what comes back where it is.
import { createHash } from "node:crypto";
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createUnsent, type Unsent } from "../../engine/deliver/unsent.ts";
import { type ListenSocket, listenOn, loadUws } from "../../engine/deliver/uws.ts";
import { writeAnswer } from "../../engine/deliver/write-answer.ts";
import { until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { SECRET, token } from "./auth/tokens.ts";
import { type Outside, startOutside } from "./outside.ts";

/** What the kernel may hold between the two, with room. */
const KERNEL_BYTES_MAX = 24 * 1024 * 1024;
const IN_ONE_PIECE = 500;

function openMute(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.pause();
  socket.on("error", () => undefined); // it is to be cut off
  return socket;
}

/** Writes requests until the other side closes; how many were written. Rejects where it takes `requestsMax` of them. */
async function sendUntilClosed(socket: Socket, request: string, requestsMax: number): Promise<number> {
  const many = request.repeat(IN_ONE_PIECE);
  for (let sent = 0; sent < requestsMax; sent += IN_ONE_PIECE) {
    if (socket.destroyed) return sent;
    socket.write(many);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`${requestsMax} requests were taken from a caller who reads no answer`);
}

describe("ACC-12 who reads no answers", () => {
  let redis: TestRedis;
  let outside: Outside;
  beforeAll(async () => {
    redis = await startTestRedis();
    const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
    const auth = { tokens, apiKeysFile: undefined };
    outside = await startOutside(redis.url, { guard: { auth, perSecond: 1_000_000 } });
  });
  afterAll(async () => {
    await outside.stop();
    await redis.stop();
  });

  const get = (path: string, more = ""): string => `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${more}\r\n`;

  it.each([
    ["the description of the API", get("/openapi.json"), 4_000],
    ["a page", get("/"), 100_000],
    ["a page that has not changed", get("/", "if-none-match: ETAG\r\n"), 100_000],
    ["a probe", get("/healthz"), 100_000],
    ["the head of a probe", get("/healthz").replace("GET", "HEAD"), 100_000],
    ["what needs a token", get("/v1/rulebook"), 100_000],
    ["what there is not", get("/nothing"), 100_000],
    ["a foreign host", get("/healthz").replace("127.0.0.1", "elsewhere.example"), 100_000],
    ["a body where no token is shown", get("/v1/events", "content-length: 0\r\n").replace("GET", "POST"), 100_000],
  ])("is cut off: %s", async (_, request, requestsMax) => {
    const etag = (await fetch(`${outside.url}/`)).headers.get("etag") as string;
    const socket = openMute(Number(new URL(outside.url).port));
    await sendUntilClosed(socket, request.replace("ETAG", etag), requestsMax);
    expect((await fetch(`${outside.url}/healthz`)).status).toBe(200);
  });

  it("gets no more than the kernel takes", async () => {
    const size = (await (await fetch(`${outside.url}/openapi.json`)).arrayBuffer()).byteLength;
    const before = outside.counts["document:200"] as number;
    await sendUntilClosed(openMute(Number(new URL(outside.url).port)), get("/openapi.json"), 4_000);
    expect(((outside.counts["document:200"] as number) - before) * size).toBeLessThan(KERNEL_BYTES_MAX);
  });
});

it("ACC-12 the pages count for the rate of an address, the probes do not", async () => {
  const redis = await startTestRedis();
  const tokens = { from: { secret: Buffer.from(SECRET) }, issuer: undefined, audience: "nba" };
  const outside = await startOutside(redis.url, { guard: { auth: { tokens, apiKeysFile: undefined }, perSecond: 5 } });
  try {
    const statuses = async (path: string): Promise<ReadonlySet<number>> => {
      const all = await Promise.all(Array.from({ length: 60 }, () => fetch(`${outside.url}${path}`)));
      await Promise.all(all.map((answer) => answer.text()));
      return new Set(all.map(({ status }) => status));
    };
    expect(await statuses("/openapi.json")).toEqual(new Set([200, 429]));
    expect(await statuses("/")).toContain(429);
    expect(await statuses("/healthz")).toEqual(new Set([200]));
    const bearer = `Bearer ${await token({ scope: "admin" })}`;
    expect((await fetch(`${outside.url}/v1/rulebook`, { headers: { authorization: bearer } })).status).toBe(200);
  } finally {
    await outside.stop();
    await redis.stop();
  }
});

describe("a large answer", () => {
  const TEXT = "0123456789".repeat(3_000_000);
  const uws = loadUws();
  const app = uws.App();
  let unsent: Unsent;
  let listening: ListenSocket;
  let port = 0;
  beforeAll(async () => {
    app.any("/*", (res, req) => {
      const body = req.getUrl() === "/shared" ? Buffer.from(TEXT) : TEXT;
      writeAnswer(res, { status: 200, headers: {}, body }, { more: {}, head: false, closeConnection: false, unsent });
    });
    listening = await new Promise<ListenSocket>((resolve, reject) => {
      const told = (socket: ListenSocket | false): void =>
        socket === false ? reject(new Error("no port")) : resolve(socket);
      listenOn(app, { host: "127.0.0.1", port: 0, exclusive: true }, told);
    });
    port = uws.us_socket_local_port(listening);
  });
  afterAll(() => {
    app.close();
  });
  const sha = (bytes: string | Buffer): string => createHash("sha256").update(bytes).digest("hex");

  it.each(["/own", "/shared"])("is whole for one who reads late: %s", async (path) => {
    unsent = createUnsent(64 * 1024 * 1024);
    const socket = connect(port, "127.0.0.1");
    socket.pause();
    socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
    await until(() => unsent.count() === 1, 5_000);
    const chunks: Buffer[] = [];
    let size = 0;
    socket.on("data", (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
    });
    socket.resume();
    await until(() => size > TEXT.length && unsent.count() === 0, 10_000);
    const all = Buffer.concat(chunks);
    expect(sha(all.subarray(all.indexOf("\r\n\r\n") + 4))).toBe(sha(TEXT));
    socket.destroy();
  });

  it("is not kept beyond the bound of all: the connection is closed, and another is served", async () => {
    unsent = createUnsent(1_000_000);
    const socket = openMute(port);
    let isClosed = false;
    socket.on("close", () => {
      isClosed = true;
    });
    socket.write("GET /own HTTP/1.1\r\nhost: a\r\n\r\n");
    socket.resume();
    await until(() => isClosed, 5_000);
    expect(unsent.count()).toBe(0);
    expect(sha(await (await fetch(`http://127.0.0.1:${port}/shared`)).text())).toBe(sha(TEXT));
  });
});
