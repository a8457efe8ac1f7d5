// A power cut at the Redis server, while an engine stands beside it and goes on. What was not synced to the disk is gone: the
// append-only file is cut at a random byte behind what is sure to be there. SIGKILL alone cannot show this: it leaves every byte.
// With appendfsync always nothing may be lost that anybody was told; with everysec up to two seconds are, and where a disk had not
// kept what it confirmed some bytes are with always, too. What is left then fits together: a commit number never comes twice, and caps hold for all that anybody can still read.
import { statSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterEach, beforeEach, expect, it } from "vitest";
import { compareBooks, expectCapsHeld, expectedPurchases, foldedPurchases, untilTold } from "../kills/compare-books.ts";
import { readEverything } from "../kills/journal-reader.ts";
import { startLoad } from "../kills/load.ts";
import { seeded } from "../kills/seeded.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import type { EngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { type FaultRules, PARTITIONS, startFaultEngine, untilWell, writeFaultRules } from "./fault-engine.ts";
import { type FaultProxy, startFaultProxy } from "./fault-proxy.ts";

const IS_LONG = process.env["NBA_LONG"] === "1";
const ROUNDS = Number(process.env["NBA_ROUNDS"] ?? (IS_LONG ? 40 : 2));
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
/** Redis syncs every second, and may be as much behind again. */
const EVERYSEC_MS = 2_000;

let redis: TestRedis;
let rules: FaultRules;
let folder: string;
let proxy: FaultProxy;
let engine: EngineProcess | undefined;

beforeEach(async () => {
  rules = await writeFaultRules();
  folder = await mkdtemp(join(tmpdir(), "nba-proxy-"));
});
afterEach(async () => {
  await engine?.kill();
  engine = undefined;
  proxy.stop();
  await redis.stop();
  await rules.remove();
  await rm(folder, { recursive: true });
});

async function start(appendfsync: "always" | "everysec"): Promise<void> {
  redis = await startTestRedis({
    appendOnly: true,
    args: ["--appendfsync", appendfsync, "--aof-load-truncated", "yes"],
  });
  proxy = await startFaultProxy(join(folder, "proxy.sock"), redis.socket);
  engine = await startFaultEngine(proxy.url, rules);
}

async function appendOnlyFile(): Promise<string> {
  const dir = join(redis.dir, "appendonlydir");
  const name = (await readdir(dir)).find((file) => file.endsWith(".incr.aof"));
  if (name === undefined) throw new Error(`no *.incr.aof in "${dir}"`);
  return join(dir, name);
}

/** The server is gone, and of its file the last `part` of what lies behind byte `sure`; then it comes again. Tells the bytes. */
async function losePower(sure: number, part: number): Promise<number> {
  await redis.kill();
  const file = await appendOnlyFile();
  const { size } = await stat(file);
  const kept = size - Math.round(part * (size - sure));
  await truncate(file, await withoutHalf(file, kept));
  await redis.restart();
  return size - kept;
}

const BEGIN = Buffer.from("*1\r\n$5\r\nMULTI\r\n");
const END = Buffer.from("*1\r\n$4\r\nEXEC\r\n");

/**
 * As `redis-check-aof --fix` does after a power cut, before the server starts: a script that is not whole goes as a whole. A server
 * that starts with `aof-load-truncated` alone (7.0.15) leaves its first commands in the file, and at its next start they run
 * together with the script that comes behind them: half of a commit that nobody made then.
 */
async function withoutHalf(file: string, kept: number): Promise<number> {
  const bytes = (await readFile(file)).subarray(0, kept);
  const begun = bytes.lastIndexOf(BEGIN);
  return begun > bytes.lastIndexOf(END) ? begun : kept;
}

/** Every second cut kills the engine, too; with many, at random. */
function killsEngine(round: number, random: () => number): boolean {
  return ROUNDS > 10 ? random() < 0.5 : round % 2 === 1;
}

/** Ids of all commits by partition, and of the decisions in them, as Redis holds them. */
async function journals(client: Redis): Promise<readonly ReadonlyMap<string, string>[]> {
  return await Promise.all(
    Array.from({ length: PARTITIONS }, async (_, partition) => {
      const entries = await client.xrangeBuffer(`nba:{${partition}}:journal`, "-", "+");
      return new Map(entries.map(([id, fields]) => [id.toString(), (fields[1] as Buffer).toString("latin1")]));
    }),
  );
}

async function untilCommitted(client: Redis, before: readonly ReadonlyMap<string, string>[]): Promise<void> {
  const count = (found: typeof before): number => found.reduce((sum, { size }) => sum + size, 0);
  await expect.poll(async () => count(await journals(client)), { timeout: 60_000 }).toBeGreaterThan(count(before));
}

