// The same recording with the engine killed in the middle of it, while customers ask: the books and profiles must not know.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync, gzipSync } from "node:zlib";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { skipShared, TAOBAO } from "../models/shared-data.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { untilStored } from "../until-stored.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { readDeclaredFeatures } from "./naive-features.ts";
import { profileFaults, replay, settle } from "./real-run.ts";
import { readTaobao } from "./recorded-rows.ts";
import { readBooks, totals } from "./redis-books.ts";

/** One, so that its log is long enough to be checkpointed several times in the middle of the file. */
const PARTITIONS = 1;
/** Shares of the file in the logs at which the engine is killed. */
const KILLS = [0.15, 0.35, 0.55];
/** Of the lines of the file, from the first on. */
const LINES_MAX = process.env["NBA_LONG"] === "1" ? Number.POSITIVE_INFINITY : 45_000;
/** Of so many customers one is looked at, in the long run each; `nba verify` tells all of them anew. */
const ONE_OF = process.env["NBA_LONG"] === "1" ? 1 : 4;

describe.skipIf(skipShared)("recorded files and kills", () => {
  let dir: string;
  let file: string;
  let server: TestRedis;
  let redis: Redis;
  let engine: EngineProcess | undefined;
  const start = () =>
    startEngineProcess({ REDIS_URL: server.url, PARTITIONS: String(PARTITIONS), NBA_LEASE_MS: "400" });
  const inLogs = async (): Promise<number> => {
    const lengths = Array.from({ length: PARTITIONS }, (_, index) => redis.xlen(`nba:{${index}}:events`));
    return (await Promise.all(lengths)).reduce((sum, length) => sum + length, 0);
  };

  const checkpointed = async (): Promise<number> => {
    const bases = Array.from({ length: PARTITIONS }, (_, index) => redis.hexists(`nba:{${index}}:checkpoint`, "base"));
    return (await Promise.all(bases)).reduce((sum, exists) => sum + exists, 0);
  };

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "nba-recorded-"));
    file = join(dir, "taobao.csv.gz");
    const lines = gunzipSync(await readFile(TAOBAO))
      .toString()
      .split("\n");
    await writeFile(file, gzipSync(lines.slice(0, LINES_MAX).join("\n")));
    server = await startTestRedis();
    redis = new Redis(server.tcpUrl);
    engine = await start();
  });
  afterAll(async () => {
    redis?.disconnect();
    await engine?.stop();
    await server?.stop();
    await rm(dir, { recursive: true, force: true });
  });

  it(`S1 S5: ${KILLS.length} kills amid taobao change no profile and no count`, { timeout: 180_000 }, async () => {
    const taobao = readTaobao(file);
    const customers = [...taobao.byCustomer.keys()];
    const firstTs = Math.min(...[...taobao.rows.values()].map(({ ts }) => ts));
    const ticks = [...(await settle(redis, (engine as EngineProcess).url, PARTITIONS, firstTs))];
    const asking = askOnAndOn(customers, () => engine?.url);
    const replaying = replay(taobao, server.url);
    let amid = 0;
    for (const share of KILLS) {
      while ((await inLogs()) < share * taobao.rows.size) await sleep(5);
      const killed = engine as EngineProcess;
      engine = undefined;
      await killed.kill();
      if ((await inLogs()) < taobao.rows.size) amid++;
      engine = await start();
    }
    expect(amid, "kills must have been in the middle of the file").toBeGreaterThan(0);
    expect(await checkpointed(), "kills must have met checkpoints in the middle of the file").toBeGreaterThan(0);
    expect(await replaying).toMatchObject({ sent: taobao.rows.size });
    const decided = await asking.stop();
    expect(decided, "customers must have been answered meanwhile").toBeGreaterThan(0);
    const running = engine as EngineProcess;
    ticks.push(...(await settle(redis, running.url, PARTITIONS, taobao.lastTs)));
    expect(await profileFaults(running.url, taobao, readDeclaredFeatures(), taobao.lastTs, ONE_OF)).toEqual([]);
    await untilStored(redis, PARTITIONS);
    expect(await running.stop()).toBe(0);
    engine = undefined;
    expect(await expectNothingDiffers(server.url)).toBeGreaterThan(taobao.byCustomer.size);

    const books = await readBooks(redis, PARTITIONS);
    const inLog = new Map(books.flatMap(({ events }) => [...events]));
    // The engine reports what came too late as not delivered: an event like any other. One that waits in the log while the engine
    // is killed is reported again, and known as a duplicate.
    const reports = [...inLog].filter(([id]) => id.startsWith("engine "));
    const own = reports.length;
    const repeated = reports.reduce((sum, [, times]) => sum + times - 1, 0);
    expect([...inLog].filter(([id, times]) => times !== 1 && !id.startsWith("engine "))).toEqual([]);
    expect(inLog.size).toBe(taobao.rows.size + ticks.length + own);
    expect(books.map(({ counts }) => counts.duplicate).reduce((sum, count) => sum + count)).toBe(repeated);
    for (const { counts, entries, internal } of books) {
      expect(counts).toMatchObject({ folded: entries - internal - counts.duplicate, dead: 0, internal });
    }
    expect(totals(books).folded).toBe(taobao.rows.size + ticks.length + own);
  });
});

/** Answers how many decisions there were. What fails because the engine is dead is asked of the next one. */
function askOnAndOn(customers: readonly string[], url: () => string | undefined): { stop: () => Promise<number> } {
  let isStopped = false;
  let decided = 0;
  const asking = (async () => {
    for (let n = 0; !isStopped; n = (n + 1) % customers.length) {
      const base = url();
      if (base !== undefined && (await ask(base, customers[n] as string))) decided++;
      await sleep(10);
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await asking;
      return decided;
    },
  };
}

async function ask(url: string, customer: string): Promise<boolean> {
  const body = JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 500 });
  const headers = { "content-type": "application/json" };
  try {
    const response = await fetch(`${url}/v1/decisions`, { method: "POST", headers, body });
    const { decisionId } = (await response.json()) as { decisionId?: string };
    return decisionId !== undefined;
  } catch {
    return false;
  }
}
