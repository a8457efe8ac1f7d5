// The baseline in a process of its own, on a Redis of its own, with the same offers and models as the engine beside it.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../../test/redis.ts";
import { EVENTS_STREAM } from "../baseline/consume.ts";
import type { Offer } from "./bank-rules.ts";
import { startChild } from "./child.ts";
import type { BenchEvent } from "./events.ts";

interface Stats {
  readonly folded: number;
  readonly decisions: number;
}

export interface BaselineUnderTest {
  readonly url: string;
  readonly pid: number;
  readonly redis: TestRedis;
  readonly producer: Redis;
  readonly pause: () => void;
  readonly resume: () => void;
  readonly add: (events: readonly BenchEvent[]) => Promise<void>;
  readonly stats: () => Promise<Stats>;
  /** Until so many more events than `before` were acknowledged. Throws where nothing moves for 20 s. */
  readonly until: (before: Stats, folded: number) => Promise<void>;
  readonly stop: () => Promise<void>;
}

export interface BaselineOptions {
  readonly appendOnly: boolean;
  readonly offers: readonly Offer[];
  /** The folder that declares the features. */
  readonly rulesDir: string;
}

export async function startBaseline({ appendOnly, offers, rulesDir }: BaselineOptions): Promise<BaselineUnderTest> {
  const redis = await startTestRedis({ appendOnly });
  const offersFile = join(redis.dir, "offers.json");
  await writeFile(offersFile, JSON.stringify(offers));
  const args = [redis.socket, offersFile, rulesDir, process.env["MODELS_DIR"] ?? join(repositoryRoot, "models")];
  const child = await startChild<{ readonly url: string }>("baseline/service", args).catch(async (error: unknown) => {
    await redis.stop();
    throw error;
  });
  const producer = new Redis(redis.socket);
  const stats = async (): Promise<Stats> => (await (await fetch(`${child.said.url}/stats`)).json()) as Stats;
  return {
    url: child.said.url,
    pid: child.pid,
    redis,
    producer,
    pause: () => void process.kill(child.pid, "SIGSTOP"),
    resume: () => void process.kill(child.pid, "SIGCONT"),
    add: (events) => addAll(producer, events),
    stats,
    until: (before, folded) => untilFolded(stats, before, folded),
    stop: async () => {
      producer.disconnect();
      await child.stop();
      await redis.stop();
    },
  };
}

const PIPELINE = 5_000;
const STALL_MS = 20_000;

async function addAll(producer: Redis, events: readonly BenchEvent[]): Promise<void> {
  for (let from = 0; from < events.length; from += PIPELINE) {
    const pipeline = producer.pipeline();
    for (const { json } of events.slice(from, from + PIPELINE)) pipeline.xadd(EVENTS_STREAM, "*", "d", json);
    const failed = ((await pipeline.exec()) ?? []).find(([error]) => error !== null);
    if (failed !== undefined) throw failed[0];
  }
}

async function untilFolded(stats: () => Promise<Stats>, before: Stats, folded: number): Promise<void> {
  let last = before.folded;
  for (let movedAt = performance.now(); performance.now() - movedAt < STALL_MS; ) {
    const now = (await stats()).folded;
    if (now - before.folded >= folded) return;
    if (now !== last) movedAt = performance.now();
    last = now;
    await sleep(20);
  }
  throw new Error(`the baseline stands still at ${last - before.folded} of ${folded} events`);
}
