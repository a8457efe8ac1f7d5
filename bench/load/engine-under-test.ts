// The engine as `npm start` runs it, in a process of its own, on a Redis of its own, with the rules and models that are
// delivered; and a producer beside it.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { startTestRedis, type TestRedis } from "../../test/redis.ts";
import { type EngineProcess, startEngineProcess } from "../../test/start-engine.ts";

export const PARTITIONS = 64;

export interface EngineUnderTest {
  readonly engine: EngineProcess;
  readonly redis: TestRedis;
  readonly producer: Redis;
  /** Stops the process where it is (SIGSTOP), so that a backlog can be laid out; and lets it go on. */
  readonly pause: () => void;
  readonly resume: () => void;
  readonly counts: () => Promise<Counts>;
  /** Partitions that each of its engines owns. */
  readonly owned: () => Promise<readonly number[]>;
  /** CPU time so far of all its processes, in milliseconds. */
  readonly cpuMs: () => Promise<number>;
  readonly stop: () => Promise<void>;
}

/** Since the start of the engine. */
export interface Counts {
  /** Entries of clickstream and transactions, folded. */
  readonly folded: number;
  /** The same, dead-lettered or duplicate. */
  readonly lost: number;
  /** Journalled. */
  readonly decisions: number;
}

/** CPU time that a process has used so far, in milliseconds; NaN where there is no /proc. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10; // user and system, in ticks of 10 ms
}

export interface UnderTestOptions {
  /** With appendfsync always, as the engine starts its own Redis. */
  readonly appendOnly: boolean;
  /** Folder of rules; left out: those that are delivered. */
  readonly rulesDir?: string;
  readonly partitions?: number;
  /** As WORKERS; left out: 1. */
  readonly workers?: number;
  /** More of the environment of the engine. */
  readonly env?: Readonly<Record<string, string>>;
  /** Options of Node itself. */
  readonly nodeArgs?: readonly string[];
}

export async function startEngineUnderTest(options: UnderTestOptions): Promise<EngineUnderTest> {
  const redis = await startTestRedis({ appendOnly: options.appendOnly });
  const env = {
    ...(options.rulesDir === undefined ? {} : { RULES_DIR: options.rulesDir }),
    REDIS_URL: redis.url,
    PARTITIONS: String(options.partitions ?? PARTITIONS),
    MODELS_DIR: process.env["MODELS_DIR"] ?? "models",
    LOG_LEVEL: "info",
    NBA_LEASE_MS: "60000", // a paused engine renews nothing
    ...(options.workers === undefined ? {} : { WORKERS: String(options.workers) }),
    ...options.env,
  };
  const profiles = process.env["BENCH_PROFILES"];
  const nodeArgs = [...(options.nodeArgs ?? []), ...(profiles === undefined ? [] : profiling(profiles))];
  const engine = await startEngineProcess(env, "ready", nodeArgs).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const producer = new Redis(redis.socket);
  const members = membersOf(engine);
  const signalAll = (signal: NodeJS.Signals): void => members.forEach(({ pid }) => void process.kill(pid, signal));
  return {
    engine,
    redis,
    producer,
    pause: () => signalAll("SIGSTOP"),
    resume: () => signalAll("SIGCONT"),
    counts: async () => added(await Promise.all(members.map(async ({ url }) => readCounts(await metricsOf(url))))),
    owned: () => Promise.all(members.map(async ({ url }) => ownedIn(await metricsOf(url)))),
    cpuMs: async () => {
      const pids = new Set([engine.pid, ...members.map(({ pid }) => pid)]);
      return (await Promise.all([...pids].map(cpuMs))).reduce((sum, ms) => sum + ms, 0);
    },
    stop: async () => {
      producer.disconnect();
      await (profiles === undefined ? engine.kill() : engine.stop()); // it writes its profile as it ends
      await redis.stop();
    },
  };
}

interface Member {
  readonly pid: number;
  readonly url: string;
}

/** The processes that own partitions: the workers that its log tells of, else itself. */
function membersOf({ pid, url, log }: EngineProcess): readonly Member[] {
  const lines = log().split("\n");
  const workers = lines.filter((line) => line.includes('"msg":"worker is listening"'));
  return workers.length === 0 ? [{ pid, url }] : workers.map((line) => JSON.parse(line) as Member);
}

async function metricsOf(url: string): Promise<string> {
  return await (await fetch(`${url}/metrics`)).text();
}

function ownedIn(exposition: string): number {
  return exposition.split("\n").filter((line) => /^nba_partition_owner\{.*\} 1$/.test(line)).length;
}

function added(all: readonly Counts[]): Counts {
  const sum = (of: (counts: Counts) => number): number => all.reduce((total, counts) => total + of(counts), 0);
  return { folded: sum(({ folded }) => folded), lost: sum(({ lost }) => lost), decisions: sum((c) => c.decisions) };
}

/** Options of Node with which a process leaves its profile in `folder`: see `nba profile`. */
function profiling(folder: string): readonly string[] {
  return ["--cpu-prof", `--cpu-prof-dir=${folder}`, "--cpu-prof-interval=500"];
}

/** Waits until so many more were folded and decided than `before`; throws where something was lost, or nothing moves. */
export async function untilCounted(
  under: Pick<EngineUnderTest, "counts">,
  before: Counts,
  folded: number,
  decisions: number,
): Promise<void> {
  let last = before;
  const startedAt = performance.now();
  for (let movedAt = startedAt; performance.now() - movedAt < STALL_MS; ) {
    const now = await under.counts();
    if (now.lost > before.lost)
      throw new Error(`${now.lost - before.lost} events were refused or taken for duplicates`);
    const done = now.folded - before.folded;
    if (done >= folded && now.decisions - before.decisions >= decisions) return;
    if (now.folded !== last.folded || now.decisions !== last.decisions) movedAt = performance.now();
    last = now;
    await sleep(pollMs(performance.now() - startedAt, done / folded));
  }
  throw new Error(
    `no progress for ${STALL_MS / 1_000} s at ${last.folded - before.folded} of ${folded} events, ` +
      `${last.decisions - before.decisions} of ${decisions} decisions`,
  );
}

const STALL_MS = 20_000;

/**
 * A scrape costs the engine a few milliseconds: few of them, closer together towards the end. What the beginning says of the
 * end is little: nobody sleeps for more than a quarter of what has gone by, or what takes half a second is over long before.
 */
function pollMs(elapsedMs: number, share: number): number {
  if (share <= 0) return 50;
  return Math.min(500, Math.max(20, Math.min(elapsedMs / 4, (elapsedMs / share - elapsedMs) * 0.4)));
}

export function readCounts(exposition: string): Counts {
  const counts = { folded: 0, lost: 0, decisions: 0 };
  for (const line of exposition.split("\n")) {
    const value = Number(line.slice(line.lastIndexOf(" ")));
    if (line.startsWith("nba_decisions_total{")) counts.decisions += value;
    if (!line.startsWith("nba_events_total{") || !/source="(clickstream|transactions)"/.test(line)) continue;
    if (line.includes('result="folded"')) counts.folded += value;
    else counts.lost += value;
  }
  return counts;
}
