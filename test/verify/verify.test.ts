// `nba verify`: finds nothing where nothing is wrong, whatever has happened, and each thing that is made wrong.
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { connectRedis } from "../../engine/journal/redis.ts";
import type { Difference } from "../../engine/verify/difference.ts";
import { type VerifyOptions, verifyRedis } from "../../engine/verify/verify-redis.ts";
import {
  askFor,
  connect,
  decided,
  editableRules,
  event,
  home,
  journalOf,
  PARTITIONS,
  until,
} from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { startBusyLife } from "./busy-life.ts";
import { corruptProfile, rewriteCommit } from "./plant.ts";

const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const ACTS = process.env["NBA_LONG"] === "1" ? 20_000 : 500;
const LONG = { timeout: 60_000 + ACTS * 100 };

let redis: TestRedis;
let client: Redis;
let stopAtEnd: (() => Promise<void>) | undefined;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterEach(async () => {
  await stopAtEnd?.();
  stopAtEnd = undefined;
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});

async function verify(changes: Partial<VerifyOptions> = {}) {
  const connection = await connectRedis({ url: redis.url, silenceMs: 20_000 });
  try {
    const nothing = { partitions: undefined, customer: undefined, differencesMax: 100, onProgress: () => undefined };
    return await verifyRedis(connection, { ...nothing, ...changes });
  } finally {
    connection.close();
  }
}

it(`S1 S2 S3 S5: a busy life differs in nothing, as it goes on and after it (NBA_SEED=${SEED})`, LONG, async () => {
  console.log(`verify: NBA_SEED=${SEED}`);
  const { running, live, changeRules } = await startBusyLife(redis.url, client, seeded(SEED));
  stopAtEnd = running.stop;
  await live(ACTS / 2, 0.01);
  await changeRules();
  let isLiving = true;
  const living = live(ACTS / 2, 0).finally(() => {
    isLiving = false;
  });
  do expect((await verify()).differences).toEqual([]);
  while (isLiving);
  await living;
  await new Promise((resolve) => setTimeout(resolve, 2_500)); // baskets are abandoned, and what was asked of other partitions is there
  await running.stop();
  stopAtEnd = undefined;
  const report = await verify();
  expect(report.differences).toEqual([]);
  const sum = (of: (one: (typeof report.partitions)[number]) => number): number =>
    report.partitions.reduce((total, one) => total + of(one), 0);
  expect(sum((one) => one.compared)).toBeGreaterThan(10);
  expect(sum((one) => one.decisions)).toBeGreaterThan(ACTS / 10);
  expect(sum((one) => one.uncovered)).toBe(0);
});

it("S5: streams that a replay drives days apart differ in nothing: what had been forgotten cannot be told", async () => {
  await client.flushall();
  const running = await startLoop(redis.url);
  stopAtEnd = running.stop;
  const begin = Date.UTC(2020, 0, 1);
  const later = { small: 0, "days-ahead": 3 * DAY_MS, behind: HOUR_MS };
  for (const [id, ms] of Object.entries(later)) {
    const ts = (begin + ms) as Instant;
    const bought = event(id, "purchase", "ana", { amount: id === "behind" ? 100 : 1 }, ts);
    await client.xadd(`nba:{${home("ana")}}:events`, "*", ...encodeEvent(bought, ts));
  }
  await until(async () => (await client.hlen(`nba:{${home("ana")}}:decisions`)) === 1);
  const report = await verify();
  expect(report.differences).toEqual([]);
  expect(report.partitions.reduce((sum, { decisions }) => sum + decisions, 0)).toBe(1);
});

