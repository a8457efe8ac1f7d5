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
import { type Found, readEverything } from "./journal-reader.ts";
import { type Books, startLoad } from "./load.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 200 : 20;
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
  const load = startLoad({ redisUrl: redis.tcpUrl, url: () => engine?.url, customers: 24, random });
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(50 + random() * 600);
    const killed = engine;
    engine = undefined;
    await killed.kill();
    engine = await startEngineProcess(settings());
  }
  await sleep(500);
  await load.stop();
  const { books } = load;
  const url = engine.url;
  await expect.poll(() => foldedPurchases(url, books), { timeout: 20_000, interval: 200 }).toEqual(expected(books));
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
  compare(books, found);
});

/** What the engine holds of each customer: count and sum, through its API. */
async function foldedPurchases(url: string, books: Books): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const customer of books.purchases.keys()) {
    const response = await fetch(`${url}/v1/customers/${customer}`);
    const { features } = (await response.json()) as { features: Record<string, number> };
    found[customer] = `${features["purchases_24h"]} purchases, ${features["spend_all"]}`;
  }
  return found;
}

function expected(books: Books): Record<string, string> {
  return Object.fromEntries(
    [...books.purchases].map(([customer, { count, spend }]) => [customer, `${count} purchases, ${spend}`]),
  );
}

function compare(books: Books, found: Found): void {
  expect(found.broken).toEqual([]);
  expect(found.dead).toBe(0);
  const ids = found.decisions.map(({ id }) => id);
  expect(new Set(ids).size, "a decision was journalled twice").toBe(ids.length);

  const triggered = found.decisions.flatMap(({ trigger }) => (trigger === undefined ? [] : [trigger]));
  expect(triggered.sort()).toEqual([...books.triggers].sort());

  const journalled = new Set(ids);
  for (const [key, answered] of books.asks) {
    expect(answered.size, `${key} was answered by different decisions`).toBeLessThanOrEqual(1);
    for (const id of answered) expect(journalled.has(id), `${key}: answered, but not journalled`).toBe(true);
  }

  const answered = [...books.asks.values()].filter((decisions) => decisions.size > 0).length;
  console.log(`kills: ${answered} asks answered, ${books.sameAgain} again by the same, ${books.outcomes} outcomes`);
  expect(answered, "asks must have been decided between the kills").toBeGreaterThanOrEqual(ROUNDS);
  expect(books.sameAgain, "keys must have been used again").toBeGreaterThan(0);
  expect(books.outcomes, "outcomes must have been reported").toBeGreaterThan(0);

  const contacts = new Map<string, number>();
  for (const decision of found.decisions) {
    for (const { trackingCode, treatment } of decision.contacts) {
      if (found.released.has(trackingCode)) continue;
      const scope = `${decision.key} on ${treatment.split(":")[1]}`;
      contacts.set(scope, (contacts.get(scope) ?? 0) + 1);
    }
  }
  const caps: Record<string, number> = { push: 2, app: 2 };
  const capped = new Set<string>();
  for (const [scope, count] of contacts) {
    const cap = caps[scope.split(" on ")[1] as string] as number;
    expect(count, `${scope}: the cap is ${cap}`).toBeLessThanOrEqual(cap);
    if (count === cap) capped.add(scope.split(" on ")[1] as string);
  }
  expect([...capped].sort(), "both caps must have been reached").toEqual(["app", "push"]);

  const decidedPushes = found.decisions.flatMap((decision) =>
    decision.contacts.filter(({ treatment }) => treatment.endsWith(":push")).map(({ trackingCode }) => trackingCode),
  );
  expect([...found.pushed].sort(), "each decided push dispatched once").toEqual(decidedPushes.sort());
  expect(books.triggers.size, "the load must have triggered").toBeGreaterThan(20);
  expect(decidedPushes.length, "some triggers must have reached the cap").toBeLessThan(books.triggers.size);
}

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
