// Every HTTP operation of a real engine, with requests that are nearly right, and with bytes that are hardly HTTP.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { packPeer } from "../../engine/peer/peer-wire.ts";
import { passOf, seal } from "../../engine/peer/seal.ts";
import { chanceOf, inputs, SEED } from "./chance.ts";
import { type EngineAtBay, startAtBay } from "./engine-at-bay.ts";
import { type HttpLane, openLane, sendRaw, statusesOf } from "./http-lane.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import { differing, settledDigest } from "./redis-digest.ts";
import { breakRequests, type WrittenRequest, writeRequest } from "./requests.ts";

const TIMEOUT = { timeout: 1_800_000 };
const LANES = 8;
const REFUSED_KEPT_MAX = inputs(600, 20_000);
let fuzzed: EngineAtBay;
/** Gets only what the other one refused. */
let quiet: EngineAtBay;
const refused: WrittenRequest[] = [];

beforeAll(async () => {
  [fuzzed, quiet] = await Promise.all([startAtBay(), startAtBay()]);
  await say("/v1/events", { id: "e", type: "purchase", customer: "c-17", ts: Date.now(), props: { amount: 5 } });
  await say("/v1/decisions", {
    customer: "c-17",
    channel: "app",
    placements: [{ name: "app-home" }],
    deadlineMs: 1_000,
  });
});
afterEach(({ task }) => {
  // The last words of an engine that fell.
  if (task.result?.state === "fail") process.stderr.write(`${fuzzed.engine.log().slice(-3_000)}\n`);
});
afterAll(async () => {
  await Promise.all([fuzzed?.stop(), quiet?.stop()]);
});

