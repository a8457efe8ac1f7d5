// S3 for quotas: a whole engine whose session is lost again and again spends all of a quota and never more, as a reader of
// the journals counts it who knows nothing of the engine.
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { decodeCommit } from "../../engine/journal/commit-record.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { askFor, connect, customerIn, cutConnections, decided, editableRules, event, until } from "./harness.ts";

const PARTITIONS = 8;
const APP_MAX = 260;
const PUSH_MAX = 60;
/** save-a costs 0.7 on the app: 40 contacts of it. */
const BUDGET = 28;

let redis: TestRedis;
let client: Redis;
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
  await rules.edit("actions/growth.yaml", (text) =>
    text.replace(
      "{ channel: app, content: { title: Save with A",
      "{ channel: app, cost: 0.7, content: { title: Save with A",
    ),
  );
  await rules.write(
    "quotas.yaml",
    `quotas:
  - { id: app, max: ${APP_MAX}, per: total, channel: app }
  - { id: push, max: ${PUSH_MAX}, per: day, channel: push, timeZone: Pacific/Kiritimati }
  - { id: budget, unit: cost, max: ${BUDGET}, per: total, action: save-a, channel: app }
`,
  );
});

const start = (changes = {}) => startLoop(redis.url, { partitions: PARTITIONS, rulesDir: rules.dir, ...changes });

interface Spent {
  readonly app: number;
  readonly push: number;
  readonly budget: number;
}

/** Counts what was decided, by hand. */
async function spentInJournals(): Promise<Spent> {
  const found = { app: 0, push: 0, budget: 0 };
  for (let index = 0; index < PARTITIONS; index++) {
    for (const [, fields] of await client.xrangeBuffer(`nba:{${index}}:journal`, "-", "+")) {
      const { decisions } = decodeCommit(fields[1] as Buffer);
      for (const { slates, contacts } of decisions) {
        const codes = new Set(contacts.map(({ trackingCode }) => trackingCode));
        for (const { treatment, trackingCode } of slates.flatMap(({ items }) => items)) {
          if (!codes.has(trackingCode)) continue;
          if (treatment.endsWith(":app")) found.app++;
          if (treatment.endsWith(":push")) found.push++;
          if (treatment === "save-a:app") found.budget += 7;
        }
      }
    }
  }
  return { ...found, budget: found.budget / 10 };
}

function expectWithin({ app, push, budget }: Spent): void {
  expect(app).toBeLessThanOrEqual(APP_MAX);
  expect(push).toBeLessThanOrEqual(PUSH_MAX);
  expect(budget).toBeLessThanOrEqual(BUDGET);
}

it("S3: never overspent whatever is lost, all of it spent in the end", { timeout: 120_000 }, async () => {
  let running = await start();
  let next = 0;
  const ask = async (): Promise<void> => {
    const customer = `c-${next++}`;
    await running.loop.engine.ask(askFor(customer));
    if (next % 2 === 0) await running.loop.engine.append([event("p", "purchase", customer, { amount: 500 })]);
  };
  const askMany = (count: number) => Promise.all(Array.from({ length: count }, ask));
  for (let round = 0; round < 8; round++) {
    const asking = (async () => {
      for (let n = 0; n < 3; n++) await askMany(10);
    })();
    await sleep(10 + round * 3);
    if (round === 5) {
      await asking;
      await running.stop();
      running = await start();
    } else if (round % 2 === 0) await cutConnections(client, running);
    await asking;
    expectWithin(await spentInJournals());
  }
  await until(async () => {
    await askMany(20);
    const { app, push, budget } = await spentInJournals();
    return app === APP_MAX && push === PUSH_MAX && budget === BUDGET;
  }, 60_000);
  const use = await running.loop.engine.quotas();
  expect(use.map(({ id, spent, granted }) => [id, spent, granted])).toEqual([
    ["app", APP_MAX, APP_MAX],
    ["push", PUSH_MAX, PUSH_MAX],
    ["budget", BUDGET, BUDGET],
  ]);
  await cutConnections(client, running);
  await askMany(40);
  await running.stop();
  expect(await spentInJournals()).toEqual({ app: APP_MAX, push: PUSH_MAX, budget: BUDGET });
});

