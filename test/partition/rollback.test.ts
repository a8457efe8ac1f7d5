// Reload and rollback: everywhere or nowhere, under load, and whatever fails in the middle.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { rollbackCommand } from "../../engine/cli/rollback.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { RulebookHash } from "../../engine/domain/ids.ts";
import { encodeActivation } from "../../engine/ingest/log-entry.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import {
  askFor,
  connect,
  cutConnections,
  decided,
  editableRules,
  event,
  journalOf,
  lookAt,
  PARTITIONS,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;
let rules: Awaited<ReturnType<typeof editableRules>>;

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
  rules = await editableRules();
  running = await startLoop(redis.url, { rulesDir: rules.dir });
});
afterEach(() => running.stop());

const active = () => running.loop.engine.rulebook().hash;

async function reload(version: string): Promise<RulebookHash> {
  await rules.edit("rulebook.yaml", () => `version: "${version}"\n`);
  const reloaded = await running.loop.engine.reload("test");
  if (reloaded.kind !== "activated") throw new Error(JSON.stringify(reloaded));
  return reloaded.hash;
}

async function allDecisions(): Promise<readonly DecisionRecord[]> {
  const journals = await Promise.all(Array.from({ length: PARTITIONS }, (_, index) => journalOf(client, index)));
  return journals.flatMap((commits) => commits.flatMap(({ decisions }) => decisions));
}

