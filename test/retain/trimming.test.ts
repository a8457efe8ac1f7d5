// Retention at work all the time, as sharp as it can be, under a run whose session is lost again and again: profiles end up as
// a count says that knows nothing of the engine, and archive and Redis together hold every entry and commit once, in order.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import type { CommitSeq, PartitionIndex, Position, TrackingCode } from "../../engine/domain/ids.ts";
import { NEVER } from "../../engine/domain/time.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import { decodeCommit, follows } from "../../engine/journal/commit-record.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { createRedisJournal } from "../../engine/journal/redis-journal.ts";
import type { DecisionLoopOptions } from "../../engine/partition/decision-loop.ts";
import { findDecision } from "../../engine/partition/find-decision.ts";
import { type Archive, createArchive } from "../../engine/retain/archive.ts";
import { startRetention } from "../../engine/retain/start-retention.ts";
import type { Trimmed } from "../../engine/retain/trim-streams.ts";
import { withArchive } from "../../engine/retain/with-archive.ts";
import { verifyRedis } from "../../engine/verify/verify-redis.ts";
import {
  askFor,
  connect,
  cutConnections,
  decided,
  event,
  lookAt,
  outcomeOf,
  PARTITIONS,
  until,
} from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection | undefined;
let dir: string;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await client.flushall();
  dir = await mkdtemp(join(tmpdir(), "nba-archive-"));
});
afterEach(async () => {
  connection?.close();
  await rm(dir, { recursive: true });
});

const PARTS = Array.from({ length: PARTITIONS }, (_, index) => index as PartitionIndex);
/** Nothing is kept for its age, and every item is taken for over. */
const SHARP = { journalMs: 0, logMs: 0, bytes: 2 ** 40 };
const ROUNDS = 12;
const CUSTOMERS = 20;
const TINY = { recoveryEntriesMax: 24, profilesMax: 6, profilesPerCommitMax: 2, idleMs: 30 };

interface Counted {
  entries: number;
  commits: number;
  decisions: number;
  failures: string[];
}

function retaining(counted: Counted, archive: () => Archive | undefined): DecisionLoopOptions["onSession"] {
  return (session) => {
    const stop = startRetention({
      connect: () => connectRedis({ url: redis.url, silenceMs: 5_000 }),
      retention: SHARP,
      partitions: PARTITIONS,
      archive: archive(),
      owned: () => session.partitions.map(({ index, token }) => ({ index, token, now: NEVER })),
      clock: Date.now,
      onTurn: (_, { trimmed }) => add(counted, trimmed),
      onFailure: (_, error) => counted.failures.push(String(error)),
      pollMs: 10,
      restMs: 0,
      lingerMs: 0,
    });
    return stop;
  };
}

function add(counted: Counted, { entries, commits, decisions }: Trimmed): void {
  counted.entries += entries;
  counted.commits += commits;
  counted.decisions += decisions;
}

/** There is no dispatch beside these loops: all that is committed counts as dispatched. */
function dispatching({ loop }: RunningLoop): void {
  loop.engine.onCommitted(({ partition, seq }) => {
    void client.hset(`nba:{${partition}}:checkpoint`, "dispatched", String(seq)).catch(() => undefined);
  });
}

async function run(counted: Counted, archive: () => Archive | undefined) {
  const options = { ...TINY, onSession: retaining(counted, archive) };
  let running = await startLoop(redis.url, options);
  dispatching(running);
  const spend = new Map<string, number>();
  const codes = new Map<string, TrackingCode>();
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < CUSTOMERS; n++) {
      const name = `c-${n}`;
      spend.set(name, (spend.get(name) ?? 0) + 1);
      await running.loop.engine.append([event(`p-${round}-${n}`, "purchase", name, { amount: 1 })]);
      if (round === 3) {
        const record = decided(await running.loop.engine.ask(askFor(name)));
        codes.set(name, record.contacts[0]?.trackingCode as TrackingCode);
      }
    }
    if (round === 5)
      for (const [name, code] of codes) await running.loop.engine.append([outcomeOf(name, code, "declined")]);
    if (round % 4 === 2) await cutConnections(client, running);
    if (round % 3 === 1) {
      const before = counted.commits;
      await until(() => counted.commits > before); // however slow the machine: something goes between two faults
    }
    if (round === 7) {
      await running.stop();
      running = await startLoop(redis.url, options);
      dispatching(running);
    }
  }
  for (const [name, expected] of spend) {
    await until(async () => (await lookAt(running, name)).features["spend_all"] === expected);
    const { contacts } = await lookAt(running, name);
    expect(contacts.map(({ trackingCode, outcome }) => [trackingCode, outcome])).toEqual([
      [codes.get(name), "declined"],
    ]);
  }
  await running.stop();
  return { spend, codes };
}

it("RET-2 what is trimmed is needed by nobody: profiles, contacts and counts come out as without", {
  timeout: 60_000,
}, async () => {
  const counted: Counted = { entries: 0, commits: 0, decisions: 0, failures: [] };
  const { spend } = await run(counted, () => undefined);
  expect(counted.entries).toBeGreaterThan(0);
  expect(counted.commits).toBeGreaterThanOrEqual(4);
  expect(counted.decisions).toBeGreaterThanOrEqual(1);
  const again = await startLoop(redis.url, TINY);
  for (const [name, expected] of spend) expect((await lookAt(again, name)).features["spend_all"]).toBe(expected);
  await again.stop();
  // Of what is gone the index does not speak, and of what is there it does.
  for (const index of PARTS) {
    const kept = (await client.xrangeBuffer(`nba:{${index}}:journal`, "-", "+")).flatMap(
      ([, fields]) => decodeCommit(fields[1] as Buffer).decisions,
    );
    expect((await client.hkeys(`nba:{${index}}:decisions`)).sort()).toEqual(kept.map(({ id }) => id).sort());
  }
});

