// What a turn of retention lets go, and what it never does.
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { beyondRetention, pastJournal } from "../../engine/cli/past-journal.ts";
import {
  type CommitSeq,
  customerKey,
  type DecisionId,
  type PartitionIndex,
  type Position,
} from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant, MINUTE_MS, NEVER } from "../../engine/domain/time.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import { decodeCommit, encodeCommit } from "../../engine/journal/commit-record.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { createRedisJournal } from "../../engine/journal/redis-journal.ts";
import { findDecision } from "../../engine/partition/find-decision.ts";
import { type Archive, createArchive } from "../../engine/retain/archive.ts";
import { type RetainContext, retainTurn } from "../../engine/retain/retain-turn.ts";
import { withArchive } from "../../engine/retain/with-archive.ts";
import { askFor, connect, customerIn, decided, event, lookAt, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;
let dir: string;
let saved: readonly (readonly [string, Buffer])[];

const P = 0 as PartitionIndex;
const IDENTITY = { seed: 7, partitions: 4 };
const EVENTS = 700;
const ana = customerIn(P, "ana");
const bob = customerIn(P, "bob");

/** One partition with a history: written once, put back before each test. */
beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
  dir = await mkdtemp(join(tmpdir(), "nba-archive-"));
  const running = await startLoop(redis.url);
  const many = Array.from({ length: EVENTS }, (_, n) => event(`p-${n}`, "purchase", ana, { amount: 1 }));
  await running.loop.engine.append(many);
  await until(async () => (await running.loop.engine.look(customerKey(ana)))?.features["spend_all"] === EVENTS);
  for (let n = 0; n < 4; n++) {
    decided(await running.loop.engine.ask(askFor(n < 2 ? ana : bob, { placements: [{ name: "app-home" }] })));
    await running.loop.engine.append([event(`x-${n}`, "purchase", bob, { amount: 1 })]);
    await until(async () => (await running.loop.engine.look(customerKey(bob)))?.features["spend_all"] === n + 1);
  }
  await running.stop();
  const { seq } = await journal().head(P);
  await client.hset("nba:{0}:checkpoint", "dispatched", String(seq));
  const keys = await client.keys("*");
  saved = await Promise.all(keys.map(async (key) => [key, (await client.dumpBuffer(key)) as Buffer] as const));
}, 60_000);
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
  await rm(dir, { recursive: true, force: true });
});
beforeEach(async () => {
  await client.flushall();
  await Promise.all(saved.map(([key, bytes]) => client.restore(key, 0, bytes)));
  await rm(dir, { recursive: true, force: true });
});

const journal = () => createRedisJournal({ connection, owner: "test", leaseMs: 60_000, address: "" });
const archive = (): Archive => createArchive(dir, IDENTITY);

async function token(): Promise<string> {
  await client.hset("nba:{0}:lease", "token", "t-1");
  return "t-1";
}

function context(changes: Partial<RetainContext> = {}): RetainContext {
  const retention = { journalMs: 0, logMs: 0, bytes: 2 ** 40 };
  return {
    connection,
    journal: journal(),
    retention,
    partitions: 4,
    archive: undefined,
    lingerMs: 0,
    clock: () => Date.now() + MINUTE_MS / 2,
    ...changes,
  };
}

async function turn(changes: Partial<RetainContext> = {}, now: Instant = NEVER) {
  return await retainTurn(context(changes), { index: P, token: await token(), now });
}

const lengths = async () => [await client.xlen("nba:{0}:events"), await client.xlen("nba:{0}:journal")] as const;

