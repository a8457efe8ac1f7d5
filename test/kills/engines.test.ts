// S1 to S4 with three engines on one Redis under load: each in turn is stopped by SIGSTOP past its lease and goes on after it, is
// killed, or restarted cleanly. The books of the load and what Redis holds are compared by code that shares nothing with the engine.
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { compareBooks, expectedPurchases, foldedPurchases, untilTold } from "./compare-books.ts";
import { readEverything } from "./journal-reader.ts";
import { startLoad } from "./load.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 60 : 3;
const PARTITIONS = 6;
const LEASE_MS = 1_000;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const HURTS = ["pause", "kill", "restart"] as const;

let redis: TestRedis;
let client: Redis;
const engines: EngineProcess[] = [];

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  client = new Redis(redis.socket);
  engines.push(...(await Promise.all([start(), start(), start()])));
}, 60_000);
afterAll(async () => {
  // One that is paused would not hear of a gentler end.
  for (const engine of engines) await engine.kill();
  client.disconnect();
  await redis.stop();
});

function start(): Promise<EngineProcess> {
  return startEngineProcess({
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    NBA_LEASE_MS: String(LEASE_MS),
  });
}

/** Of each partition the process that owns it. */
async function owners(): Promise<readonly (number | undefined)[]> {
  const indexes = Array.from({ length: PARTITIONS }, (_, index) => index);
  return await Promise.all(
    indexes.map(async (index) => {
      const [owner, until] = await client.hmget(`nba:{${index}}:lease`, "owner", "until");
      return Number(until) > Date.now() ? Number(owner?.split(":")[1]) : undefined;
    }),
  );
}

async function secondsUntil(holds: (found: readonly (number | undefined)[]) => boolean, what: string): Promise<number> {
  const from = performance.now();
  for (;;) {
    if (holds(await owners())) return (performance.now() - from) / 1_000;
    if (performance.now() - from > 30_000) throw new Error(`waited in vain: ${what}; owners are ${await owners()}`);
    await sleep(10);
  }
}

it(`S1 S2 S3 S4: ${ROUNDS} pauses, kills and restarts of three engines lose nothing, double nothing, exceed no cap (NBA_SEED=${SEED})`, {
  timeout: 60_000 + ROUNDS * 20_000,
}, async () => {
  console.log(`engines: NBA_SEED=${SEED}`);
  const random = seeded(SEED);
  const url = () => engines[Math.floor(random() * engines.length)]?.url;
  const load = startLoad({ redisUrl: redis.tcpUrl, url, customers: 24, random });
  const took: Record<(typeof HURTS)[number], number[]> = { pause: [], kill: [], restart: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(300 + random() * 300);
    const hurt = HURTS[round % HURTS.length] as (typeof HURTS)[number];
    const at = Math.floor(random() * engines.length);
    const [victim] = engines.splice(at, 1) as [EngineProcess];
    const gone = (found: readonly (number | undefined)[]): boolean =>
      found.every((pid) => pid !== undefined && pid !== victim.pid);
    if (hurt === "pause") process.kill(victim.pid, "SIGSTOP");
    else if (hurt === "kill") await victim.kill();
    else expect(await victim.stop()).toBe(0);
    took[hurt].push(await secondsUntil(gone, `the others to take over after a ${hurt}`));
    if (hurt === "pause") process.kill(victim.pid, "SIGCONT");
    engines.push(hurt === "pause" ? victim : await start());
    const everyone = new Set(engines.map(({ pid }) => pid));
    await secondsUntil(
      (found) => [...everyone].every((pid) => found.filter((owner) => owner === pid).length === PARTITIONS / 3),
      "an even share for everybody",
    );
  }
  await untilTold(load.books, redis.tcpUrl, PARTITIONS, ROUNDS);
  await load.stop();
  for (const [hurt, seconds] of Object.entries(took)) {
    const most = Math.max(...seconds).toFixed(2);
    console.log(`engines: taken over after a ${hurt} (lease ${LEASE_MS} ms) within ${most} s, ${seconds.length} times`);
  }
  const [last, ...others] = engines as [EngineProcess, ...EngineProcess[]];
  for (const engine of others) expect(await engine.stop()).toBe(0);
  engines.splice(1, 2);
  const { books } = load;
  await expect
    .poll(() => foldedPurchases(last.url, books), { timeout: 20_000, interval: 200 })
    .toEqual(expectedPurchases(books));
  expect(await last.stop()).toBe(0);
  compareBooks(books, await readEverything(redis.tcpUrl, PARTITIONS), ROUNDS);
});
