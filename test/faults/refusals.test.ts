// Redis is there and does not do what it is asked: keys of another kind, no memory left, loading, a replica that may not be written,
// a script that runs for ever, clients on hold, answers that take long. The engine refuses or answers the fallback as long as it
// lasts, writes nothing half, and recovers by itself; in the end the books agree and everything stored is told anew.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareBooks, expectedPurchases, foldedPurchases, untilTold } from "../kills/compare-books.ts";
import { readEverything } from "../kills/journal-reader.ts";
import { type Load, startLoad } from "../kills/load.ts";
import { seeded } from "../kills/seeded.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import type { EngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import {
  askOnce,
  type FaultRules,
  inhabitant,
  PARTITIONS,
  startFaultEngine,
  untilWell,
  writeFaultRules,
} from "./fault-engine.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const ROUNDS = Number(process.env["NBA_ROUNDS"] ?? (process.env["NBA_LONG"] === "1" ? 10 : 1));
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const random = seeded(SEED);

let redis: TestRedis;
let rules: FaultRules;
let folder: string;
let proxy: FaultProxy;
let engine: EngineProcess;
let client: Redis;
let load: Load;

beforeAll(async () => {
  console.log(`refusals: NBA_SEED=${SEED}`);
  // What it reads at its start it reads slowly, so that it is loading for some seconds.
  redis = await startTestRedis({ appendOnly: true, args: ["--key-load-delay", "100"] });
  client = new Redis(redis.socket, { retryStrategy: () => 20 });
  client.on("error", () => undefined); // it goes with its server, and comes again
  rules = await writeFaultRules();
  folder = await mkdtemp(join(tmpdir(), "nba-proxy-"));
  proxy = await startFaultProxy(join(folder, "proxy.sock"), redis.socket);
  engine = await startFaultEngine(proxy.url, rules);
  load = startLoad({ redisUrl: redis.tcpUrl, url: () => engine.url, customers: 24, pauseMs: 200, random });
  await untilWell(engine);
});
afterAll(async () => {
  await load?.stop();
  await engine?.kill();
  client.disconnect();
  proxy.stop();
  await redis.stop();
  await rules.remove();
  await rm(folder, { recursive: true });
});

/** Of the partitions named: each is asked, and is refused with 503 or answers the fallback, within the time. */
async function untilRefused(partitions: readonly number[] = [0, 1, 2, 3]): Promise<void> {
  const giveUpAt = performance.now() + 15_000;
  for (const partition of partitions) {
    for (;;) {
      const how = await askOnce(engine.url, inhabitant(partition));
      if (how === 503 || how === "fallback") break;
      expect(how, "an ask is decided or refused, and nothing else").toBe("decided");
      if (performance.now() > giveUpAt) throw new Error(`partition ${partition} still decides; ${engine.log()}`);
      await sleep(10);
    }
  }
}

async function untilReadinessSays(status: number, why: RegExp): Promise<void> {
  const readiness = async (): Promise<string> => {
    const answer = await fetch(`${engine.url}/readyz`);
    return `${answer.status} ${await answer.text()}`;
  };
  const wanted = new RegExp(`^${status} .*${why.source}`);
  await expect.poll(readiness, { timeout: 15_000, interval: 20 }).toMatch(wanted);
}

/** Keys of partition 0 and those of nobody in particular; what is asked of partition 1 must go on where `alone`. */
const KEYS: readonly { readonly key: string; readonly alone: boolean; readonly refuses: boolean }[] = [
  { key: "nba:{0}:checkpoint", alone: true, refuses: true },
  { key: "nba:{0}:lease", alone: true, refuses: true },
  { key: "nba:{0}:journal", alone: true, refuses: true },
  { key: "nba:{0}:timers", alone: true, refuses: true },
  { key: "nba:{0}:decisions", alone: true, refuses: true },
  { key: "nba:{0}:seen", alone: true, refuses: false },
  { key: "nba:{0}:dead", alone: true, refuses: false },
  { key: `nba:{0}:profile:${inhabitant(0)}`, alone: true, refuses: false },
  { key: "nba:{0}:events", alone: false, refuses: false },
  { key: "nba:{0}:walks", alone: true, refuses: false },
  { key: "nba:engines", alone: true, refuses: false },
  { key: "nba:activations", alone: true, refuses: false },
  { key: "nba:mover:transactions", alone: true, refuses: false },
  { key: "transactions", alone: true, refuses: false },
  { key: "nba:dead", alone: true, refuses: false },
  { key: "nba:{quota:app}:contacts:total", alone: true, refuses: false },
  { key: "nba:channel:push", alone: true, refuses: false },
  { key: "{nba:channel:push}:from", alone: true, refuses: false },
];

