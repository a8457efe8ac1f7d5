// A run of the real engine over recorded files: `nba replay` as its users call it, and profiles as they see them.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import { request } from "undici";
import { expect } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type DeclaredFeature, differences, naiveFeatures, type Values } from "./naive-features.ts";
import type { Recording } from "./recorded-rows.ts";
import { crc16 } from "./redis-books.ts";

export interface Replayed {
  readonly sent: number;
  readonly rows: number;
  readonly refused: Readonly<Record<string, number>>;
}

const LOOKS_AT_ONCE = 64;
/** Driven or not, the clock runs. */
const CLOCK_RUNS_ON_MS_MAX = 300_000;

/** `nba replay` at full speed, driving the clock. */
export async function replay(recording: Recording, redisUrl: string): Promise<Replayed> {
  const program = join(repositoryRoot, "dist/program/nba.js");
  const args = [
    "replay",
    recording.path,
    "--mapping",
    recording.mapping,
    "--clock",
    "drive",
    "--speed",
    "max",
    "--json",
  ];
  const { stdout } = await promisify(execFile)(process.execPath, [program, ...args, "--redis", redisUrl]);
  return JSON.parse(stdout) as Replayed;
}

/**
 * Drives the clock of every partition to `atMs` by one event each, once the front door is empty, and waits until those
 * are folded: logs are ordered, so everything before them is, too. Answers the ids that it sent.
 */
export async function settle(redis: Redis, url: string, partitions: number, atMs: number): Promise<readonly string[]> {
  await untilMoved(redis);
  const ticks = Array.from({ length: partitions }, (_, partition) => customerIn(partition, partitions, `tick-${atMs}`));
  for (const [partition, customer] of ticks.entries()) {
    const event = { id: customer, type: "clock_tick", customer, ts: atMs };
    await redis.xadd(
      `nba:{${partition}}:events`,
      "*",
      "s",
      "clickstream",
      "d",
      JSON.stringify(event),
      "t",
      String(atMs),
    );
  }
  const isFolded = async (customer: string) => (await fetch(`${url}/v1/customers/${customer}`)).status === 200;
  for (const customer of ticks)
    await expect.poll(() => isFolded(customer), { timeout: 60_000, interval: 20 }).toBe(true);
  return ticks;
}

export async function untilMoved(redis: Redis): Promise<void> {
  const left = async () => (await redis.xlen("clickstream")) + (await redis.xlen("transactions"));
  while ((await left()) > 0) await sleep(20);
}

/**
 * What differs between the profiles of customers and a naive fold as of the `now` of each answer, which must be the time
 * that the clock was driven to; ten customers at most.
 * `every`: 1 looks at all of them, 3 at each third.
 */
export async function profileFaults(
  url: string,
  recording: Recording,
  declared: readonly DeclaredFeature[],
  drivenMs: number,
  every = 1,
): Promise<readonly string[]> {
  const faults: string[] = [];
  const customers = [...recording.byCustomer].filter((_, index) => index % every === 0);
  const compareOn = async (): Promise<void> => {
    for (let next = customers.pop(); next !== undefined && faults.length < 10; next = customers.pop()) {
      const [customer, rows] = next;
      const { statusCode, body } = await request(`${url}/v1/customers/${customer}`);
      const look = (await body.json()) as { now: number; features?: Values };
      if (look.features === undefined) {
        faults.push(`${customer}: ${statusCode} ${JSON.stringify(look)}`);
        continue;
      }
      if (look.now < drivenMs || look.now > drivenMs + CLOCK_RUNS_ON_MS_MAX) {
        faults.push(`${customer}: now is ${look.now}, the clock was driven to ${drivenMs}`);
        continue;
      }
      const expected = naiveFeatures(declared, rows, look.now);
      const at = new Date(look.now).toISOString();
      faults.push(...differences(declared, look.features, expected).map((what) => `${customer} at ${at}: ${what}`));
    }
  };
  await Promise.all(Array.from({ length: LOOKS_AT_ONCE }, compareOn));
  return faults;
}

/** nba_events_total as `/metrics` shows it: "source result" -> count. */
export async function eventMetrics(url: string): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const lines = text.matchAll(/^nba_events_total\{source="([^"]*)",result="([^"]*)"\} (\d+)$/gm);
  return Object.fromEntries([...lines].map(([, source, result, count]) => [`${source} ${result}`, Number(count)]));
}

/** A customer that belongs to this partition. */
function customerIn(partition: number, partitions: number, prefix: string): string {
  for (let n = 0; ; n++) if (crc16(`${prefix}-${n}`) % partitions === partition) return `${prefix}-${n}`;
}
