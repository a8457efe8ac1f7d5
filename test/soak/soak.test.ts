// The engine as its users run it, under a steady load for a long time, with retention so short that something is archived and
// trimmed all the time and with room for a part of the customers only: memory stays flat and nothing piles up.
// Half an hour with `npm run test:long`; NBA_SOAK_SECONDS=60 for a short one.
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { expect, it } from "vitest";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { connect } from "../partition/harness.ts";
import { startTestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

const SECONDS = Number(process.env["NBA_SOAK_SECONDS"] ?? (process.env["NBA_LONG"] === "1" ? 1_800 : 0));
/**
 * So few that a third of half an hour gives each the contacts that a profile keeps (128), and each partition the events that it
 * remembers (100,000): until then memory grows as it should.
 */
const CUSTOMERS = 1_100;
const PARTITIONS = 2;
const EVENTS_PER_TICK = 50;
const ASKS_PER_TICK = 24;
const TICK_MS = 100;
const MIB = 2 ** 20;

interface Sample {
  readonly rss: number;
  /** Heap and what lies beside it; garbage included, so that the least of many says what lives. */
  readonly used: number;
  readonly redisBytes: number;
  /** Entries that are not moved, folded or dispatched. */
  readonly pending: number;
  readonly trimmed: number;
  /** Entries and commits that Redis holds. */
  readonly held: number;
}

it.runIf(SECONDS > 0)(
  `${SECONDS} seconds: memory stays flat, nothing piles up`,
  { timeout: (SECONDS + 240) * 1_000 },
  async () => {
    const redis = await startTestRedis();
    const dir = await mkdtemp(join(tmpdir(), "nba-soak-"));
    const client = connect(redis);
    let engine: EngineProcess | undefined;
    try {
      engine = await startEngineProcess({
        REDIS_URL: redis.url,
        PARTITIONS: String(PARTITIONS),
        RULES_DIR: await shortLived(dir),
        MODELS_DIR: join(repositoryRoot, "test/fixtures/no-models"),
        RETENTION: "10s,1MiB",
        ARCHIVE_DIR: join(dir, "archive"),
        MAX_PROFILES: "1000",
      });
      const samples = await load(engine, client);
      const third = Math.floor(samples.length / 3);
      const [first, middle, last] = [
        samples.slice(0, third),
        samples.slice(third, 2 * third),
        samples.slice(2 * third),
      ];
      const rssOf = (part: readonly Sample[]): number => Math.max(...part.map(({ rss }) => rss)) / MIB;
      const liveOf = (part: readonly Sample[]): number => Math.min(...part.map(({ used }) => used)) / MIB;
      const told = samples.filter(
        (_, index) => index % Math.ceil(samples.length / 12) === 0 || index === samples.length - 1,
      );
      console.log(
        [
          "rss MiB  used MiB  redis MiB  pending  held  trimmed",
          ...told.map(({ rss, used, redisBytes, pending, held, trimmed }) =>
            [rss / MIB, used / MIB, redisBytes / MIB, pending, held, trimmed]
              .map((value) => value.toFixed(0))
              .join("  "),
          ),
          `lives in each third, MiB: ${[first, middle, last].map((part) => liveOf(part).toFixed(1)).join(", ")}`,
        ].join("\n"),
      );
      expect(liveOf(last)).toBeLessThan(liveOf(middle) * 1.1 + 4);
      // How much garbage may lie before it is collected is V8's to say: in its pages half as much as what lives, and more.
      expect(rssOf(last)).toBeLessThan(rssOf(middle) * 1.25 + 32);
      expect(last.at(-1)?.trimmed ?? 0).toBeGreaterThan(middle.at(-1)?.trimmed ?? 0);
      const heldOf = (part: readonly Sample[]): number => Math.max(...part.map(({ held }) => held));
      expect(heldOf(last)).toBeLessThan(heldOf(middle) * 1.5 + 5_000);
      const bytesOf = (part: readonly Sample[]): number => Math.max(...part.map(({ redisBytes }) => redisBytes)) / MIB;
      expect(bytesOf(last)).toBeLessThan(bytesOf(middle) * 1.2 + 8);
      // A list that grows would hold a part of what came in the last third.
      const came = ((EVENTS_PER_TICK * 1_000) / TICK_MS) * (SECONDS / 3);
      expect(Math.min(...last.map(({ pending }) => pending))).toBeLessThan(came / 20);
      expect(await readdir(join(dir, "archive"))).not.toEqual([]);
      expect(engine.log()).not.toMatch(/"level":(50|60)|"level":"(error|fatal)"/);
      expect(await engine.stop()).toBe(0);
    } finally {
      await engine?.kill();
      client.disconnect();
      await redis.stop();
      await rm(dir, { recursive: true, force: true });
    }
  },
);

/** The small rulebook, whose offers are over after seconds: else nothing could be let go. */
async function shortLived(dir: string): Promise<string> {
  const rules = join(dir, "rules");
  await cp(join(repositoryRoot, "test/fixtures/rules-small"), rules, { recursive: true });
  const path = join(rules, "actions/growth.yaml");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replaceAll(/^( +)value:/gm, "$1expiresAfter: 2s\n$1responseWindow: 2s\n$1value:"));
  return rules;
}

async function load(engine: EngineProcess, client: Redis): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const until = performance.now() + SECONDS * 1_000;
  let n = 0;
  for (let tick = 0; performance.now() < until; tick++) {
    const startedAt = performance.now();
    const batch = client.pipeline();
    for (let k = 0; k < EVENTS_PER_TICK; k++, n++) {
      const props = { amount: n % 300, section: "loans", filler: "x".repeat(100) };
      const event = { id: `e-${n}`, type: n % 5 === 0 ? "purchase" : "page_view", customer: `c-${n % CUSTOMERS}` };
      batch.xadd("clickstream", "*", "d", JSON.stringify({ ...event, ts: Date.now(), props }));
    }
    await batch.exec();
    await Promise.all(
      Array.from({ length: ASKS_PER_TICK }, (_, k) => ask(engine, `c-${(tick * 7 + k * 991) % CUSTOMERS}`)),
    );
    if (tick % 20 === 19) samples.push(await sample(engine, client));
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, TICK_MS - (performance.now() - startedAt))));
  }
  return samples;
}

async function ask(engine: EngineProcess, customer: string): Promise<void> {
  const response = await fetch(`${engine.url}/v1/decisions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }] }),
  });
  await response.arrayBuffer();
  expect([200, 503]).toContain(response.status);
}

async function sample(engine: EngineProcess, client: Redis): Promise<Sample> {
  const metrics = await (await fetch(`${engine.url}/metrics`)).text();
  const sum = (name: string): number =>
    [...metrics.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? ([\\d.e+]+)$`, "gm"))].reduce(
      (total, [, value]) => total + Number(value),
      0,
    );
  const info = await client.info("memory");
  let held = 0;
  for (let index = 0; index < PARTITIONS; index++) {
    held += (await client.xlen(`nba:{${index}}:events`)) + (await client.xlen(`nba:{${index}}:journal`));
  }
  return {
    rss: sum("process_resident_memory_bytes"),
    used: sum("nodejs_heap_size_used_bytes") + sum("nodejs_external_memory_bytes"),
    redisBytes: Number(/used_memory:(\d+)/.exec(info)?.[1]),
    pending: sum("nba_stream_pending"),
    trimmed: sum("nba_trimmed_total"),
    held,
  };
}