describe("what is made wrong is found", { timeout: 60_000 }, () => {
  const found = async (changes: Partial<VerifyOptions> = {}): Promise<readonly string[]> =>
    (await verify(changes)).differences.map(({ invariant, customer, field }: Difference) =>
      `${invariant} ${customer ?? ""} ${field}`.replaceAll(/[\w-]{22}\.?\d?/g, "ID"),
    );
  const at = home("ana");
  const keys = {
    profile: `nba:{${at}}:profile:ana`,
    decisions: `nba:{${at}}:decisions`,
    checkpoint: `nba:{${at}}:checkpoint`,
    events: `nba:{${at}}:events`,
    dead: `nba:{${at}}:dead`,
  };
  let snapshot: Buffer[] = [];

  beforeAll(async () => {
    await client.flushall();
    const running = await startLoop(redis.url);
    const { engine } = running.loop;
    await engine.append([
      event("p-1", "purchase", "ana", { amount: 150 }),
      event("u-1", "profile_update", "ana", { tier: "gold" }),
      event("p-2", "purchase", "ana", { amount: 120.5 }),
      event("v-1", "page_view", "ana", { section: "loans" }),
    ]);
    await until(async () => (await client.hlen(keys.decisions)) === 2);
    decided(await engine.ask(askFor("ana")));
    await client.xadd(keys.events, "*", "s", "clickstream", "d", `{"customer":"ana"`);
    await until(async () => (await client.xlen(keys.dead)) === 1);
    await running.stop();
    expect((await verify()).differences).toEqual([]);
    snapshot = await Promise.all((await client.keys("*")).map(async (key) => Buffer.from(key)));
    dumps = new Map(
      await Promise.all(snapshot.map(async (key) => [String(key), await client.dumpBuffer(key)] as const)),
    );
  });
  let dumps = new Map<string, Buffer>();
  /** Makes it wrong, tells what is found, and puts everything back as it was. */
  const harmed = async (
    harm: () => Promise<unknown>,
    changes: Partial<VerifyOptions> = {},
  ): Promise<readonly string[]> => {
    await harm();
    const differences = await found(changes);
    await client.flushall();
    for (const [key, dump] of dumps) await client.restore(key, 0, dump);
    return differences;
  };

  it("a number of a stored profile, and bytes that are none", async () => {
    const flipped = await harmed(() => corruptProfile(client, keys.profile, "register"));
    expect(flipped).toContainEqual(expect.stringMatching(/^S5 ana features\.spend_all at /));
    const state = await harmed(() => corruptProfile(client, keys.profile, "state"));
    expect(state).toContainEqual(expect.stringMatching(/^S5 ana attributes\[tier\]$/));
    expect(await harmed(() => client.setrange(keys.profile, 40, "x"))).toContainEqual("S5 ana stored profile");
    expect(await harmed(() => client.del(keys.profile))).toContainEqual("S5 ana stored profile reflects commit");
    expect(await harmed(() => corruptProfile(client, keys.profile, "register"), { customer: "ben" as never })).toEqual(
      [],
    );
  });

  it("an event that no profile has, because it slipped in behind what was folded", async () => {
    const entries = await client.xrangeBuffer(`nba:{${at}}:events`, "-", "+");
    const harm = async (): Promise<void> => {
      await client.del(`nba:{${at}}:events`);
      for (const [nth, [id, fields]] of entries.entries()) {
        if (nth > 0) await client.xadd(`nba:{${at}}:events`, id, ...fields);
        else {
          const fake = event("p-9", "purchase", "ana", { amount: 1_000 });
          await client.xadd(`nba:{${at}}:events`, id, ...encodeEvent(fake));
        }
      }
    };
    const differences = await harmed(harm);
    expect(differences).toContainEqual(expect.stringMatching(/^S5 ana features\.spend_all at /));
    expect(differences).toContainEqual(expect.stringMatching(/^S1 ana commit \d+: decision ID$/));
    expect(differences).toContainEqual(expect.stringMatching(/^S1 {2}ring of seen events: number /));
  });

  it("a decision index that lacks an entry, has one too many, or a wrong one", async () => {
    const [id] = (await client.hkeys(keys.decisions)) as [string];
    expect(await harmed(() => client.hdel(keys.decisions, id))).toEqual(["S2 ana decision index ID"]);
    expect(await harmed(() => client.hset(keys.decisions, id, "99 1 ana"))).toEqual(["S2 ana decision index ID"]);
    expect(await harmed(() => client.hset(keys.decisions, "A".repeat(22), "1 0 ana"))).toEqual([
      "S2  decision index ID",
    ]);
  });

  it("a decision that is journalled twice, or against a cap, or by nobody's asking", async () => {
    const twice = await harmed(() =>
      rewriteCommit(client, at, (decisions) => [...decisions, ...decisions.slice(0, 1)]),
    );
    expect(twice).toContainEqual("S2 ana decision ID");
    const beyond = await harmed(() =>
      rewriteCommit(client, at, (decisions) =>
        decisions.map((one) => ({ ...one, contacts: one.contacts.flatMap((contact) => [contact, contact, contact]) })),
      ),
    );
    expect(beyond).toContainEqual(expect.stringMatching(/^S3 ana limit (push|app)-per-day after decision ID$/));
    const nobody = await harmed(() =>
      rewriteCommit(client, at, (decisions) =>
        decisions.map((one) => (one.trigger ? { ...one, id: "A".repeat(22) as never } : one)),
      ),
    );
    expect(nobody).toContainEqual(expect.stringMatching(/^S1 ana commit \d+: decision ID$/));
  });

  it("a journal with a gap, or that goes on behind its checkpoint", async () => {
    const second = async () => ((await client.xrange(`nba:{${at}}:journal`, "-", "+"))[1] as [string, string[]])[0];
    expect(await harmed(async () => client.xdel(`nba:{${at}}:journal`, await second()))).toContainEqual(
      "S2  journal: next commit",
    );
    expect(await harmed(() => client.hincrby(keys.checkpoint, "seq", -1))).toContainEqual(
      "S4  last commit of the journal",
    );
  });

  it("a counter of the checkpoint, the ring of seen events, a timer that goes off too late", async () => {
    const base = async (): Promise<unknown> => {
      const bytes = (await client.hgetBuffer(keys.checkpoint, "base")) as Buffer;
      const name = Buffer.from("folded");
      const place = bytes.indexOf(name) + name.length;
      bytes[place] = (bytes[place] as number) + 1;
      return client.hset(keys.checkpoint, "base", bytes);
    };
    expect(await harmed(base)).toEqual(["S5  checkpoint: counts"]);
    const ring = `nba:{${at}}:seen`;
    const other = (await client.getrange(ring, 3, 3)) === "x" ? "y" : "x"; // by chance it may be there already
    expect(await harmed(() => client.setrange(ring, 3, other))).toEqual(["S1  ring of seen events: number 0"]);
    expect(await harmed(() => client.zadd(`nba:{${at}}:timers`, "inf", "ana"))).toContainEqual("S5 ana timer");
    expect(await harmed(() => client.zrem(`nba:{${at}}:timers`, "ana"))).toContainEqual("S5 ana register of customers");
  });

  it("a dead letter of an entry that was folded, and an entry that is neither folded nor a letter", async () => {
    const [[position]] = (await client.xrange(keys.events, "-", "+", "COUNT", 1)) as [[string, string[]]];
    const letter = ["position", position, "reason", "invalid", "detail", "", "s", "clickstream", "d", ""];
    const foreign = await harmed(() => client.xadd(keys.dead, "*", ...letter));
    expect(foreign).toEqual([`S1  dead letter of entry ${position}`]);
    const own = (await client.xrange(keys.dead, "-", "+"))[0]?.[1][1];
    expect(await harmed(() => client.del(keys.dead))).toEqual([`S1  entry ${own}`]);
    // One that was given back, or trimmed, is missing to nobody.
    const retried = await harmed(async () => {
      const [[id]] = (await client.xrange(keys.dead, "-", "+")) as [[string, string[]]];
      await client.xdel(keys.dead, id);
    });
    expect(retried).toEqual([]);
  });

  it("a stream of a channel with a message of nobody, one twice, or one too few", async () => {
    const send = async (message: object) => client.xadd("nba:channel:push", "*", "d", JSON.stringify(message));
    const foreign = await harmed(async () => {
      const [id] = (await client.hkeys(keys.decisions)) as [string];
      await send({ trackingCode: `${id.slice(0, 21)}A.7` });
      await client.hset("{nba:channel:push}:from", String(at), "1-0");
    });
    expect(foreign).toContainEqual("S2  channel push: message ID");
    const lost = await harmed(async () => {
      await send({ trackingCode: `${"A".repeat(22)}.0` });
      await client.hset("{nba:channel:push}:from", String(at), "99-0");
    });
    expect(lost).toContainEqual("S2  channel push: message ID");
  });

  it("a message that was refused is missing only where nobody has reported it", async () => {
    const refuse = (reportsMax: number) => async () => {
      const from = String(Number.MAX_SAFE_INTEGER);
      await client.call("XGROUP", "CREATE", "nba:channel:push", "nobody", "$", "MKSTREAM");
      await client.hset("{nba:channel:push}:from", String(at), `${from}-0`);
      const commits = await journalOf(client, at);
      const pushes = commits
        .flatMap(({ decisions }) => decisions)
        .filter(({ direction }) => direction === "outbound")
        .flatMap(({ slates }) => slates.flatMap(({ items }) => items));
      expect(pushes.length).toBeGreaterThan(reportsMax);
      for (const { trackingCode } of pushes.slice(0, reportsMax)) {
        const props = { trackingCode, outcome: "not-delivered", reason: "too-old" };
        const report = { ...event(`not-delivered:${trackingCode}`, "outcome", "ana", props), source: "engine" };
        await client.xadd(`nba:{${at}}:events`, "*", ...encodeEvent(report));
      }
    };
    const ofChannel = (found: readonly string[]) => found.filter((line) => line.includes("channel push"));
    const unreported = ofChannel(await harmed(refuse(0)));
    expect(unreported.length).toBeGreaterThan(1);
    expect(ofChannel(await harmed(refuse(1)))).toHaveLength(unreported.length - 1);
  });

  it("begins with the checkpoint where the log was trimmed, and says whom it cannot tell of", async () => {
    let cut: readonly (string | undefined)[] = [];
    const differences = await harmed(async () => {
      await client.xtrim(`nba:{${at}}:events`, "MAXLEN", 1);
      const { partitions } = await verify();
      cut = partitions.map((one) => one.cut);
      expect(partitions.reduce((sum, one) => sum + one.uncovered, 0)).toBe(1);
    });
    expect(cut.filter((why) => why !== undefined)).toEqual(["4 entries of the input log are gone"]);
    expect(differences).toEqual([]);
    expect(PARTITIONS).toBe(cut.length);
  });
});

