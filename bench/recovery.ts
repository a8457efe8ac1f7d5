// How long an engine takes after a kill: until it is ready, and until every customer has been served once, beside reading the same
// profiles from Redis and doing nothing with them.

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
    "kill -9 with a million profiles stored: until ready, and until all customers were served, beside reading their keys",
  run,
};

const LEASE_MS = "3000";
const STALL_MS = 30_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = options.quick ? 5_000 : 1_000_000;
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
      await engine.kill(); // it was idle, and everything is stored
      const startedAt = performance.now();
      engine = await start(under, "ready");
      ready.push(performance.now() - startedAt);
      await engine.kill();
      await addEventOfEach(under, customers, round);
      read.push(await readKeys(under, customers));
      engine = await start(under, "listening");
      const listensAt = performance.now();
      await untilServed(engine, customers);
      served.push(performance.now() - listensAt);
      await engine.stop(); // it writes back whom it served: the next round begins with all of them stored
      engine = await start(under, "ready");
      options.say(
        `round ${round + 1}: ready after ${ready.at(-1)?.toFixed(0)} ms, served in ${served.at(-1)?.toFixed(0)}, read in ${read.at(-1)?.toFixed(0)}`,
      );
    }
    return [
      { measured: `start until ready, lease of ${LEASE_MS} ms included`, unit: "ms", ...figureOf(ready) },
      rowOf(`${customers} customers served once, from when it listens`, "ms", served, read),
      rowOf(`their ${customers} keys read, nothing done`, "ms", read),
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

function start({ redis }: EngineUnderTest, until: "listening" | "ready"): Promise<EngineProcess> {
  const env = {
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    MODELS_DIR: process.env["MODELS_DIR"] ?? "models",
    NBA_LEASE_MS: LEASE_MS,
  };
  return startEngineProcess(env, until);
}

async function readKeys({ redis }: EngineUnderTest, customers: number): Promise<number> {
  const connection = await connectRedis({ url: redis.url, silenceMs: 10_000 });
  const startedAt = performance.now();
  const CHUNK = 1_000;
  let found = 0;
  for (let from = 0; from < customers; from += CHUNK) {
    const keys = Array.from({ length: Math.min(CHUNK, customers - from) }, (_, index) => keyOf(from + index));
    const replies = await Promise.all(keys.map((key) => connection.command(["GET", key])));
    found += replies.filter((reply) => reply !== null).length;
  }
  const tookMs = performance.now() - startedAt;
  connection.close();
  if (found < customers * 0.99) throw new Error(`${found} of ${customers} profiles are stored`);
  return tookMs;
}

function keyOf(index: number): string {
  const key = customerKey(`c-${10_000 + index}`);
  return profileKey(partitionOf(key, PARTITIONS), key);
}

/** In the order in which their keys are read. Nobody holds the partitions: their leases run out meanwhile. */
async function addEventOfEach({ producer }: EngineUnderTest, customers: number, round: number): Promise<void> {
  const CHUNK = 50_000;
  const ts = Date.now();
  for (let from = 0; from < customers; from += CHUNK) {
    const events = Array.from({ length: Math.min(CHUNK, customers - from) }, (_, index): BenchEvent => {
      const customer = `c-${10_000 + from + index}`;
      const id = `served-${round}-${from + index}`;
      const event = { id, type: "page_view", customer, ts, props: { section: "shop", item: "i-1" } };
      return { stream: "clickstream", customer, json: JSON.stringify(event) };
    });
    await addToLogs(producer, events);
  }
}

/** Each of them needs its profile, for nobody has asked for it yet. */
async function untilServed({ url }: EngineProcess, customers: number): Promise<void> {
  const counts = async () => readCounts(await (await fetch(`${url}/metrics`)).text());
  await untilCounted({ counts }, { folded: 0, lost: 0, decisions: 0 }, customers, 0);
}
