// Retention as sharp as it can be, hurt at every step of its script: before the bytes are with Redis, in the middle of them, and after
// it ran and before its reply; connections are cut, or fall silent, or Redis is killed in that moment. What was archived and what
// Redis holds must together be every entry and every commit once, and profiles as without any of it.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { CommitSeq, PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { NEVER } from "../../engine/domain/time.ts";
import { decodeCommit, follows } from "../../engine/journal/commit-record.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import { createRedisJournal } from "../../engine/journal/redis-journal.ts";
import { Unavailable } from "../../engine/partition/trouble.ts";
import { type Archive, createArchive } from "../../engine/retain/archive.ts";
import { startRetention } from "../../engine/retain/start-retention.ts";
import type { Trimmed } from "../../engine/retain/trim-streams.ts";
import { withArchive } from "../../engine/retain/with-archive.ts";
import { seeded } from "../kills/seeded.ts";
import { askFor, event, lookAt, PARTITIONS, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { type FaultProxy, type Place, startFaultProxy } from "./fault-proxy.ts";

const PLACES: readonly Place[] = ["before", "middle", "after"];
const HARMS = ["cut", "kill-redis", "silence"] as const;
const TURNS = process.env["NBA_LONG"] === "1" ? 20 : 1;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const PARTS = Array.from({ length: PARTITIONS }, (_, index) => index as PartitionIndex);
const SILENCE_MS = 400;
const CUSTOMERS = 12;
/** Stored soon, so that there is something to let go. */
const TINY = { recoveryEntriesMax: 24, profilesMax: 6, profilesPerCommitMax: 2, idleMs: 30, silenceMs: SILENCE_MS };

let redis: TestRedis;
let client: Redis;
let folder: string;
let proxy: FaultProxy;
let running: RunningLoop;
let archive: Archive;
const trimmed = { entries: 0, commits: 0 };

beforeAll(async () => {
  redis = await startTestRedis({ appendOnly: true });
  client = new Redis(redis.socket, { retryStrategy: () => 20 });
  client.on("error", () => undefined); // it goes with its server, and comes again
  folder = await mkdtemp(join(tmpdir(), "nba-trim-"));
  proxy = await startFaultProxy(join(folder, "proxy.sock"), redis.socket);
  archive = createArchive(join(folder, "archive"), { seed: 1, partitions: PARTITIONS });
  running = await startRetainingLoop();
});
afterAll(async () => {
  await running.stop();
  client.disconnect();
  proxy.stop();
  await redis.stop();
  await rm(folder, { recursive: true });
});

async function startRetainingLoop(): Promise<RunningLoop> {
  const started = await startLoop(proxy.url, {
    ...TINY,
    onSession: (session) =>
      startRetention({
        connect: () => connectRedis({ url: proxy.url, silenceMs: SILENCE_MS }),
        retention: { journalMs: 0, logMs: 0, bytes: 2 ** 40 },
        partitions: PARTITIONS,
        archive,
        owned: () => session.partitions.map(({ index, token }) => ({ index, token, now: NEVER })),
        clock: Date.now,
        onTurn: (_, turn) => count(turn.trimmed),
        onFailure: () => undefined, // its connection was struck: tried again
        pollMs: 10,
        restMs: 0,
        lingerMs: 0,
      }),
  });
  // There is no dispatch beside this loop: all that is committed counts as dispatched.
  started.loop.engine.onCommitted(({ partition, seq }) => {
    void client.hset(`nba:{${partition}}:checkpoint`, "dispatched", String(seq)).catch(() => undefined);
  });
  return started;
}

/** Undefined: its partition is not looked after just now. */
async function spendOf(name: string): Promise<unknown> {
  try {
    return (await lookAt(running, name)).features["spend_all"];
  } catch (error) {
    if (error instanceof Unavailable) return undefined;
    throw error;
  }
}

function count({ entries, commits }: Trimmed): void {
  trimmed.entries += entries;
  trimmed.commits += commits;
}

/** Purchases of one each and now and then an ask, again and again until they are taken, as a careful producer does. */
function startFeeding(): { readonly stop: () => Promise<ReadonlyMap<string, number>> } {
  const spend = new Map<string, number>();
  let isStopped = false;
  const feed = async (): Promise<void> => {
    for (let n = 0; !isStopped; n++) {
      const name = `c-${n % CUSTOMERS}`;
      const purchase = event(`p-${n}`, "purchase", name, { amount: 1 });
      await until(async () => (await running.loop.engine.append([purchase]))[0]?.kind === "appended", 120_000);
      spend.set(name, (spend.get(name) ?? 0) + 1);
      if (n % 5 === 0) await running.loop.engine.ask(askFor(`asker-${n}`, { deadlineMs: 50 }));
    }
  };
  const feeding = feed();
  return {
    stop: async () => {
      isStopped = true;
      await feeding;
      return spend;
    },
  };
}

async function suffer(place: Place, harm: (typeof HARMS)[number], random: () => number): Promise<void> {
  let killing: Promise<void> | undefined;
  await proxy.strike({
    script: "engine/retain/trim.lua",
    // Those that let something go: an entry, or a commit.
    among: (args) => args[3] !== "" || args[5] !== "",
    place,
    skip: Math.floor(random() * 4),
    lingersMs: harm === "kill-redis" ? random() * 4 : 30,
    isSilent: harm === "silence",
    harm: () => {
      if (harm === "kill-redis") killing = redis.kill();
    },
  });
  await killing;
  if (harm === "kill-redis") await redis.restart();
  const before = trimmed.entries;
  await until(() => running.loop.engine.ready().ok && trimmed.entries > before, 120_000);
}

/** Every entry and commit once, in order, over archive and Redis. Tells how many purchases there are. */
async function readWhole(): Promise<number> {
  const connection = await connectRedis({ url: redis.url, silenceMs: 30_000 });
  try {
    const journal = createRedisJournal({ connection, owner: "reader", leaseMs: 0, address: "" });
    const past = withArchive(journal, createArchive(join(folder, "archive"), { seed: 1, partitions: PARTITIONS }));
    const purchases = new Set<string>();
    for (const index of PARTS) {
      const { added, length } = await past.logState(index);
      expect(length, `entries of partition ${index}`).toBe(added);
      const entries = await past.entries(index, "0-0" as Position, undefined, 1_000_000);
      expect(entries).toHaveLength(added as number);
      expect(new Set(entries.map(({ position }) => position)).size).toBe(entries.length);
      for (const { fields } of entries) {
        const id = fields.map((field) => /\bp-\d+\b/.exec(field.toString("latin1"))?.[0]).find((found) => found);
        if (id !== undefined) purchases.add(id);
      }
      let before = 0 as CommitSeq;
      for (const { seq, payload } of await past.commits(index, 1 as CommitSeq, 1_000_000)) {
        expect(follows(before, seq, decodeCommit(payload)), `${seq} after ${before} of partition ${index}`).toBe(true);
        before = seq;
      }
      expect(before).toBe((await past.head(index)).seq);
    }
    return purchases.size;
  } finally {
    connection.close();
  }
}

it(`S1 S5: ${TURNS * PLACES.length * HARMS.length} strikes at the script that trims lose nothing and leave nothing twice (NBA_SEED=${SEED})`, {
  timeout: 60_000 + TURNS * 300_000,
}, async () => {
  console.log(`trim strikes: NBA_SEED=${SEED}`);
  const random = seeded(SEED);
  const feeding = startFeeding();
  for (let turn = 0; turn < TURNS; turn++) {
    for (const harm of HARMS) for (const place of PLACES) await suffer(place, harm, random);
  }
  const spend = await feeding.stop();
  for (const [name, expected] of spend) {
    await until(async () => (await spendOf(name)) === expected, 60_000);
  }
  await running.stop();
  const sent = [...spend.values()].reduce((sum, each) => sum + each, 0);
  expect(await readWhole()).toBe(sent);
  console.log(`trim strikes: ${sent} purchases, ${trimmed.entries} entries and ${trimmed.commits} commits trimmed`);
  expect(trimmed.entries).toBeGreaterThan(20);
  expect(trimmed.commits).toBeGreaterThan(5);
});