/** To the quiet one, whose customer it makes. */
async function say(path: string, value: object): Promise<void> {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${quiet.engine.url}${path}`, { method: "POST", headers, body: JSON.stringify(value) });
  expect([path, answer.ok]).toEqual([path, true]);
}

/** Runs `count` of them over a few connections. A failure tells the run, so that NBA_SEED finds it again. */
async function overLanes(
  port: number,
  count: number,
  one: (lane: HttpLane, run: number) => Promise<void>,
): Promise<void> {
  const lanes = Array.from({ length: LANES }, () => openLane(port));
  try {
    await Promise.all(
      lanes.map(async (lane, index) => {
        for (let run = index; run < count; run += LANES) await one(lane, run);
      }),
    );
  } finally {
    for (const lane of lanes) lane.close();
  }
}

/** 503: Redis away, or more than it takes on. 505: an HTTP version that there is not, told by the library. */
function isBreach(status: number): boolean {
  return status >= 500 && status !== 503 && status !== 505;
}

describe("HTTP", () => {
  const requests = inputs(1_200, 40_000);
  test(`requests that are nearly right: no 5xx (${requests} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const { port, operations } = fuzzed;
    const counts = new Map<number, number>();
    await overLanes(port, requests, async (lane, run) => {
      const chance = chanceOf(`request ${run}`);
      const request = writeRequest(chance.pick(operations), port, chance);
      const { status, body } = await lane.send(request.bytes, request.isHead);
      counts.set(status, (counts.get(status) ?? 0) + 1);
      if (isBreach(status)) expect.fail(`run ${run}: ${status} ${body} to ${request.bytes.toString("latin1")}`);
      const isRefused = status >= 400 && status < 500 && status !== 409;
      // An Idempotency-Key is remembered with its answer, also with a refusal.
      const isRemembered = request.bytes.includes("idempotency-key");
      if (isRefused && !isRemembered && refused.length < REFUSED_KEPT_MAX) refused.push(request);
    });
    for (const status of [200, 202, 400, 404, 405, 415]) expect([...counts.keys()]).toContain(status);
    await fuzzed.expectWell();
  });

  test(
    `what was refused changed nothing in Redis, and nothing that is seen (up to ${REFUSED_KEPT_MAX} inputs)`,
    TIMEOUT,
    async () => {
      const { port, client, engine } = quiet;
      const look = async () => (await (await fetch(`${engine.url}/v1/customers/c-17/events`)).json()) as object;
      const seen = async () => (await (await fetch(`${engine.url}/v1/customers/c-17/decisions`)).json()) as object;
      // What it knows itself is stored some seconds after the last entry.
      await expect.poll(() => client.keys("nba:*:profile:c-17"), { timeout: 30_000 }).toHaveLength(1);
      const before = [await settledDigest(client), await look(), await seen()] as const;
      const own = refused.map(({ bytes, isHead }) => ({
        bytes: Buffer.from(
          bytes.toString("latin1").replace(`host: 127.0.0.1:${fuzzed.port}`, `host: 127.0.0.1:${port}`),
          "latin1",
        ),
        isHead,
      }));
      expect(own.length).toBeGreaterThan(200);
      await overLanes(port, own.length, async (each, run) => {
        const { bytes, isHead } = own[run] as WrittenRequest;
        const { status } = await each.send(bytes, isHead);
        // 0: closed without an answer, for the one before had a body that nobody read. What is only read may be there by now.
        const isTaken = status > 0 && status < 400 && !/^(GET|HEAD|OPTIONS) /.test(bytes.toString("latin1"));
        if (isTaken || isBreach(status)) expect.fail(`${status} to ${bytes.toString("latin1")}`);
      });
      const after = await settledDigest(client, 500);
      expect(differing(before[0], after).join(" ")).toBe("");
      expect([await look(), await seen()]).toEqual([before[1], before[2]]);
      await quiet.expectWell();
    },
  );

  const raw = inputs(600, 15_000);
  test(`broken HTTP: each connection is answered or closed (${raw} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const { port, operations } = fuzzed;
    const seen = new Set<number>();
    const one = async (run: number): Promise<void> => {
      const bytes = breakRequests(operations, port, chanceOf(`raw ${run}`));
      const answered = await sendRaw(port, bytes).catch((error: Error) => expect.fail(`run ${run}: ${error.message}`));
      for (const status of statusesOf(answered)) {
        seen.add(status);
        if (isBreach(status)) expect.fail(`run ${run}: ${status} to ${bytes.toString("latin1")}`);
      }
    };
    const lanes = Array.from({ length: 16 }, async (_, lane) => {
      for (let run = lane; run < raw; run += 16) await one(run);
    });
    await Promise.all(lanes);
    expect(seen).toContain(400);
    await fuzzed.expectWell();
  });

  const sealed = inputs(300, 10_000);
  test(`other engines: garbage, forged and signed (${sealed} inputs, NBA_SEED=${SEED})`, TIMEOUT, async () => {
    const { port, client } = fuzzed;
    // The first that is asked by another engine reads the secret, or writes it.
    await fetch(`${fuzzed.engine.url}/v1/peer/look`, {
      method: "POST",
      headers: { "content-type": "application/vnd.nba.peer" },
      body: "x",
    });
    const secret = Buffer.from((await client.hget("nba:config", "peerSecret")) ?? expect.fail("no secret"), "hex");
    const asked = { key: "c-17", channel: "app", placements: [{ name: "app-home" }], context: {}, deadlineMs: 25 };
    const event = { id: "p-1", type: "page_view", key: "c-17", ts: Date.now(), source: "http", props: { a: 1 } };
    const sent = {
      ask: asked,
      look: { key: "c-17" },
      simulate: { ...asked, direction: "inbound" },
      now: { keys: ["c-17"] },
      append: { events: [event] },
    };
    const statuses = new Set<number>();
    await overLanes(port, sealed, async (lane, run) => {
      const chance = chanceOf(`peer ${run}`);
      const [name, value] = chance.pick(Object.entries(sent));
      const about = `POST /v1/peer/${name}`;
      const payload = mutateBytes(packPeer(value), chance);
      const isForged = chance.below(2) === 0;
      const whole = isForged
        ? mutateBytes(seal(secret, about, payload, Date.now()), chance)
        : seal(secret, about, payload, Date.now());
      const pass = isForged && chance.below(4) === 0 ? "NBA-Engine 1.x" : passOf(secret, Date.now());
      const head = `${about} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nauthorization: ${pass}\r\ncontent-type: application/vnd.nba.peer\r\ncontent-length: ${whole.length}\r\n\r\n`;
      const { status, body } = await lane.send(Buffer.concat([Buffer.from(head), whole]));
      statuses.add(status);
      if (isBreach(status)) expect.fail(`run ${run}: ${status} ${body} to ${name} ${payload.toString("hex")}`);
    });
    expect(statuses.size).toBeGreaterThan(1);
    await fuzzed.expectWell();
  });
});