it("the very first ask of a partition finds its quota, though nothing was granted before", async () => {
  const running = await start();
  for (let index = 0; index < PARTITIONS; index++) {
    const record = decided(await running.loop.engine.ask(askFor(customerIn8(index))));
    expect(record.slates[0]?.items[0]?.treatment).toBe("save-a:app");
    expect(record.spent).toEqual([
      { quota: "app", units: 1 },
      { quota: "budget", units: 0.7 },
    ]);
    expect(record.input.quotas[0]).toBeGreaterThanOrEqual(1);
  }
  await running.stop();
});

it("what is not spent is given back on a clean stop, and a lowered quota is not exceeded further", async () => {
  let running = await start();
  for (let n = 0; n < 10; n++) decided(await running.loop.engine.ask(askFor(`c-${n}`)));
  expect((await running.loop.engine.quotas())[0]?.granted).toBeGreaterThan(10);
  await running.stop();
  expect(await client.hget("nba:{quota:app}:contacts:total", "sum")).toBe("10");
  expect(await client.hget("nba:{quota:budget}:cost:total", "sum")).toBe("7000000");
  await rules.edit("quotas.yaml", (text) => text.replace(`max: ${APP_MAX}`, "max: 12"));
  running = await start();
  expect((await running.loop.engine.reload("test")).kind).toBe("activated");
  for (let n = 10; n < 30; n++) await running.loop.engine.ask(askFor(`c-${n}`));
  expect((await spentInJournals()).app).toBe(12);
  await running.stop();
});

it("QTA-1: what is too little for the dearest action is spent on a cheaper one", async () => {
  await rules.edit("actions/growth.yaml", (text) =>
    text.replace(
      "{ channel: app, content: { title: Save with B",
      "{ channel: app, cost: 0.2, content: { title: Save with B",
    ),
  );
  await rules.write("quotas.yaml", "quotas:\n  - { id: budget, unit: cost, max: 1.2, per: total, channel: app }\n");
  const running = await start();
  const offered: (string | undefined)[] = [];
  for (let n = 0; n < 4; n++) {
    const record = decided(await running.loop.engine.ask(askFor(customerIn(0, `c${n}-`, PARTITIONS))));
    offered.push(record.slates[0]?.items[0]?.treatment);
  }
  expect(offered).toEqual(["save-a:app", "save-b:app", "save-b:app", undefined]);
  await running.stop();
});

it("a quota that is lowered while blocks of it are out is not exceeded by what these blocks hold", async () => {
  const running = await start();
  for (let n = 0; n < 24; n++) decided(await running.loop.engine.ask(askFor(`c-${n}`)));
  expect((await running.loop.engine.quotas())[0]?.granted).toBeGreaterThan(30);
  await rules.edit("quotas.yaml", (text) => text.replace(`max: ${APP_MAX}`, "max: 26"));
  expect((await running.loop.engine.reload("test")).kind).toBe("activated");
  for (let n = 24; n < 80; n++) await running.loop.engine.ask(askFor(`c-${n}`));
  expect((await spentInJournals()).app).toBeLessThanOrEqual(26);
  let next = 80;
  await until(async () => {
    await running.loop.engine.ask(askFor(`c-${next++}`));
    return (await spentInJournals()).app === 26;
  });
  await running.stop();
});

it("the metric shows what this process holds, by quota", async () => {
  const running = await start();
  for (let n = 0; n < 5; n++) decided(await running.loop.engine.ask(askFor(`c-${n}`)));
  const [app] = await running.loop.engine.quotas();
  expect(app).toMatchObject({ id: "app", unit: "contacts", per: "total", period: "total", spent: 5, open: APP_MAX });
  await running.stop();
});

function customerIn8(partition: number): string {
  return customerIn(partition, "first-", PARTITIONS);
}
