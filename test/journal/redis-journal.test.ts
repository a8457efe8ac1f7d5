import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CommitSeq, CustomerKey, DecisionId, PartitionIndex, Position } from "../../engine/domain/ids.ts";
import { type Instant, NEVER } from "../../engine/domain/time.ts";
import type { Acquired, CommitDraft, Journal } from "../../engine/journal/journal.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { createRedisJournal } from "../../engine/journal/redis-journal.ts";
import { connect } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

const P = 3 as PartitionIndex;
const STRANGE = [
  "a b",
  "{7}",
  "}:x{",
  "line\nbreak",
  "żółw 🐢",
  "nul\0",
  "\r\n$3\r\n",
  "x".repeat(256),
] as CustomerKey[];
const EVERY_BYTE = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

let redis: TestRedis;
let client: Redis;
let connection: RedisConnection;
let one: Journal;
let other: Journal;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  connection = await connectRedis({ url: redis.url, silenceMs: 2_000 });
  one = createRedisJournal({ connection, owner: "one", leaseMs: 300, address: "here:1" });
  other = createRedisJournal({ connection, owner: "other", leaseMs: 300, address: "there:2" });
});
afterAll(async () => {
  connection.close();
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

async function take(journal: Journal, partition = P): Promise<Extract<Acquired, { kind: "acquired" }>> {
  const acquired = await journal.acquire(partition);
  if (acquired.kind !== "acquired") throw new Error(JSON.stringify(acquired));
  return acquired;
}

function draft(seq: number, changes: Partial<CommitDraft> = {}): CommitDraft {
  return {
    partition: P,
    previous: (seq - 1) as CommitSeq,
    seq: seq as CommitSeq,
    position: `${seq}000-0` as Position,
    payload: EVERY_BYTE,
    decisions: STRANGE.map((key, n) => ({ items: 1, id: `decision-${seq}-${n}` as DecisionId, key })),
    armed: [
      ...STRANGE.map((key, n) => ({ key, due: (1_000 * (n + 1)) as Instant })),
      { key: "silent" as CustomerKey, due: NEVER },
    ],
    forgotten: [],
    dead: [{ position: "7-0" as Position, reason: "invalid", detail: "why\n", source: "http", bytes: EVERY_BYTE }],
    profiles: STRANGE.map((key) => ({ key, bytes: Buffer.concat([Buffer.from(key), EVERY_BYTE]) })),
    base: EVERY_BYTE,
    seen: [
      { offset: 4, bytes: EVERY_BYTE },
      { offset: 0, bytes: Buffer.from([1, 2, 3, 4]) },
    ],
    ...changes,
  };
}

/** Every key with everything in it, but for the leases. */
async function everything(): Promise<Record<string, string>> {
  const keys = (await client.keys("*")).filter((key) => !key.endsWith(":lease")).sort();
  const dumps = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
  return Object.fromEntries(keys.map((key, index) => [key, (dumps[index] as Buffer).toString("base64")]));
}

describe("a commit", () => {
  it("OK: everything is there, byte for byte", async () => {
    const { token } = await take(one);
    await client.zadd("nba:{3}:timers", 5, "silent");
    expect(await one.commit(token, draft(1))).toEqual({ kind: "ok" });
    expect(await one.commits(P, 1 as CommitSeq, 10)).toEqual([{ seq: 1, payload: EVERY_BYTE }]);
    expect(await one.profiles(P, [...STRANGE, "nobody" as CustomerKey])).toEqual([
      ...STRANGE.map((key) => Buffer.concat([Buffer.from(key), EVERY_BYTE])),
      undefined,
    ]);
    for (const [n, key] of STRANGE.entries()) {
      expect(await one.findDecision(P, `decision-1-${n}` as DecisionId)).toEqual({ seq: 1, items: 1, key });
    }
    expect(await one.findDecision(P, "decision-1-99" as DecisionId)).toBeUndefined();
    expect(await one.due(P, 3_000 as Instant, 10)).toEqual(
      STRANGE.slice(0, 3).map((key, n) => ({ key, due: 1_000 * (n + 1) })),
    );
    expect(await one.due(P, 9_000 as Instant, 2)).toHaveLength(2);
    expect(await one.nextDue(P)).toBe(1_000);
    const [first] = STRANGE;
    expect(await one.armed(P, ["silent" as CustomerKey, "nobody" as CustomerKey, first as CustomerKey])).toEqual([
      NEVER,
      undefined,
      1_000,
    ]);
    expect(await one.seen(P)).toEqual(Buffer.concat([Buffer.from([1, 2, 3, 4]), EVERY_BYTE]));
    const [letter] = await client.xrangeBuffer("nba:{3}:dead", "-", "+");
    expect(letter?.[1].slice(0, 8).map(String)).toEqual([
      ..."position 7-0 reason invalid detail".split(" "),
      "why\n",
      "s",
      "http",
    ]);
    expect(letter?.[1][9]).toEqual(EVERY_BYTE);
    const again = await take(one);
    expect(again).toMatchObject({ seq: 1, position: "1000-0", base: EVERY_BYTE });
  });

  it("OK: of more decisions and timers than one call of a script can take", async () => {
    const { token } = await take(one);
    const keys = Array.from({ length: 2_001 }, (_, nth) => `c-${nth}` as CustomerKey);
    const decisions = keys.map((key, nth) => ({ items: 2, id: `many-${nth}` as DecisionId, key }));
    const armed = keys.map((key, nth) => ({ key, due: (1_000 + nth) as Instant }));
    expect(await one.commit(token, draft(1, { decisions, armed }))).toEqual({ kind: "ok" });
    for (const nth of [0, 999, 1_000, 2_000]) {
      const found = { seq: 1, items: 2, key: `c-${nth}` };
      expect(await one.findDecision(P, `many-${nth}` as DecisionId)).toEqual(found);
    }
    expect(await client.hlen("nba:{3}:decisions")).toBe(2_001);
    expect(await one.armed(P, keys)).toEqual(armed.map(({ due }) => due));
  });

  it("of each partition by itself where many are sent in one turn: what is refused changes nothing, nor what the others write", async () => {
    const partitions = Array.from({ length: 40 }, (_, index) => index as PartitionIndex);
    const tokens: string[] = [];
    for (const partition of partitions) tokens.push((await take(one, partition)).token);
    await take(other, 5 as PartitionIndex).catch(() => undefined);
    await client.hset("nba:{7}:lease", "token", "another's");
    await client.hset("nba:{9}:checkpoint", "seq", 4);
    await client.rpush("nba:{11}:decisions", "a list");
    await client.del("nba:{13}:lease");
    await client.set("nba:{13}:lease", "a string");
    const kept = await everything();
    const before = (await client.info("commandstats")).match(/cmdstat_evalsha:calls=(\d+)/)?.[1];
    const many = await Promise.all(
      // Lists of all lengths, so that each one's end is the next one's beginning.
      partitions.map((partition, nth) => {
        const [forgotten, profiles] = [STRANGE.slice(0, nth % 3), draft(1).profiles.slice(nth % 3, 3 + (nth % 5))];
        const { decisions, armed, dead, seen } = draft(1);
        return one.commit(
          tokens[nth] as string,
          draft(1, {
            partition,
            payload: Buffer.from(`of ${partition}`),
            forgotten,
            profiles,
            decisions: decisions.slice(0, nth % 4),
            armed: armed.slice(0, nth % 5),
            dead: nth % 2 === 0 ? dead : [],
            seen: seen.slice(0, nth % 3),
            base: nth % 3 === 0 ? undefined : EVERY_BYTE,
          }),
        );
      }),
    );
    const after = (await client.info("commandstats")).match(/cmdstat_evalsha:calls=(\d+)/)?.[1];
    const refusals: Record<number, string> = {
      7: "FENCED",
      9: "BEHIND 4",
      11: "WRONGTYPE nba:{11}:decisions should be a hash",
      13: "WRONGTYPE nba:{13}:lease should be a hash",
    };
    for (const [partition, reply] of many.entries()) {
      const why = refusals[partition];
      expect(reply, String(partition)).toEqual(why === undefined ? { kind: "ok" } : { kind: "refused", why });
    }
    const now = await everything();
    for (const partition of partitions) {
      const own = (all: Record<string, string>) =>
        Object.fromEntries(Object.entries(all).filter(([key]) => key.startsWith(`nba:{${partition}}:`)));
      if (refusals[partition] !== undefined) expect(own(now)).toEqual(own(kept));
      else {
        expect(await one.commits(partition, 1 as CommitSeq, 10)).toEqual([
          { seq: 1, payload: Buffer.from(`of ${partition}`) },
        ]);
        const nth = partition;
        const expected = [STRANGE.slice(nth % 3, 3 + (nth % 5)), nth % 4, nth % 5, nth % 2 === 0 ? 1 : 0];
        const profiles = await one.profiles(partition, STRANGE);
        expect([
          STRANGE.filter((_, index) => profiles[index] !== undefined),
          await client.hlen(`nba:{${partition}}:decisions`),
          await client.zcard(`nba:{${partition}}:timers`),
          await client.xlen(`nba:{${partition}}:dead`),
        ]).toEqual(expected);
      }
    }
    expect(Number(after) - Number(before)).toBe(2);
  });

  it("in one call writes what each writes in a call of its own", async () => {
    const partitions = Array.from({ length: 12 }, (_, index) => index as PartitionIndex);
    const drafts = partitions.flatMap((partition) =>
      [1, 2, 3].map((seq) => {
        const whole = draft(seq, { partition });
        const some = (partition * 7 + seq * 3) % 11;
        return {
          ...whole,
          decisions: whole.decisions.slice(0, some % 4),
          armed: whole.armed.slice(0, some % 5),
          // Their ids are of the clock.
          dead: [],
          forgotten: STRANGE.slice(4, 4 + (some % 3)),
          profiles: whole.profiles.slice(some % 2, some % 6),
          base: some % 2 === 0 ? undefined : whole.base,
          seen: whole.seen.slice(0, some % 3),
        };
      }),
    );
    const writtenBy = async (isTogether: boolean): Promise<Record<string, string>> => {
      await client.flushall();
      const tokens: string[] = [];
      for (const partition of partitions) tokens.push((await take(one, partition)).token);
      for (const partition of partitions) await client.del(`nba:{${partition}}:lease`);
      for (const [index, token] of tokens.entries()) await client.hset(`nba:{${index}}:lease`, "token", token);
      const replies = [];
      if (isTogether)
        replies.push(...(await Promise.all(drafts.map((each) => one.commit(tokens[each.partition] as string, each)))));
      else for (const each of drafts) replies.push(await one.commit(tokens[each.partition] as string, each));
      expect(replies.every(({ kind }) => kind === "ok")).toBe(true);
      for (const partition of partitions) await client.hdel(`nba:{${partition}}:checkpoint`, "epoch");
      return await everything();
    };
    const together = await writtenBy(true);
    expect(together).toEqual(await writtenBy(false));
    expect(Object.keys(together).length).toBeGreaterThan(40);
  });

  it("without a base keeps the one that is stored", async () => {
    const { token } = await take(one);
    await one.commit(token, draft(1));
    await one.commit(token, draft(2, { base: undefined, seen: [] }));
    expect(await take(one)).toMatchObject({ seq: 2, position: "2000-0", base: EVERY_BYTE });
  });

  it("FENCED after another acquire, even of the same owner: nothing changes", async () => {
    const { token } = await take(one);
    await one.commit(token, draft(1));
    await take(one);
    const before = await everything();
    expect(await one.commit(token, draft(2))).toEqual({ kind: "refused", why: "FENCED" });
    expect(await everything()).toEqual(before);
  });

  it.each([0, 2, 7])("BEHIND where the previous one is said to be %d and is 1: nothing changes", async (previous) => {
    const { token } = await take(one);
    await one.commit(token, draft(1));
    const before = await everything();
    const wrong = draft(9, { previous: previous as CommitSeq });
    expect(await one.commit(token, wrong)).toEqual({ kind: "refused", why: "BEHIND 1" });
    expect(await everything()).toEqual(before);
  });

  it.each(["checkpoint", "journal", "timers", "decisions", "dead", "seen", `profile:${STRANGE[2]}`])(
    "WRONGTYPE where %j is something else: nothing changes",
    async (name) => {
      const { token } = await take(one);
      await client.sadd(`nba:{3}:${name}`, "a set");
      const before = await everything();
      expect(await one.commit(token, draft(1))).toMatchObject({
        kind: "refused",
        why: expect.stringContaining("WRONGTYPE"),
      });
      expect(await everything()).toEqual(before);
    },
  );

  it("where the lease itself is something else: refused, nothing changes", async () => {
    const { token } = await take(one);
    await client.del("nba:{3}:lease");
    await client.set("nba:{3}:lease", "x");
    const before = await everything();
    expect(await one.commit(token, draft(1))).toMatchObject({
      kind: "refused",
      why: "WRONGTYPE nba:{3}:lease should be a hash",
    });
    expect(await everything()).toEqual(before);
  });

  it("AHEAD where the journal has it already, because the checkpoint was lost: nothing changes", async () => {
    const { token } = await take(one);
    for (const seq of [1, 2, 3]) await one.commit(token, draft(seq));
    await client.del("nba:{3}:checkpoint");
    const before = await everything();
    expect(await one.commit(token, draft(1))).toMatchObject({ kind: "refused", why: expect.stringContaining("AHEAD") });
    expect(await everything()).toEqual(before);
  });
});

describe("a lease", () => {
  it("is held against others for what remains of it, and free when it is over", async () => {
    const first = await take(one);
    const held = await other.acquire(P);
    if (held.kind !== "held") throw new Error(JSON.stringify(held));
    expect(held.owner).toBe("one");
    expect(held.remainingMs).toBeGreaterThan(100);
    expect(held.remainingMs).toBeLessThanOrEqual(300);
    await new Promise((resolve) => setTimeout(resolve, held.remainingMs + 5));
    expect((await take(other)).epoch).toBeGreaterThan(first.epoch);
    expect((await one.acquire(P)).kind).toBe("held");
  });

  it("renewed it stays, given back it is free at once; a fenced token can do neither", async () => {
    const first = await take(one);
    expect(await one.renew(P, first.token, 60_000)).toBe(true);
    expect(await other.acquire(P)).toMatchObject({ kind: "held", remainingMs: expect.any(Number) });
    expect(((await other.acquire(P)) as { remainingMs: number }).remainingMs).toBeGreaterThan(50_000);
    expect(await one.renew(P, first.token, 0)).toBe(true);
    const second = await take(other);
    expect(second.token).not.toBe(first.token);
    expect(await one.renew(P, first.token, 60_000)).toBe(false);
    expect(await one.renew(P, first.token, 0)).toBe(false);
    expect(await one.commit(first.token, draft(1))).toEqual({ kind: "refused", why: "FENCED" });
    expect(await other.commit(second.token, draft(1))).toEqual({ kind: "ok" });
  });

  it.each(["checkpoint", "journal", "timers", "lease"])(
    "broken, in words, where %j is something else",
    async (name) => {
      await client.sadd(`nba:{3}:${name}`, "a set");
      expect(await one.acquire(P)).toMatchObject({ kind: "broken", why: expect.stringContaining(`nba:{3}:${name}`) });
    },
  );

  it("broken, in words, where the journal does not end where the checkpoint says", async () => {
    const { token } = await take(one);
    for (const seq of [1, 2, 3]) await one.commit(token, draft(seq));
    await client.hset("nba:{3}:checkpoint", "seq", "2");
    expect(await one.acquire(P)).toMatchObject({ kind: "broken", why: expect.stringMatching(/ends at 3.*says 2/) });
    await client.del("nba:{3}:checkpoint");
    expect(await one.acquire(P)).toMatchObject({ kind: "broken", why: expect.stringMatching(/ends at 3.*says 0/) });
  });

  it("of one partition says nothing about another", async () => {
    await take(one, 1 as PartitionIndex);
    await take(other, 2 as PartitionIndex);
  });

  it("has an epoch above all before it, also above what a failover lost, by the time of Redis in microseconds", async () => {
    const { epoch, token } = await take(one);
    const [seconds, micros] = (await client.time()) as readonly number[];
    const now = Number(seconds) * 1e6 + Number(micros);
    expect(now - epoch).toBeGreaterThanOrEqual(0);
    expect(now - epoch).toBeLessThan(60e6);
    expect(await one.commit(token, draft(1, { seq: epoch as CommitSeq }))).toEqual({ kind: "ok" });
    await client.del("nba:{3}:lease", "nba:{3}:journal", "nba:{3}:checkpoint"); // and with it all that tells of them
    expect((await take(one)).epoch).toBeGreaterThan(epoch);
  });

  it("has an epoch a leap by chance above all that is known where the clock of Redis is behind", async () => {
    const ahead = 4e15;
    await one.commit((await take(one)).token, draft(1, { seq: ahead as CommitSeq }));
    let last = ahead;
    for (let n = 0; n < 5; n++) {
      const { epoch } = await take(one);
      expect(epoch).toBeGreaterThanOrEqual(last + 1e6);
      expect(epoch).toBeLessThan(last + 1e6 + 2 ** 24);
      last = epoch;
    }
    // What a failover loses may have leapt as well: after the same commit nobody is given the same numbers again.
    const lost = await take(one);
    await client.hset("nba:{3}:lease", "epoch", last);
    expect((await take(one)).epoch).not.toBe(lost.epoch);
  });
});

describe("reading", () => {
  it("pages through commits and entries, in order, without a gap", async () => {
    const { token } = await take(one);
    for (let seq = 1; seq <= 12; seq++) await one.commit(token, draft(seq, { payload: Buffer.from([seq]) }));
    expect((await one.commits(P, 3 as CommitSeq, 4)).map(({ seq }) => seq)).toEqual([3, 4, 5, 6]);
    expect((await one.commits(P, 11 as CommitSeq, 4)).map(({ seq, payload }) => [seq, payload[0]])).toEqual([
      [11, 11],
      [12, 12],
    ]);
    expect(await one.commits(P, 13 as CommitSeq, 4)).toEqual([]);
    const positions: Position[] = [];
    for (let n = 0; n < 5; n++) positions.push(await one.append(P, ["s", "x", "d", EVERY_BYTE]));
    const [, second, third, fourth] = positions as [Position, Position, Position, Position];
    expect((await one.entries(P, second, fourth, 9)).map(({ position }) => position)).toEqual([third, fourth]);
    expect((await one.entries(P, "0-0" as Position, undefined, 2)).map(({ position }) => position)).toEqual(
      positions.slice(0, 2),
    );
    expect((await one.entries(P, second, third, 9))[0]?.fields[3]).toEqual(EVERY_BYTE);
  });

  it.each([
    ["a number", 5],
    ["too few", [null]],
    ["numbers", [null, 5]],
    ["an error", [null, new Error("WRONGTYPE")]],
  ])("takes no answer to another question for profiles: %s", async (_, answer) => {
    const confused = { ...connection, command: async () => answer } as unknown as RedisConnection;
    const journal = createRedisJournal({ connection: confused, owner: "one", leaseMs: 300, address: "here:1" });
    await expect(journal.profiles(P, ["a", "b"] as CustomerKey[])).rejects.toThrow("what Redis answered");
  });

  it("finds nothing where nothing is", async () => {
    expect(await one.nextDue(P)).toBe(NEVER);
    expect(await one.due(P, NEVER, 9)).toEqual([]);
    expect(await one.seen(P)).toBeUndefined();
    expect(await one.profiles(P, [])).toEqual([]);
    expect(await take(one)).toMatchObject({ seq: 0, position: "0-0", base: undefined });
  });
});
