import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import type { Session } from "../../engine/partition/session.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { askFor, connect, decided, event, lookAt, PARTITIONS, until } from "./harness.ts";

let redis: TestRedis;
let client: Redis;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const counts = async (partition: number) => {
  const base = await client.hgetBuffer(`nba:{${partition}}:checkpoint`, "base");
  return base === null ? undefined : decodeBase(base).counts;
};

describe("write-back", () => {
  it("keeps up with a stream of ever new customers, so that a recovery stays short", { timeout: 120_000 }, async () => {
    const total = 60_000;
    for (let n = 0; n < total; n += 1_000) {
      const batch = client.pipeline();
      for (let k = n; k < n + 1_000; k++) {
        batch.xadd("nba:{0}:events", "*", ...encodeEvent(event(`p-${k}`, "purchase", `c-${k}`, { amount: 1 })));
      }
      await batch.exec();
    }
    let session: Session | undefined;
    const running = await startLoop(redis.url, {
      partitions: 1,
      entriesPerStepMax: 8_000,
      recoveryEntriesMax: 8_000,
      onSession: (opened) => {
        session = opened;
        return async () => undefined;
      },
    });
    let behindMax = 0;
    await until(async () => {
      const now = session?.partitions[0]?.counts.folded ?? 0;
      behindMax = Math.max(behindMax, now - ((await counts(0))?.folded ?? 0));
      return now === total;
    }, 20_000);
    // One bound's worth, and what the steps under way have brought meanwhile.
    expect(behindMax).toBeLessThan(8_000 + 3 * 9_000);
    await running.stop();
    expect(await counts(0)).toMatchObject({ folded: total, duplicate: 0, dead: 0 });
    const again = await startLoop(redis.url, { partitions: 1 });
    expect((await lookAt(again, "c-0")).features["spend_all"]).toBe(1);
    expect((await lookAt(again, "c-59999")).features["spend_all"]).toBe(1);
    await again.stop();
  });

  it("forgets profiles beyond profilesMax, and every one is right when it is asked for again", async () => {
    const bounds = { profilesMax: 8, profilesPerCommitMax: 4, recoveryEntriesMax: 40 };
    let running = await startLoop(redis.url, bounds);
    const customers = 60;
    const spend = new Map<string, number>();
    const shown = new Map<string, string>();
    for (let round = 0; round < 6; round++) {
      for (let n = 0; n < customers; n++) {
        const name = `c-${n}`;
        spend.set(name, (spend.get(name) ?? 0) + n + round);
        await running.loop.engine.append([event(`p-${round}-${n}`, "purchase", name, { amount: n + round })]);
        if (round === 2)
          shown.set(name, decided(await running.loop.engine.ask(askFor(name))).contacts[0]?.trackingCode as string);
      }
    }
    for (let pass = 0; pass < 2; pass++) {
      for (const [name, expected] of spend) {
        await until(async () => (await lookAt(running, name)).features["spend_all"] === expected);
        const look = await lookAt(running, name);
        expect(look.features["purchases_24h"]).toBe(6);
        expect(look.contacts.map((contact) => contact.trackingCode)).toEqual([shown.get(name)]);
      }
      await running.stop();
      running = await startLoop(redis.url, bounds);
    }
    await running.stop();
    const stored = await client.keys("nba:{*}:profile:*");
    expect(stored).toHaveLength(customers);
    for (let index = 0; index < PARTITIONS; index++)
      expect(await counts(index as PartitionIndex)).toMatchObject({ duplicate: 0 });
  });

  it("really holds no more than profilesMax in memory when it is idle", async () => {
    const sizes: (() => number)[] = [];
    const running = await startLoop(redis.url, {
      profilesMax: 8,
      onSession: (session) => {
        sizes.push(() => session.partitions.reduce((sum, { store }) => sum + store.size, 0));
        return async () => undefined;
      },
    });
    for (let n = 0; n < 80; n++)
      await running.loop.engine.append([event(`p-${n}`, "purchase", `c-${n}`, { amount: 1 })]);
    await until(async () => (await client.keys("nba:{*}:profile:*")).length >= 72);
    await until(() => (sizes[0]?.() ?? 99) <= 8);
    await running.stop();
  });

  it("takes a partition that is asked for a busy one: a decision costs one commit", async () => {
    const running = await startLoop(redis.url, { partitions: 1, idleMs: 1_000, profilesPerCommitMax: 1 });
    await until(() => running.loop.engine.ready().ok);
    await running.loop.engine.append(["a", "b", "c"].map((name) => event(`p-${name}`, "purchase", name)));
    const commits = async (): Promise<number> => await client.xlen("nba:{0}:journal");
    await until(async () => (await client.keys("nba:{0}:profile:*")).length === 3); // by commits of one profile each, when idle
    const before = await commits();
    for (let n = 0; n < 40; n++) decided(await running.loop.engine.ask(askFor(`c-${n}`)));
    // The first may find it idle, and the last may leave something to be stored.
    expect((await commits()) - before).toBeLessThanOrEqual(42);
    await running.stop();
  });

  it("stores what changed a while ago though the partition is never idle, so that little is to be folded again", async () => {
    const never = 1_000_000;
    const running = await startLoop(redis.url, {
      partitions: 1,
      idleMs: never,
      recoveryEntriesMax: never,
      writeBackAfterMs: 200,
    });
    await until(() => running.loop.engine.ready().ok);
    const told = 50;
    let sent = 0;
    const send = async (): Promise<void> => {
      await running.loop.engine.append([event(`p-${sent}`, "page_view", `c-${sent}`)]);
      sent++;
    };
    while (sent < told) await send();
    await until(async () => {
      await send();
      return ((await counts(0))?.folded ?? 0) >= told;
    });
    expect(await client.exists(...Array.from({ length: told }, (_, n) => `nba:{0}:profile:c-${n}`))).toBe(told);
    // Each commit is for many of them.
    expect(await client.xlen("nba:{0}:journal")).toBeLessThan(sent / 2);
    await running.stop();
  });

  it("stores at once what a recovery has folded again, so that the next one need not", async () => {
    const never = 1_000_000;
    const bounds = { partitions: 1, idleMs: never, recoveryEntriesMax: never, writeBackAfterMs: never };
    const running = await startLoop(redis.url, bounds);
    await until(() => running.loop.engine.ready().ok);
    const names = Array.from({ length: 40 }, (_, n) => `c-${n}`);
    await running.loop.engine.append(names.map((name) => event(`p-${name}`, "page_view", name)));
    await until(async () => (await running.loop.engine.look(customerKey("c-39")))?.features["views_1h"] === 1);
    decided(await running.loop.engine.ask(askFor("c-0"))); // up to its commit it is recovery that folds
    expect(await client.keys("nba:{0}:profile:*")).toEqual([]);
    await client.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await until(async () => (await counts(0))?.folded === names.length, 10_000);
    expect(await client.keys("nba:{0}:profile:*")).toHaveLength(names.length);
    await running.stop();
  });
});