async function nbaRollback(...args: string[]): Promise<string> {
  const written: string[] = [];
  const spy = vi.spyOn(process.stdout, "write").mockImplementation((text) => written.push(String(text)) > 0);
  vi.stubEnv("REDIS_URL", redis.url);
  try {
    await rollbackCommand().parseAsync(args, { from: "user" });
    return written.join("");
  } finally {
    spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

it("goes back to the rulebook before, and again to the one after; the folder stays as it is", async () => {
  const genesis = active();
  const second = await reload("second");
  expect(await running.loop.engine.rollback("test", undefined)).toEqual({ kind: "activated", hash: genesis });
  expect(active()).toBe(genesis);
  expect(await running.loop.engine.rollback("test", undefined)).toEqual({ kind: "activated", hash: second });
  const third = await reload("third");
  expect(await running.loop.engine.rollback("test", genesis)).toEqual({ kind: "activated", hash: genesis });
  await running.stop();
  running = await startLoop(redis.url, { rulesDir: rules.dir });
  expect(active()).toBe(genesis);
  expect(await running.loop.engine.reload("test")).toEqual({ kind: "activated", hash: third });
});

it("tells where there is nothing to go back to, or no such rulebook", async () => {
  expect(await running.loop.engine.rollback("test", undefined)).toMatchObject({ kind: "unknown" });
  const missing = "a".repeat(64) as RulebookHash;
  expect(await running.loop.engine.rollback("test", missing)).toMatchObject({ kind: "unknown" });
  expect(await client.exists("nba:activations")).toBe(0);
});

it("a window that both rulebooks have is kept there and back; one that only the newer has begins anew each time", async () => {
  const { engine } = running.loop;
  const live = async (id: string, count: number) => {
    await engine.append([event(`r-${id}`, "refund", "ana"), event(`p-${id}`, "purchase", "ana", { amount: 10 })]);
    await until(async () => (await lookAt(running, "ana")).features["purchases_24h"] === count);
    return (await lookAt(running, "ana")).features;
  };
  expect(await live("1", 1)).toEqual({ purchases_24h: 1, spend_all: 10, views_1h: 0 });
  await rules.edit("features.yaml", (text) =>
    text.replace(
      "features:\n",
      "features:\n  - { name: refunds_2h, label: New, aggregate: count, of: [refund], window: 2h }\n",
    ),
  );
  await engine.reload("test");
  expect(await live("2", 2)).toEqual({ refunds_2h: 1, purchases_24h: 2, spend_all: 20, views_1h: 0 });
  await engine.rollback("test", undefined);
  expect(await live("3", 3)).toEqual({ purchases_24h: 3, spend_all: 30, views_1h: 0 });
  await engine.rollback("test", undefined);
  expect(await live("4", 4)).toEqual({ refunds_2h: 1, purchases_24h: 4, spend_all: 40, views_1h: 0 });
});

it("under load, with a faulty one and a lost session in between: nothing is lost or doubled, the last good one stays", async () => {
  const { engine } = running.loop;
  const genesis = active();
  const load = startLoad();
  const hashes: RulebookHash[] = [];
  try {
    await load.until(10);
    hashes.push(await reload("second"));
    await load.until(20);
    const triggers = await rules.read("triggers.yaml");
    await rules.write("triggers.yaml", triggers.replace("context.amount >= 100", "context.amount >= "));
    expect((await engine.reload("test")).kind).toBe("faulty");
    expect(active()).toBe(hashes[0]);
    await rules.write("triggers.yaml", triggers);
    await load.until(30);
    hashes.push(await reload("third"));
    await cutConnections(client, running);
    expect(active()).toBe(hashes[1]);
    expect(await engine.rollback("test", undefined)).toEqual({ kind: "activated", hash: hashes[0] });
    await load.until(50);
  } finally {
    await load.stop();
  }
  const { answered, sent } = load;
  const eventsOf = (decisions: readonly DecisionRecord[]) => decisions.flatMap(({ trigger }) => trigger?.event ?? []);
  await until(async () => {
    const found = new Set(eventsOf(await allDecisions()));
    return sent.every((id) => found.has(id));
  });
  const decisions = await allDecisions();
  expect(new Set(decisions.map(({ id }) => id)).size, "a decision was doubled").toBe(decisions.length);
  expect(new Set(eventsOf(decisions)).size, "a trigger was decided twice").toBe(eventsOf(decisions).length);
  const journalled = new Set<string>(decisions.map(({ id }) => id));
  expect(answered.filter((id) => !journalled.has(id))).toEqual([]);
  expect(new Set(decisions.map(({ rulebook }) => rulebook))).toEqual(new Set([genesis, ...hashes]));
});

/** Asks and events one after the other, until it is stopped. */
function startLoad() {
  const { engine } = running.loop;
  const answered: string[] = [];
  const sent: string[] = [];
  let isRunning = true;
  const asking = (async () => {
    for (let n = 0; isRunning; n++) {
      const answer = await engine.ask(askFor(`asker-${n % 40}`));
      if (answer.kind === "decided") answered.push(answer.record.id);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  const sending = (async () => {
    for (let n = 0; isRunning; n++) {
      const [appended] = await engine.append([event(`t-${n}`, "purchase", `buyer-${n % 40}`, { amount: 500 })]);
      if (appended?.kind === "appended") sent.push(`t-${n}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  })();
  return {
    answered,
    sent,
    until: (count: number) => until(() => answered.length >= count && sent.length >= count),
    stop: async () => {
      isRunning = false;
      await Promise.all([asking, sending]);
    },
  };
}

it("an activation that reached only one partition's log, for whoever made it was killed, reaches all", async () => {
  const genesis = active();
  const second = await reload("second");
  await client.xadd("nba:activations", "*", "hash", genesis, "version", "small-1", "by", "killed", "at", "1");
  await client.xadd("nba:{0}:events", "*", ...encodeActivation(genesis, "killed"));
  const runs = async (customer: string) => decided(await running.loop.engine.ask(askFor(customer))).rulebook;
  await until(async () => {
    const hashes = await Promise.all(Array.from({ length: 40 }, (_, n) => runs(`c-${n}`)));
    return hashes.every((hash) => hash === genesis);
  });
  expect(second).not.toBe(genesis);
});

it("what no activation says is left alone: a partition whose log was told by hand stays so until something is activated", async () => {
  const genesis = active();
  const second = await reload("second");
  await client.del("nba:activations");
  await client.xadd("nba:{0}:events", "*", ...encodeActivation(genesis, "hand"));
  await until(() => running.loop.engine.rulebook().hash === genesis);
  await new Promise((resolve) => setTimeout(resolve, 300));
  expect(running.loop.engine.rulebook().hash).toBe(genesis);
  expect(second).not.toBe(genesis);
});

it("nba rollback does the same from outside, lists what was active, and refuses what it does not know", async () => {
  const genesis = active();
  const second = await reload("second");
  expect(await nbaRollback()).toContain(`activated ${genesis} (version small-1) on ${PARTITIONS} partitions`);
  await until(() => active() === genesis);
  expect(JSON.parse(await nbaRollback(second.slice(0, 12), "--json"))).toEqual({
    hash: second,
    version: "second",
    from: genesis,
    untold: [],
  });
  await until(() => active() === second);
  const { activations } = JSON.parse(await nbaRollback("--list", "--json"));
  expect(activations.map(({ hash, by }: { hash: string; by: string }) => [hash, by])).toEqual([
    [genesis, expect.stringContaining("test-")],
    [second, "test"],
    [genesis, "cli"],
    [second, "cli"],
  ]);
  await expect(nbaRollback("beef")).rejects.toThrow('"beef" is no hash of a rulebook');
  await expect(nbaRollback("0".repeat(12))).rejects.toThrow("was ever active here");
  await expect(nbaRollback("a".repeat(64))).rejects.toThrow("this Redis holds no rulebook aaaa");
  await expect(nbaRollback("--to", "genesis")).rejects.toThrow("write --to previous");
});