/** The key is a list for a while, and then what it was. */
async function asList(key: string, whileSo: () => Promise<void>): Promise<void> {
  const aside = `aside:${key}`;
  // In one piece each: a key that the engine writes for the first time between two looks would be lost. (This server is alone.)
  await client.eval(
    "if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('RENAME', KEYS[1], KEYS[2]) end; redis.call('RPUSH', KEYS[1], 'x')",
    2,
    key,
    aside,
  );
  try {
    await whileSo();
  } finally {
    await client.eval(
      "redis.call('DEL', KEYS[1]); if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('RENAME', KEYS[2], KEYS[1]) end",
      2,
      key,
      aside,
    );
  }
}

it.each(KEYS)("WRONGTYPE: $key is a list for a while", { timeout: 120_000 }, async ({ key, alone, refuses }) => {
  await asList(key, async () => {
    if (refuses) await untilRefused([0]);
    else await sleep(200);
    if (alone) await expect.poll(() => askOnce(engine.url, inhabitant(1)), { timeout: 15_000 }).toBe("decided");
  });
  await untilWell(engine);
});

it("OOM: no memory is left in the middle of everything, nothing is written half, and it goes on when there is", {
  timeout: 60_000 + ROUNDS * 90_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    await client.config("SET", "maxmemory", "1");
    try {
      await untilRefused();
      await untilReadinessSays(503, /OOM/);
    } finally {
      await client.config("SET", "maxmemory", "0");
    }
    await untilWell(engine);
    await untilReadinessSays(200, /ready: 4 of 4/);
  }
});

it("READONLY: the server is a replica for a while", { timeout: 60_000 + ROUNDS * 90_000 }, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    // Of a master that is not reached: its own content stays.
    await client.replicaof("127.0.0.1", "1");
    try {
      await untilRefused();
      await untilReadinessSays(503, /READONLY/);
    } finally {
      await client.replicaof("NO", "ONE");
    }
    await untilWell(engine);
  }
});

it("LOADING: the server was killed, comes again and reads its file for long", {
  timeout: 60_000 + ROUNDS * 90_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    // Of what was written so far it reads the outcome only; of these, each by itself.
    await client.bgrewriteaof();
    await expect.poll(() => client.info("persistence"), { timeout: 30_000 }).toMatch(/aof_rewrite_in_progress:0/);
    const ballast = client.pipeline();
    for (let n = 0; n < 5_000; n++) ballast.incr("ballast");
    await ballast.exec();
    await redis.kill();
    const restarting = redis.restart();
    await untilRefused();
    await restarting;
    expect(engine.log()).toMatch(/LOADING/);
    await client.del("ballast");
    await untilWell(engine);
  }
});

it("BUSY: a script of somebody else runs, and is killed", { timeout: 60_000 + ROUNDS * 90_000 }, async () => {
  await client.config("SET", "busy-reply-threshold", "50");
  const other = new Redis(redis.socket);
  for (let round = 0; round < ROUNDS; round++) {
    const endless = other.eval("while true do end", 0).catch((error: Error) => error.message);
    await untilRefused();
    await client.call("SCRIPT", "KILL");
    expect(await endless).toMatch(/killed by user/);
    await untilWell(engine);
  }
  other.disconnect();
});

it("CLIENT PAUSE: nobody is answered for longer than silence is borne", {
  timeout: 60_000 + ROUNDS * 90_000,
}, async () => {
  for (let round = 0; round < ROUNDS; round++) {
    await client.call("CLIENT", "PAUSE", "2500", "ALL");
    await untilRefused();
    await untilWell(engine);
  }
});

it("a Redis that answers 50 to 300 ms late", { timeout: 60_000 + ROUNDS * 90_000 }, async () => {
  proxy.delayAnswers(() => 50 + random() * 250);
  for (let n = 0; n < 8 * ROUNDS; n++) {
    const how = await askOnce(engine.url, inhabitant(n % PARTITIONS));
    expect(["decided", "fallback", 503]).toContain(how);
  }
  proxy.delayAnswers(undefined);
  await untilWell(engine);
});

it("the books agree after all of it, and nothing differs", { timeout: 200_000 }, async () => {
  await untilTold(load.books, redis.tcpUrl, PARTITIONS, 10);
  await load.stop();
  const { books } = load;
  await expect
    .poll(() => foldedPurchases(engine.url, books), { timeout: 60_000, interval: 200 })
    .toEqual(expectedPurchases(books));
  expect(await engine.stop(), engine.log()).toBe(0);
  expect(await expectNothingDiffers(redis.url), "profiles must have been compared").toBeGreaterThan(10);
  compareBooks(books, await readEverything(redis.tcpUrl, PARTITIONS), 10);
});
