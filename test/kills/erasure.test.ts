// Erasures beside two engines of which one after the other is killed, with joins under way: nothing is left of anybody, and
// what is left of the others is as the streams say.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { seeded } from "./seeded.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 30 : 1;
const PEOPLE = 3;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);

let redis: TestRedis;
let client: Redis;
const engines: EngineProcess[] = [];

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true, args: ["--rdbcompression", "no"] });
  client = new Redis(redis.socket);
  engines.push(...(await Promise.all([start(), start()])));
}, 60_000);
afterAll(async () => {
  for (const engine of engines) await engine.kill();
  client.disconnect();
  await redis.stop();
});

function start(): Promise<EngineProcess> {
  return startEngineProcess({
    REDIS_URL: redis.url,
    PARTITIONS: "4",
    RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
    NBA_LEASE_MS: "1000",
  });
}

/** By whichever engine answers; the status of the last answer. */
async function call(method: string, path: string, body?: object): Promise<number> {
  const engine = engines[Math.floor(Math.random() * engines.length)] as EngineProcess;
  const sent = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { "content-type": "application/json" };
  const answer = await fetch(engine.url + path, { method, headers, ...sent }).catch(() => undefined);
  await answer?.arrayBuffer();
  return answer?.status ?? 0;
}

async function called(status: number, method: string, path: string, body?: object): Promise<void> {
  await until(async () => {
    if ((await call(method, path, body)) === status) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
    return false;
  }, 30_000);
}

async function placesOf(word: string): Promise<string[]> {
  const found: string[] = [];
  for (const key of await client.keys("*")) {
    if (key.includes(word) || (await client.dumpBuffer(key))?.includes(word)) found.push(key);
  }
  const folder = join(redis.dir, "appendonlydir");
  for (const file of readdirSync(folder)) if (readFileSync(join(folder, file)).includes(word)) found.push(file);
  return found;
}

it(
  "ERA-3 ERA-5 whoever is erased is gone though engines are killed in the middle of it",
  async () => {
    const random = seeded(SEED);
    process.stdout.write(`erasures beside kills: NBA_SEED=${SEED}, ${ROUNDS} rounds\n`);
    for (let round = 0; round < ROUNDS; round++) {
      const word = `canary-${round}-`;
      for (let n = 0; n < PEOPLE; n++) {
        const [customer, anonymousId] = [`${word}person-${n}`, `${word}device-${n}`];
        const at = { ts: Date.now() };
        await called(202, "POST", "/v1/events", [
          { ...at, id: `v-${word}${n}`, type: "page_view", anonymousId },
          { ...at, id: `i-${word}${n}`, type: "identify", customer, anonymousId },
          { ...at, id: `p-${word}${n}`, type: "purchase", customer, props: { amount: 500 } },
          { ...at, id: `b-${round}-${n}`, type: "purchase", customer: `bystander-${n}`, props: { amount: 1 } },
        ]);
        await called(202, "DELETE", `/v1/customers/${customer}`);
      }
      const at = round % engines.length;
      await new Promise((resolve) => setTimeout(resolve, random() * 400));
      await engines[at]?.kill();
      engines[at] = await start();
      for (let n = 0; n < PEOPLE; n++) {
        await called(204, "DELETE", `/v1/customers/${word}person-${n}`);
        await called(204, "DELETE", `/v1/customers/anon:${word}device-${n}`);
      }
      expect(await placesOf(word)).toEqual([]);
      await expectNothingDiffers(redis.url);
    }
  },
  90_000 * ROUNDS,
);
