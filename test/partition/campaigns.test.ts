// Decisions over everybody: campaigns and the day, killed in the middle and for customers long out of memory.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { CustomerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";
import { encodeCampaign, encodeEvent } from "../../engine/ingest/log-entry.ts";
import { lastDaily, nextDaily } from "../../engine/profile/daily.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { connect, cutConnections, editableRules, event, home, journalOf, PARTITIONS, until } from "./harness.ts";

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
afterEach(async () => {
  for (const loop of started.splice(0)) await loop.stop();
});

const started: RunningLoop[] = [];
async function start(options: Parameters<typeof startLoop>[1]): Promise<RunningLoop> {
  const running = await startLoop(redis.url, options);
  started.push(running);
  return running;
}

const CUSTOMERS = 300;
const names = customersOfLater();

/** None whose day begins within the hour: it would have two of them while a test runs that moves the clock by whole days. */
function customersOfLater(): readonly string[] {
  const now = Date.now() as Instant;
  const some = Array.from({ length: 2 * CUSTOMERS }, (_, n) => `c-${n}`);
  return some.filter((name) => nextDaily(name as CustomerKey, now) > now + HOUR_MS).slice(0, CUSTOMERS);
}

/** Every third customer has bought something. */
async function sendAll({ loop }: RunningLoop): Promise<void> {
  const events = names.map((name, n) =>
    event(`first-${n}`, n % 3 === 0 ? "purchase" : "page_view", name, { amount: 1 }),
  );
  await loop.engine.append(events);
}

async function register(): Promise<number> {
  let count = 0;
  for (let p = 0; p < PARTITIONS; p++) count += await client.zcard(`nba:{${p}}:timers`);
  return count;
}

/** `<trigger> <event> <customer>` of everything that was decided without being asked. */
async function asked(): Promise<readonly string[]> {
  const all: string[] = [];
  for (let p = 0; p < PARTITIONS; p++) {
    for (const { decisions } of await journalOf(client, p)) {
      for (const { trigger, key } of decisions) {
        if (trigger !== undefined) all.push(`${trigger.id} ${trigger.event} ${key}`);
      }
    }
  }
  return all.sort();
}

async function total(name: string, labels: string, { metrics }: RunningLoop): Promise<number> {
  const { text } = await metrics.scrape(undefined);
  const found = new RegExp(`^${name}\\{${labels}\\} (\\d+)$`, "m").exec(text);
  return Number(found?.[1] ?? 0);
}

async function rulesWith(triggers: string, campaigns?: string) {
  const { dir, edit } = await editableRules();
  await edit("triggers.yaml", () => triggers);
  if (campaigns !== undefined) await writeFile(join(dir, "campaigns.yaml"), campaigns);
  return { dir, edit };
}

describe("a campaign", () => {
  const from = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS - HOUR_MS;
  const campaign = (perSecond: number, start = from, end = from + DAY_MS) => `campaigns:
  - id: buyers
    when: features.spend_all > 0.0
    placement: outreach
    from: "${new Date(start).toISOString().slice(0, 16)}Z"
    to: "${new Date(end).toISOString().slice(0, 16)}Z"
    perSecond: ${perSecond}
`;
  const buyers = names.filter((_, n) => n % 3 === 0);
  const wanted = buyers.map((name) => `buyers buyers/${from} ${name}`).sort();

  /** Everybody is known before the campaign is in the rulebook. */
  async function startKnown(perSecond: number, partitions: number = PARTITIONS) {
    const { dir } = await rulesWith("triggers: []\n");
    const running = await start({ rulesDir: dir, idleMs: 50, partitions });
    await sendAll(running);
    await until(async () => (await register()) === CUSTOMERS);
    await writeFile(join(dir, "campaigns.yaml"), campaign(perSecond));
    expect(await running.loop.engine.reload("test")).toMatchObject({ kind: "activated" });
    return { dir, running };
  }

  it("CMP-1 comes once to everybody, whatever is lost in the middle, and tells how far it is", async () => {
    const { dir, running } = await startKnown(100, 1); // so that there is more than one page
    await until(async () => (await asked()).length > 10);
    await cutConnections(client, running);
    const [part] = await running.loop.engine.campaigns();
    expect(part).toMatchObject({ id: "buyers", placement: "outreach", state: "running", customers: CUSTOMERS });
    expect(part?.walked).toBeLessThan(CUSTOMERS);
    await running.stop();
    // As if Redis had been started anew: the cursor means nothing any more, and the walk begins again.
    const stored = JSON.parse((await client.hget("nba:{0}:walks", `buyers/${from}`)) ?? "{}") as object;
    await client.hset("nba:{0}:walks", `buyers/${from}`, JSON.stringify({ ...stored, server: "another" }));
    const again = await start({ rulesDir: dir, profilesMax: 8, partitions: 1 });
    await until(async () => (await again.loop.engine.campaigns())[0]?.state === "done");
    await until(async () => (await again.loop.engine.campaigns())[0]?.asked === buyers.length);
    expect(await asked()).toEqual(wanted);
    const [whole] = await again.loop.engine.campaigns();
    expect(whole).toMatchObject({ walked: CUSTOMERS, asked: buyers.length, acted: buyers.length });
    // An entry that is in the log once more asks for nothing.
    const [first] = names as [CustomerKey];
    const repeat = encodeCampaign(first, "buyers", from as Instant);
    await client.xadd("nba:{0}:events", "*", ...repeat);
    await again.loop.engine.append([event("after", "page_view", first)]);
    await again.stop();
    expect(await asked()).toEqual(wanted);
  });

  it("CMP-1 keeps its pace over all partitions, and counts turns", async () => {
    const { running } = await startKnown(200);
    await until(async () => (await running.loop.engine.campaigns())[0]?.walked !== 0);
    const startedAt = Date.now();
    await until(async () => (await running.loop.engine.campaigns())[0]?.state === "done");
    // 300 at 200 a second, but for what was allowed at once: one second's worth at most.
    expect(Date.now() - startedAt, "not faster than its pace").toBeGreaterThan(300);
    await until(async () => (await running.loop.engine.campaigns())[0]?.asked === buyers.length);
    expect(await asked()).toEqual(wanted);
    await until(
      async () =>
        (await total("nba_campaign_customers_total", 'campaign="buyers",result="asked"', running)) === buyers.length,
    );
    await running.stop();
  });

  it("CMP-2 asks for nothing before its time, after it, or when it is gone; another start is another run", async () => {
    const { dir, edit } = await rulesWith("triggers: []\n", campaign(10_000, from + DAY_MS, from + 2 * DAY_MS));
    let aheadMs = 0;
    const running = await start({ rulesDir: dir, idleMs: 50, clock: () => Date.now() + aheadMs });
    await sendAll(running);
    await until(async () => (await register()) === CUSTOMERS);
    for (const id of ["buyers", "unheard-of"]) {
      const [first] = names as [CustomerKey];
      const entry = encodeCampaign(first, id, (from - DAY_MS) as Instant);
      await client.xadd(`nba:{${home(first)}}:events`, "*", ...entry);
    }
    expect((await running.loop.engine.campaigns())[0]).toMatchObject({ state: "waiting", walked: 0 });
    aheadMs = 2 * DAY_MS;
    await until(async () => (await running.loop.engine.campaigns())[0]?.state === "over");
    expect(await asked()).toEqual([]);
    for (const start of [from, from + MINUTE_MS]) {
      await edit("campaigns.yaml", () => campaign(10_000, start, from + 30 * DAY_MS));
      await running.loop.engine.reload("test");
      await until(async () => (await running.loop.engine.campaigns())[0]?.asked === buyers.length);
    }
    const runs = (await asked()).map((line) => line.split(" ")[1]);
    expect(runs.filter((run) => run === `buyers/${from}`)).toHaveLength(buyers.length);
    expect(runs.filter((run) => run === `buyers/${from + MINUTE_MS}`)).toHaveLength(buyers.length);
    await running.stop();
  });
});