describe("a turn", () => {
  it("lets go what is older than it has to be kept, but for the newest commit, and the index with it", async () => {
    const [, commits] = await lengths();
    const { trimmed } = await turn();
    expect(trimmed.entries).toBeGreaterThan(EVENTS - 200); // whole nodes of the stream
    expect(trimmed.commits).toBe(commits - 1);
    expect((await lengths())[1]).toBe(1);
    const { seq } = await journal().head(P);
    const last = await journal().commits(P, seq, 1);
    const kept = last.flatMap(({ payload }) => decodeCommit(payload).decisions.map(({ id }) => id));
    expect((await client.hkeys("nba:{0}:decisions")).sort()).toEqual([...kept].sort());
    expect((await turn()).trimmed).toMatchObject({ commits: 0, decisions: 0 });
  });

  it("keeps what is young enough", async () => {
    const before = await lengths();
    const { trimmed, lateMs } = await turn({ retention: { journalMs: DAY_MS, logMs: DAY_MS, bytes: 2 ** 40 } });
    expect([trimmed.entries, trimmed.commits, lateMs]).toEqual([0, 0, 0]);
    expect(await lengths()).toEqual(before);
  });

  it("beyond its share of the bytes lets go what is younger, the log first", async () => {
    const bytes = 4 * Number(await client.call("MEMORY", "USAGE", "nba:{0}:events", "SAMPLES", "0"));
    const keep = { journalMs: DAY_MS, logMs: DAY_MS };
    const { trimmed } = await turn({ retention: { ...keep, bytes: bytes * 0.9 } });
    expect(trimmed.entries).toBeGreaterThan(0);
    expect((await turn({ retention: { ...keep, bytes: 4 } })).trimmed.commits).toBeGreaterThan(0);
    for (let n = 0; n < 5; n++) await turn({ retention: { ...keep, bytes: 4 } });
    const { excessBytes } = await turn({ retention: { ...keep, bytes: 4 } });
    expect(excessBytes).toBeGreaterThan(0); // what is left is needed, and it says so
    expect((await lengths())[1]).toBe(1);
  });

  it("RET-1 keeps a commit whose items somebody may still answer, whatever its age and the bytes", async () => {
    const made = await journal().commits(P, 1 as CommitSeq, 1_000);
    const first = made.find(({ payload }) =>
      decodeCommit(payload).decisions.some(({ contacts }) => contacts.length > 0),
    );
    const retention = { journalMs: 0, logMs: 0, bytes: 4 };
    for (let n = 0; n < 4; n++) await turn({ retention }, Date.now() as Instant);
    const [oldest] = await journal().commits(P, 1 as CommitSeq, 1);
    expect(oldest?.seq).toBe(first?.seq);
    expect((await turn({ retention }, Date.now() as Instant)).lateMs).toBeGreaterThan(0);
    expect((await turn({ retention }, (Date.now() + 365 * DAY_MS) as Instant)).trimmed.commits).toBeGreaterThan(0);
  });

  it("keeps what is not dispatched, and what recovery folds again", async () => {
    const [, second, third] = await journal().commits(P, 1 as CommitSeq, 3);
    await client.hset("nba:{0}:checkpoint", "dispatched", String(second?.seq));
    await turn();
    expect((await journal().commits(P, 1 as CommitSeq, 1))[0]?.seq).toBe(third?.seq);
    const base = decodeBase((await client.hgetBuffer("nba:{0}:checkpoint", "base")) as Buffer);
    const later = await client.xadd("nba:{0}:events", "*", "s", "http", "d", "{}");
    for (let n = 0; n < 3; n++) await turn({ archive: archive() }); // exactly, not by nodes
    const left = await journal().entries(P, "0-0" as Position, undefined, 10);
    expect(left.map(({ position }) => position)).toEqual([later]);
    expect(base.position < (later as string)).toBe(true);
  });

  it("S4: of who does not own it any more, or whose clock is ahead, or whose Redis has lost commits: nothing", async () => {
    const before = await lengths();
    const stale = await retainTurn(context(), { index: P, token: "t-0", now: NEVER });
    expect(stale.refused).toBe("FENCED");
    expect((await turn({ clock: () => Date.now() + 3 * MINUTE_MS })).refused).toMatch(
      /^CLOCK the clock of this engine is \d+ ms ahead/,
    );
    const lying = {
      ...journal(),
      head: async (index: PartitionIndex) => {
        const head = await journal().head(index);
        await client.hset("nba:{0}:checkpoint", "seq", "1");
        return head;
      },
    };
    expect((await turn({ journal: lying })).refused).toMatch(
      /^BEHIND nba:\{0\}:checkpoint says commit 1, and said \d+$/,
    );
    await client.del("nba:{0}:decisions");
    await client.set("nba:{0}:decisions", "x");
    expect((await turn()).refused).toMatch(/WRONGTYPE nba:\{0\}:decisions should be a hash and is a string/);
    expect(await lengths()).toEqual(before);
  });

  it("bounds the dead letters by bytes, which count with those of log and journal", async () => {
    const letter = "x".repeat(16_384);
    const batch = client.pipeline();
    for (let n = 0; n < 20; n++) batch.xadd("nba:{0}:dead", `${Date.now()}-${n + 1}`, "reason", "malformed");
    for (let n = 0; n < 500; n++)
      batch.xadd("nba:{0}:dead", `${Date.now() + 1}-${n + 1}`, "reason", "old", "d", letter);
    await batch.exec();
    const before = Number(await client.call("MEMORY", "USAGE", "nba:{0}:dead", "SAMPLES", "0"));
    const bytes = 4 * 8 * 2 ** 20; // an eighth of 8 MiB for the letters of each of the four partitions
    const { trimmed, excessBytes } = await turn({
      retention: { journalMs: DAY_MS, logMs: DAY_MS, bytes },
      partitions: 4,
    });
    const after = Number(await client.call("MEMORY", "USAGE", "nba:{0}:dead", "SAMPLES", "0"));
    expect(before).toBeGreaterThan(8 * 2 ** 20);
    expect(after).toBeLessThan(1.1 * 2 ** 20);
    expect(after).toBeGreaterThan(0.7 * 2 ** 20);
    expect(trimmed).toMatchObject({ entries: 0, commits: 0 });
    expect(excessBytes).toBe(0);
    const [[newest]] = (await client.xrevrange("nba:{0}:dead", "+", "-", "COUNT", 1)) as [[string, string[]]];
    expect(newest).toMatch(/-500$/);
  });

  it("bounds the dead letters by age and number", async () => {
    const batch = client.pipeline();
    for (let n = 0; n < 3_000; n++) batch.xadd("nba:{0}:dead", `${n + 1}-0`, "reason", "malformed");
    await batch.exec();
    await turn();
    expect(await client.xlen("nba:{0}:dead")).toBeLessThan(150);
  });
});