it(`appendfsync always: ${ROUNDS} power cuts at a random byte lose nothing that was acknowledged (NBA_SEED=${SEED})`, {
  timeout: 180_000 + ROUNDS * 60_000,
}, async () => {
  const random = seeded(SEED);
  await start("always");
  // Producers go through a proxy, too: what is acknowledged to them is what they see.
  const producing = await startFaultProxy(join(folder, "producers.sock"), redis.socket);
  const load = startLoad({ redisUrl: producing.socket, url: () => engine?.url, customers: 8, pauseMs: 200, random });
  const cutBytes: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(300 + random() * 500);
    const isKilled = killsEngine(round, random);
    const file = await appendOnlyFile();
    for (const each of [proxy, producing]) each.swallowAnswers(true);
    // Everything that anybody was told is in the file by now, and synced: it is written before it is told. Of what is under way
    // nobody will be told.
    const sure = statSync(file).size;
    await sleep(random() * 60);
    if (isKilled) await engine?.kill();
    cutBytes.push(await losePower(sure, random()));
    for (const each of [proxy, producing]) {
      each.swallowAnswers(false);
      each.cutAll();
    }
    if (isKilled) engine = await startFaultEngine(proxy.url, rules);
    await untilWell(engine as EngineProcess);
  }
  console.log(`power: always, NBA_SEED=${SEED}, bytes cut off that nobody was told of: ${cutBytes.join(" ")}`);
  await untilTold(load.books, redis.tcpUrl, PARTITIONS, ROUNDS);
  await load.stop();
  producing.stop();
  const { url } = engine as EngineProcess;
  await expect
    .poll(() => foldedPurchases(url, load.books), { timeout: 60_000, interval: 200 })
    .toEqual(expectedPurchases(load.books));
  expect(await engine?.stop()).toBe(0);
  expect(await expectNothingDiffers(redis.url), "profiles must have been compared").toBeGreaterThan(8);
  compareBooks(load.books, await readEverything(redis.tcpUrl, PARTITIONS), ROUNDS);
});

/** How far back a cut may go, and what it is done with. */
interface Back {
  readonly appendfsync: "always" | "everysec";
  readonly told: string;
  /** Waits as long as the disk may be behind, and tells from which byte of the file all may be lost. */
  readonly lostFrom: (round: number, random: () => number) => Promise<number>;
}

const BACK: readonly Back[] = [
  {
    appendfsync: "everysec",
    told: `up to ${EVERYSEC_MS} ms back`,
    lostFrom: async (_round, random) => {
      const { size } = await stat(await appendOnlyFile());
      await sleep(random() * EVERYSEC_MS);
      return size;
    },
  },
  {
    appendfsync: "always",
    told: "before the last byte that was synced, as of a disk that lies",
    // The first far enough that there are commits in it.
    lostFrom: async (round, random) => {
      const { size } = await stat(await appendOnlyFile());
      return Math.max(0, size - (round === 0 ? 20_000 : 1 + Math.round(random() * 2_000)));
    },
  },
];

for (const { appendfsync, told, lostFrom } of BACK) {
  const title = `appendfsync ${appendfsync}: ${ROUNDS} power cuts ${told} lose what Redis lost and no more (NBA_SEED=${SEED})`;
  it(title, { timeout: 180_000 + ROUNDS * 60_000 }, () => losesNoMore(appendfsync, lostFrom));
}

async function losesNoMore(appendfsync: Back["appendfsync"], lostFrom: Back["lostFrom"]): Promise<void> {
  const random = seeded(SEED);
  await start(appendfsync);
  const client = new Redis(redis.socket, { retryStrategy: () => 20 });
  client.on("error", () => undefined); // it goes with its server, and comes again
  const load = startLoad({ redisUrl: redis.tcpUrl, url: () => engine?.url, customers: 8, pauseMs: 200, random });
  /** Commits that anybody may ever have seen, by partition and number. */
  const seen = Array.from({ length: PARTITIONS }, () => new Map<string, string>());
  const lost: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(200 + random() * 300);
    const sure = await lostFrom(round, random);
    // The first cut takes all that came since: some of it must have been commits, however slow the machine.
    if (round === 0) await untilCommitted(client, await journals(client));
    const isKilled = killsEngine(round, random);
    const before = await journals(client);
    if (isKilled) await engine?.kill();
    // Nobody writes between the cut and the look at what it has left.
    proxy.swallowAnswers(true);
    await losePower(sure, round === 0 ? 1 : random());
    const left = await journals(client);
    proxy.swallowAnswers(false);
    proxy.cutAll();
    lost.push(before.reduce((sum, commits, at) => sum + commits.size - (left[at]?.size ?? 0), 0));
    if (isKilled) engine = await startFaultEngine(proxy.url, rules);
    await untilWell(engine as EngineProcess);
    const after = await journals(client);
    for (let at = 0; at < PARTITIONS; at++) {
      for (const [id, payload] of left[at] ?? []) {
        expect(after[at]?.get(id), `commit ${id} of partition ${at} was not lost`).toBe(payload);
      }
      for (const [id, payload] of [...(before[at] ?? []), ...(after[at] ?? [])]) {
        expect(seen[at]?.get(id) ?? payload, `number ${id} of partition ${at} came twice`).toBe(payload);
        seen[at]?.set(id, payload);
      }
    }
  }
  console.log(`power: ${appendfsync}, NBA_SEED=${SEED}, commits lost: ${lost.join(" ")}`);
  expect(Math.max(...lost), "some cut must have lost commits").toBeGreaterThan(0);
  await load.stop();
  client.disconnect();
  await untilWell(engine as EngineProcess);
  expect(await engine?.stop()).toBe(0);
  expect(await expectNothingDiffers(redis.url), "profiles must have been compared").toBeGreaterThan(8);
  const found = await readEverything(redis.tcpUrl, PARTITIONS);
  expect(found.broken).toEqual([]);
  expect(found.dead).toBe(0);
  expectCapsHeld(found);
}