it("finds who is not armed for the day, of those that were stored since it has triggers", {
  timeout: 60_000,
}, async () => {
  await client.flushall();
  const rules = await editableRules();
  const running = await startLoop(redis.url, { rulesDir: rules.dir });
  stopAtEnd = running.stop;
  await running.loop.engine.append([event("v-1", "page_view", "before")]);
  await until(async () => (await running.loop.engine.look("before" as never)) !== undefined);
  await rules.edit("triggers.yaml", (text) => `${text}  - { id: morning, daily: true, placement: outreach }\n`);
  await running.loop.engine.reload("test");
  await running.loop.engine.append([event("v-2", "page_view", "ana")]);
  const timers = `nba:{${home("ana")}}:timers`;
  await until(async () => ((await client.zscore(timers, "ana")) ?? "inf") !== "inf");
  await running.stop();
  stopAtEnd = undefined;
  const found = async () => (await verify()).differences.map(({ customer, field }) => `${customer} ${field}`);
  expect(await found()).toEqual([]);
  const armed = Number(await client.zscore(timers, "ana"));
  await client.zadd(timers, armed - 1, "ana"); // too early is but a look in vain
  expect(await found()).toEqual([]);
  for (const late of [armed + 86_400_000, "inf"]) {
    await client.zadd(timers, late, "ana");
    expect(await found()).toEqual(["ana timer"]);
  }
});

it("OUT-4 what is reported ahead of its time counts from when it came in", { timeout: 30_000 }, async () => {
  await client.flushall();
  const running = await startLoop(redis.url);
  const { contacts } = decided(await running.loop.engine.ask(askFor("eva")));
  const code = contacts[0]?.trackingCode as string;
  const ahead = Date.now() + 3_600_000;
  await running.loop.engine.append([
    event("o-1", "outcome", "eva", { trackingCode: code, outcome: "accepted" }, ahead),
  ]);
  const look = async () => (await running.loop.engine.look("eva" as never))?.contacts[0];
  await until(async () => (await look())?.outcome === "accepted");
  expect((await look())?.outcomeAt).toBeLessThan(ahead);
  await running.stop();
  expect((await verify()).differences).toEqual([]);
});

/** mulberry32 */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