async function restarted(): Promise<RunningLoop> {
  await client.hset("nba:{0}:lease", "until", "0");
  return await startLoop(redis.url);
}

describe("an archive", () => {
  const whole = async () => {
    const past = withArchive(journal(), archive());
    const entries = await past.entries(P, "0-0" as Position, undefined, 10_000);
    const commits = await past.commits(P, 1 as CommitSeq, 10_000);
    return { entries: entries.map(({ position }) => position), commits: commits.map(({ payload }) => payload) };
  };

  it("takes what goes before it goes; killed between the two and done again, nothing is there twice", async () => {
    const before = await whole();
    // Killed after the archive was written: the trim is never sent.
    const killed = { ...connection, script: async () => Promise.reject(new Error("killed")) };
    await expect(turn({ archive: archive(), connection: killed })).rejects.toThrow("killed");
    const files = await readdir(join(dir, "0000"));
    expect(files).toHaveLength(2);
    expect(await whole()).toEqual(before);
    const { trimmed, archivedBytes } = await turn({ archive: archive() });
    expect(trimmed.entries).toBeGreaterThanOrEqual(EVENTS);
    expect(archivedBytes).toBe(0);
    expect((await readdir(join(dir, "0000"))).sort()).toEqual(files.sort());
    expect(await whole()).toEqual(before);
    const running = await restarted();
    expect((await lookAt(running, ana)).features["spend_all"]).toBe(EVENTS);
    await running.stop();
  });

  it("RET-1 a decision that was let go is read from it; without, it is said since when the journal reaches back", async () => {
    const [seed, partitions] = (await client.hmget("nba:config", "seed", "partitions")).map(Number) as [number, number];
    const ids = await client.hkeys("nba:{0}:decisions");
    await turn({ archive: createArchive(dir, { seed, partitions }) });
    const kept = await client.hkeys("nba:{0}:decisions");
    const gone = ids.filter((id) => !kept.includes(id)) as DecisionId[];
    expect(gone.length).toBeGreaterThan(1);
    const past = await pastJournal(connection, { ARCHIVE_DIR: dir });
    for (const id of gone) expect((await findDecision(past, P, id))?.record.id).toBe(id);
    expect(await beyondRetention(past, P)).toBe("");
    const present = await pastJournal(connection, {});
    expect(await findDecision(present, P, gone[0] as DecisionId)).toBeUndefined();
    expect(await beyondRetention(present, P)).toMatch(/^; it begins at 20\S+Z, what is older was let go \(RETENTION\)/);
  });

  it("that cannot be written stops trimming, and loses nothing", async () => {
    const before = await lengths();
    await writeFile(dir, "a file where a folder should be");
    await expect(turn({ archive: archive() })).rejects.toMatchObject({ name: "ArchiveTrouble" });
    expect(await lengths()).toEqual(before);
  });

  it("of other data is refused, for writing and for reading", async () => {
    await turn({ archive: archive() });
    const other = createArchive(dir, { ...IDENTITY, seed: 8 });
    await expect(other.segments(P, "log")).rejects.toThrow(/belongs to other data .*: use another folder/);
    await client.hset("nba:{0}:checkpoint", "x", "1");
    await expect(
      other.write({ kind: "log", partition: P, first: "1-0", last: "1-0", count: 1, ordinal: 0 }, []),
    ).rejects.toThrow("belongs to other data");
  });

  it("that holds another commit than Redis stops trimming, in words", async () => {
    const killed = { ...connection, script: async () => Promise.reject(new Error("killed")) };
    await expect(turn({ archive: archive(), connection: killed })).rejects.toThrow("killed");
    const [first, ...rest] = await client.xrangeBuffer("nba:{0}:journal", "-", "+");
    const record = decodeCommit((first as [Buffer, Buffer[]])[1][1] as Buffer);
    await client.del("nba:{0}:journal");
    await client.xadd(
      "nba:{0}:journal",
      (first as [Buffer, Buffer[]])[0],
      "c",
      encodeCommit({ ...record, now: (record.now - 1) as Instant }),
    );
    for (const [id, of] of rest) await client.xadd("nba:{0}:journal", id, ...of);
    await expect(turn({ archive: archive() })).rejects.toThrow(
      /holds (\d+) where Redis holds another \1: was Redis restored/,
    );
  });

  it("says which file is not as it was written", async () => {
    await turn({ archive: archive() });
    const [name] = (await readdir(join(dir, "0000"))).filter((file) => file.startsWith("journal."));
    const path = join(dir, "0000", name as string);
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, bytes.length - 20));
    const past = withArchive(journal(), archive());
    await expect(past.commits(P, 1 as CommitSeq, 1)).rejects.toThrow(`archive ${path}: not what was written: `);
  });
});