it("with an archive nothing is lost and nothing is there twice", { timeout: 60_000 }, async () => {
  const counted: Counted = { entries: 0, commits: 0, decisions: 0, failures: [] };
  const seed = 1;
  const archive = createArchive(dir, { seed, partitions: PARTITIONS });
  const { codes } = await run(counted, () => archive);
  expect(counted.commits).toBeGreaterThanOrEqual(4);
  expect(counted.entries).toBeGreaterThan(50);
  connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
  const past = withArchive(
    createRedisJournal({ connection, owner: "reader", leaseMs: 0, address: "" }),
    createArchive(dir, { seed, partitions: PARTITIONS }),
  );
  let purchases = 0;
  for (const index of PARTS) {
    const { added, length } = await past.logState(index);
    expect(length).toBe(added);
    const seen: string[] = [];
    for (let after = "0-0" as Position; ; ) {
      const page = await past.entries(index, after, undefined, 7);
      seen.push(...page.map(({ position }) => position));
      purchases += page.filter(({ fields }) =>
        fields.some((field) => /\bp-\d+-\d+\b/.test(field.toString("latin1"))),
      ).length;
      if (page.length < 7) break;
      after = page.at(-1)?.position as Position;
    }
    expect(seen).toHaveLength(added as number);
    expect(new Set(seen).size).toBe(seen.length);
    const backwards: string[] = [];
    for (let before: Position | undefined; ; ) {
      const page = await past.entriesBefore(index, before, 11);
      backwards.push(...page.map(({ position }) => position));
      if (page.length < 11) break;
      before = page.at(-1)?.position;
    }
    expect(backwards.reverse()).toEqual(seen);
    const { seq } = await past.head(index);
    const commits = await past.commits(index, 1 as CommitSeq, 1_000_000);
    let before = 0 as CommitSeq;
    for (const commit of commits) {
      expect(follows(before, commit.seq, decodeCommit(commit.payload))).toBe(true);
      before = commit.seq;
    }
    expect(before).toBe(seq);
    const newest = await past.commitsBefore(index, undefined, 1_000_000);
    expect(newest.map((commit) => commit.seq).reverse()).toEqual(commits.map((commit) => commit.seq));
  }
  expect(purchases).toBe(ROUNDS * CUSTOMERS);
  for (const [name, code] of codes) {
    const id = code.split(".")[0] as Parameters<typeof findDecision>[2];
    const found = await Promise.all(PARTS.map((index) => findDecision(past, index, id)));
    expect(found.filter((one) => one !== undefined).map((one) => one.record.key)).toEqual([name]);
  }
  // Everything told anew from its beginning, which is in files by now.
  const nothing = { partitions: undefined, customer: undefined, differencesMax: 20, onProgress: () => undefined };
  const whole = await verifyRedis(connection, { ...nothing, journal: past });
  expect(whole.differences).toEqual([]);
  expect(whole.partitions.map(({ cut, uncovered }) => [cut, uncovered])).toEqual(PARTS.map(() => [undefined, 0]));
  expect(whole.partitions.reduce((sum, { compared }) => sum + compared, 0)).toBe(CUSTOMERS);
  const alone = await verifyRedis(connection, nothing);
  expect(alone.differences).toEqual([]);
  expect(alone.partitions.some(({ cut }) => cut !== undefined)).toBe(true);
});

it("S5 what is trimmed while verify reads it is no difference", { timeout: 60_000 }, async () => {
  const running = await startLoop(redis.url, TINY);
  for (let round = 0; round < 4; round++) {
    for (let n = 0; n < CUSTOMERS; n++) {
      await running.loop.engine.append([event(`v-${round}-${n}`, "purchase", `c-${n}`, { amount: 500 })]);
    }
  }
  for (let n = 0; n < CUSTOMERS; n++) {
    await until(async () => (await lookAt(running, `c-${n}`)).features["spend_all"] === 2_000);
  }
  await running.stop();
  connection = await connectRedis({ url: redis.url, silenceMs: 20_000 });
  const journal = createRedisJournal({ connection, owner: "verify", leaseMs: 0, address: "" });
  let trimsLeft = 0;
  const read = connection;
  /** As retention does: behind the base of recovery. */
  const trim = async (index: PartitionIndex): Promise<void> => {
    const name = `nba:{${index}}`;
    const base = await client.hgetBuffer(`${name}:checkpoint`, "base");
    if (base === null) throw new Error(`partition ${index} has stored no base`);
    const { seq, position } = decodeBase(base);
    trimsLeft -= Number(await client.xtrim(`${name}:journal`, "MINID", seq)) > 0 ? 1 : 0;
    await client.xtrim(`${name}:events`, "MINID", position);
  };
  const verify = () =>
    verifyRedis(read, {
      partitions: undefined,
      customer: undefined,
      differencesMax: 20,
      onProgress: () => undefined,
      journal: {
        ...journal,
        // After it was told that all of it is there.
        commits: async (...range) => {
          if (range[2] > 1 && trimsLeft > 0) await trim(range[0]);
          return await journal.commits(...range);
        },
      },
    });
  const whole = await verify();
  expect([whole.differences, whole.partitions.some(({ cut }) => cut !== undefined)]).toEqual([[], false]);
  trimsLeft = 2;
  const { differences, doubtful, partitions } = await verify();
  expect(trimsLeft).toBe(0);
  expect([differences, doubtful]).toEqual([[], []]);
  expect(partitions.filter(({ cut }) => cut !== undefined)).toHaveLength(2);
});
