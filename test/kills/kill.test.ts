// S1, S2, S3 under SIGKILL: the engine is killed at random moments under mixed load; afterwards the books of the load and
// what Redis holds are compared by code that shares nothing with the engine.
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { compareBooks, expectedPurchases, foldedPurchases, untilTold } from "./compare-books.ts";
import { readEverything } from "./journal-reader.ts";
import { startLoad } from "./load.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 200 : 7;
const PARTITIONS = 4;
/** Larger than what the load reaches: what was granted is compared with what was spent. */
const QUOTAS = `quotas:
  - { id: pushes, max: 100000, per: total, channel: push }
  - { id: app, max: 90000, per: total, channel: app }
`;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);

let redis: TestRedis;
let rulesDir: string;
let engine: EngineProcess | undefined;
const settings = (): Record<string, string> => ({
  REDIS_URL: redis.url,
  PARTITIONS: String(PARTITIONS),
  RULES_DIR: rulesDir,
  MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
  NBA_LEASE_MS: "400",
});

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  rulesDir = await mkdtemp(join(tmpdir(), "nba-rules-"));
  await cp(`${repositoryRoot}/test/fixtures/rules-small`, rulesDir, { recursive: true });
  await writeFile(join(rulesDir, "quotas.yaml"), QUOTAS);
});
afterAll(async () => {
  await engine?.stop();
  await redis.stop();
  await rm(rulesDir, { recursive: true });
});

it(`S1 S2 S3: ${ROUNDS} kills under load lose nothing, double nothing, exceed no cap (NBA_SEED=${SEED})`, {
  timeout: 60_000 + ROUNDS * 15_000,
}, async () => {
  console.log(`kills: NBA_SEED=${SEED}`);
  const random = seeded(SEED);
  engine = await startEngineProcess(settings());
  // Not more than is needed: all of it is folded again after each kill.
  const load = startLoad({ redisUrl: redis.tcpUrl, url: () => engine?.url, customers: 24, pauseMs: 200, random });
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(50 + random() * 600);
    const killed = engine;
    engine = undefined;
    await killed.kill();
    engine = await startEngineProcess(settings());
  }
  await untilTold(load.books, redis.tcpUrl, PARTITIONS, ROUNDS);
  await load.stop();
  const { books } = load;
  const url = engine.url;
  await expect
    .poll(() => foldedPurchases(url, books), { timeout: 20_000, interval: 200 })
    .toEqual(expectedPurchases(books));
  expect(await engine.stop()).toBe(0);
  engine = undefined;
  expect(await expectNothingDiffers(redis.url), "profiles must have been compared").toBeGreaterThan(20);
  const found = await readEverything(redis.tcpUrl, PARTITIONS);
  for (const [quota, channel] of [
    ["pushes", "push"],
    ["app", "app"],
  ] as const) {
    const contacts = found.decisions.flatMap((decision) => decision.contacts);
    const spent = contacts.filter(({ treatment }) => treatment.endsWith(`:${channel}`)).length;
    expect(found.granted.get(`nba:{quota:${quota}}:contacts:total`), "what was not spent is given back").toBe(spent);
  }
  compareBooks(books, found, ROUNDS);
});
