// How long an engine takes after a kill: until it is ready, and until every customer of a sample has been served once, beside
// reading the same profiles from Redis and doing nothing with them.

import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { customerKey } from "../engine/domain/ids.ts";
import { partitionOf } from "../engine/domain/partition-of.ts";
import { profileKey } from "../engine/journal/keys.ts";
import { connectRedis } from "../engine/journal/redis.ts";
import { type EngineProcess, startEngineProcess } from "../test/start-engine.ts";
import {
  type EngineUnderTest,
  PARTITIONS,
  readCounts,
  startEngineUnderTest,
  untilCounted,
} from "./load/engine-under-test.ts";
import { addToLogs, type BenchEvent } from "./load/events.ts";
import { introduceToEngine } from "./load/population.ts";
import { figureOf, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "recovery",
  about:
    "kill -9 with a million profiles stored: until ready, and until 50,000 customers were served, beside reading their keys",
  run,
};

const LEASE_MS = "3000";
const STALL_MS = 30_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = options.quick ? 5_000 : 1_000_000;
  const sample = options.quick ? 2_000 : 50_000;
  const under = await startEngineUnderTest({ appendOnly: false, env: { NBA_LEASE_MS: LEASE_MS } });
  const ready: number[] = [];
  const served: number[] = [];
  const read: number[] = [];
  let engine: EngineProcess = under.engine;
  try {
    await introduceToEngine(under, customers);
    await untilStored(under, customers);
    options.say(`${customers} customers are stored`);
    for (let round = 0; round < roundsOf(options); round++) {
      await engine.kill();
      read.push(await readKeys(under, sample));
      const startedAt = performance.now();
      engine = await startEngineProcess({
        REDIS_URL: under.redis.url,
        PARTITIONS: String(PARTITIONS),
        MODELS_DIR: process.env["MODELS_DIR"] ?? "models",
        NBA_LEASE_MS: LEASE_MS,
      });
      ready.push(performance.now() - startedAt);
      served.push(await serveAll(under, engine, sample, round));
      options.say(`round ${round + 1}: ready after ${Math.round(ready.at(-1) as number)} ms`);
    }
    return [
      { measured: `start until ready, lease of ${LEASE_MS} ms included`, unit: "ms", ...figureOf(ready) },
      rowOf(`${sample} customers served once`, "ms", served, read),
      rowOf(`their ${sample} keys read, nothing done`, "ms", read),
    ];
  } finally {
    await engine.kill();
    await under.stop();
  }
}

/** An engine without work writes everything back. */
async function untilStored({ producer }: EngineUnderTest, customers: number): Promise<void> {
  let last = 0;
  for (let movedAt = performance.now(); last < customers; await sleep(200)) {
    const keys = await producer.dbsize();
    if (keys !== last) movedAt = performance.now();
    if (performance.now() - movedAt > STALL_MS) throw new Error(`${keys} keys are stored, for ${customers} customers`);
    last = keys;
  }
}

async function readKeys({ redis }: EngineUnderTest, sample: number): Promise<number> {
  const connection = await connectRedis({ url: redis.url, silenceMs: 10_000 });
  const startedAt = performance.now();
  const CHUNK = 1_000;
  let found = 0;
  for (let from = 0; from < sample; from += CHUNK) {
    const keys = Array.from({ length: Math.min(CHUNK, sample - from) }, (_, index) => keyOf(from + index));
    const replies = await Promise.all(keys.map((key) => connection.command(["GET", key])));
    found += replies.filter((reply) => reply !== null).length;
  }
  const tookMs = performance.now() - startedAt;
  connection.close();
  if (found < sample * 0.99) throw new Error(`${found} of ${sample} profiles are stored`);
  return tookMs;
}

function keyOf(index: number): string {
  const key = customerKey(`c-${10_000 + index}`);
  return profileKey(partitionOf(key, PARTITIONS), key);
}

/** One event of each, folded. */
async function serveAll(under: EngineUnderTest, engine: EngineProcess, sample: number, round: number): Promise<number> {
  const ts = Date.now();
  const events = Array.from({ length: sample }, (_, index): BenchEvent => {
    const customer = `c-${10_000 + index}`;
    const event = {
      id: `served-${round}-${index}`,
      type: "page_view",
      customer,
      ts,
      props: { section: "shop", item: "i-1" },
    };
    return { stream: "clickstream", customer, json: JSON.stringify(event) };
  });
  const counts = async () => readCounts(await (await fetch(`${engine.url}/metrics`)).text());
  const before = await counts();
  process.kill(engine.pid, "SIGSTOP");
  await addToLogs(under.producer, events);
  const startedAt = performance.now();
  process.kill(engine.pid, "SIGCONT");
  await untilCounted({ counts }, before, sample, 0);
  return performance.now() - startedAt;
}