describe("the day", () => {
  const DAILY = "triggers:\n  - { id: checkup, daily: true, when: features.spend_all > 0.0, placement: outreach }\n";
  const buyers = names.filter((_, n) => n % 3 === 0);

  it("DAY-1 DAY-2 comes round once for everybody, silent since before the rulebook had it, across restarts", async () => {
    const { dir, edit } = await rulesWith("triggers: []\n");
    let aheadMs = 0;
    const options = { rulesDir: dir, idleMs: 50, profilesMax: 8, clock: () => Date.now() + aheadMs };
    let running = await start(options);
    await sendAll(running);
    await until(async () => (await register()) === CUSTOMERS);
    await edit("triggers.yaml", () => DAILY);
    const activatedAt = Date.now();
    await running.loop.engine.reload("test");
    const unarmed = async () => {
      let count = 0;
      for (let p = 0; p < PARTITIONS; p++) count += await client.zcount(`nba:{${p}}:timers`, "+inf", "+inf");
      return count;
    };
    await until(async () => (await unarmed()) === 0);
    const armed = new Map<string, number>();
    for (const name of names) armed.set(name, Number(await client.zscore(`nba:{${home(name)}}:timers`, name)));
    for (const [name, at] of armed) {
      expect(at).toBeGreaterThan(activatedAt);
      expect(lastDaily(name as CustomerKey, at as Instant)).toBe(at);
    }
    const first = (name: string) => armed.get(name) as number;
    const day = (name: string, n: number) => `checkup ${Math.floor(first(name) / DAY_MS) + n} ${name}`;
    for (const n of [0, 1]) {
      const before = (await asked()).length;
      aheadMs = (n + 1) * DAY_MS - HOUR_MS;
      // An hour is left of the day: whoever has not had it yet gets it then.
      await until(async () => (await asked()).length > before);
      await running.stop();
      running = await start(options);
      aheadMs = (n + 1) * DAY_MS + MINUTE_MS;
      const due = buyers.flatMap((name) => Array.from({ length: n + 1 }, (_, back) => day(name, back))).sort();
      await until(async () => (await asked()).length >= due.length);
      expect(await asked()).toEqual(due);
    }
    await running.stop();
  });

  it("DAY-1 of days that were missed only the last is made up for", async () => {
    const { dir } = await rulesWith(DAILY);
    await start({ rulesDir: dir, idleMs: 50 });
    const begin = Date.UTC(2020, 0, 1);
    const driveTo = (day: number) => {
      const at = (begin + day * DAY_MS) as Instant;
      const tick = event(`tick-${day}`, "purchase", "ana", { amount: 1 }, at);
      return client.xadd(`nba:{${home("ana")}}:events`, "*", ...encodeEvent(tick, at));
    };
    await driveTo(0);
    await until(async () => (await register()) === 1);
    await driveTo(10);
    await until(async () => (await asked()).length === 1);
    await driveTo(11);
    await until(async () => (await asked()).length === 2);
    const days = (await asked()).map((line) => Number(line.split(" ")[1]));
    expect(days[1]).toBe((days[0] as number) + 1);
    expect((days[1] as number) * DAY_MS).toBeGreaterThanOrEqual(begin + 9 * DAY_MS);
  });
});
