// S1 to S5 with harm at every step of every script that an engine runs: before its bytes are with Redis, in the middle of them, and
// after it ran and before its reply; connections are cut, or fall silent, or the engine or Redis is killed in that moment. The load
// goes on all the time. Afterwards its books are compared with what Redis holds, and everything stored is told anew.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { compareBooks, expectedPurchases, foldedPurchases, untilTold } from "../kills/compare-books.ts";
import { readEverything } from "../kills/journal-reader.ts";
import { startLoad } from "../kills/load.ts";
import { seeded } from "../kills/seeded.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import type { EngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import {
  expectUnitsGivenBack,
  type FaultRules,
  PARTITIONS,
  startFaultEngine,
  untilWell,
  writeFaultRules,
} from "./fault-engine.ts";
import { type FaultProxy, type Place, startFaultProxy } from "./fault-proxy.ts";

const SCRIPTS = [
  "engine/journal/append-known.lua",
  "engine/journal/commit.lua",
  "engine/journal/acquire.lua",
  "engine/journal/renew.lua",
  "engine/journal/beat.lua",
  "engine/journal/note.lua",
  "engine/journal/quota.lua",
  "engine/ingest/append-once.lua",
  "engine/ingest/mover-lease.lua",
  "engine/ingest/trim-moved.lua",
  "engine/deliver/send-once.lua",
];
const PLACES: readonly Place[] = ["before", "middle", "after"];
const HARMS = ["cut", "kill-engine", "kill-redis", "silence"] as const;
const IS_LONG = process.env["NBA_LONG"] === "1";
const ROUNDS = Number(process.env["NBA_ROUNDS"] ?? (IS_LONG ? 500 : 22));
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);

/** What the engine said meanwhile is shown: a lease and one time-out should be enough on a machine that is quiet. */
const SLOW_MS = 5_000;

interface Round {
  readonly script: string;
  readonly place: Place;
  readonly harm: (typeof HARMS)[number];
}

let redis: TestRedis;
let rules: FaultRules;
let folder: string;
let proxy: FaultProxy;
let engine: EngineProcess | undefined;

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  rules = await writeFaultRules();
  folder = await mkdtemp(join(tmpdir(), "nba-proxy-"));
  proxy = await startFaultProxy(join(folder, "proxy.sock"), redis.socket);
});
afterAll(async () => {
  await engine?.kill();
  proxy.stop();
  await redis.stop();
  await rules.remove();
  await rm(folder, { recursive: true });
});

/** Every combination once before any comes again; of 22, each place and harm, and each script twice. Silence takes two seconds. */
function plan(random: () => number): readonly Round[] {
  const all = PLACES.flatMap((place) => HARMS.flatMap((harm) => SCRIPTS.map((script) => ({ script, place, harm }))));
  const rounds: Round[] = [];
  const left: Round[] = [];
  while (rounds.length < ROUNDS) {
    if (left.length === 0) left.push(...all);
    const wanted = SCRIPTS[rounds.length % SCRIPTS.length];
    const harms = IS_LONG || rounds.length % 10 === 9 ? HARMS : HARMS.slice(0, 3);
    const fitting = left.filter(({ script, harm }) => script === wanted && harms.includes(harm));
    const from = fitting.length === 0 ? left : fitting;
    const drawn = from[Math.floor(random() * from.length)] as Round;
    left.splice(left.indexOf(drawn), 1);
    rounds.push(drawn);
  }
  return rounds;
}

/** Strikes, and resolves when everything is well again; tells how long that took. */
async function suffer({ script, place, harm }: Round, random: () => number): Promise<number> {
  const victim = engine as EngineProcess;
  let killing: Promise<void> | undefined;
  const struck = proxy.strike({
    script,
    place,
    skip: Math.floor(random() * 3),
    lingersMs: harm === "kill-redis" ? random() * 4 : 30,
    isSilent: harm === "silence",
    harm: () => {
      if (harm === "kill-engine") killing = victim.kill();
      if (harm === "kill-redis") killing = redis.kill();
    },
  });
  // Partitions are taken only where they were lost, and what they hold of quotas is settled then.
  if (/acquire|quota/.test(script)) proxy.cutAll();
  const late = sleep(60_000, "late" as const, { ref: false });
  if ((await Promise.race([struck, late])) === "late") throw new Error(`${script} was not sent within a minute`);
  await killing;
  if (harm === "kill-redis") await redis.restart();
  if (harm === "kill-engine") engine = await startFaultEngine(proxy.url, rules);
  return await untilWell(engine as EngineProcess);
}

it(`S1 S2 S3 S5: ${ROUNDS} strikes at every step of every script lose nothing, double nothing, exceed no cap (NBA_SEED=${SEED})`, {
  timeout: 180_000 + ROUNDS * 60_000,
}, async () => {
  console.log(`strikes: NBA_SEED=${SEED}`);
  const random = seeded(SEED);
  engine = await startFaultEngine(proxy.url, rules);
  const slowest = { ms: 0, round: "" };
  let done = 0;
  const load = startLoad({
    redisUrl: redis.tcpUrl,
    url: () => engine?.url,
    // With new ones all the time: the others have reached their caps, and nothing is sent to them any more.
    get customers() {
      return 12 + 6 * done;
    },
    // Not more than is needed: all of it is folded again after each strike.
    pauseMs: 200,
    random,
  });
  for (const [n, round] of plan(random).entries()) {
    const name = `strike ${n}: ${round.harm} ${round.place} ${round.script}`;
    const from = { engine, length: engine.log().length };
    const ms = await suffer(round, random).catch((error: Error) => {
      throw new Error(`${name}: ${error.message}`);
    });
    console.log(`${name}: well after ${Math.round(ms)} ms`);
    if (ms > SLOW_MS) console.log(engine.log().slice(engine === from.engine ? from.length : 0));
    if (ms > slowest.ms) Object.assign(slowest, { ms, round: name });
    done++;
    await sleep(random() * 50);
  }
  console.log(`strikes: ${ROUNDS}, well again within ${(slowest.ms / 1_000).toFixed(2)} s (${slowest.round})`);
  await untilTold(load.books, redis.tcpUrl, PARTITIONS, ROUNDS);
  await load.stop();
  const { books } = load;
  const { url } = engine;
  await expect
    .poll(() => foldedPurchases(url, books), { timeout: 60_000, interval: 200 })
    .toEqual(expectedPurchases(books));
  expect(await engine.stop(), engine.log()).toBe(0);
  engine = undefined;
  expect(await expectNothingDiffers(redis.url), "profiles must have been compared").toBeGreaterThan(20);
  const found = await readEverything(redis.tcpUrl, PARTITIONS);
  expectUnitsGivenBack(found);
  compareBooks(books, found, ROUNDS);
});
