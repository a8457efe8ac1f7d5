// `nba dead`: the command as a process, and what a retried letter comes to in an engine.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type Outside, startOutside } from "../deliver/outside.ts";
import { connect, customerIn, event, journalledOf, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

let redis: TestRedis;
let client: Redis;
let outside: Outside;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

const SLOW = { timeout: 120_000 };
const ana = customerIn(0, "ana-");

async function dead(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const env = { PATH: process.env["PATH"], REDIS_URL: redis.url };
  return await promisify(execFile)(process.execPath, [`${repositoryRoot}/engine/cli/nba.mjs`, "dead", ...args], {
    env,
  }).then(
    ({ stdout }) => ({ code: 0, out: stdout }),
    (error: { code: number; stdout: string }) => ({ code: error.code, out: error.stdout }),
  );
}

it("lists by filters, gives back what can be, and leaves the rest", SLOW, async () => {
  outside = await startOutside(redis.url);
  const [, , , payload] = encodeEvent(event("e-1", "purchase", ana, { amount: 500 }));
  await client.xadd("nba:{1}:events", "*", "s", "shop", "d", payload as Buffer); // belongs to partition 0
  await client.xadd("nba:{0}:events", "*", "s", "shop", "d", "no event");
  await until(async () => (await client.xlen("nba:{1}:dead")) + (await client.xlen("nba:{0}:dead")) === 2);
  const listed = JSON.parse((await dead("list", "--json")).out) as { letters: { reason: string }[] };
  expect(listed.letters.map(({ reason }) => reason)).toEqual(["not-parseable", "wrong-partition"]);
  expect((await dead("list", "--reason", "wrong-partition")).out).toContain("its key belongs to partition 0");
  expect((await dead("list", "--reason", "bogus")).code).toBe(2);
  expect((await dead("list", "--partition", "4")).code).toBe(2);
  expect(await dead("retry", "--reason", "wrong-partition")).toEqual({
    code: 0,
    out: "1 of 1 dead letters were given back to the engine\n",
  });
  await until(async () => (await outside.running.loop.engine.look(customerKey(ana)))?.features["purchases_24h"] === 1);
  expect(await client.xlen("nba:{1}:dead")).toBe(0);
  await outside.stop();
});

it("DSP-5 what was not delivered is decided anew, under the caps of now, and once", SLOW, async () => {
  outside = await startOutside(redis.url, { loop: { onTaken: async () => undefined } });
  await outside.running.loop.engine.append([event("p-1", "purchase", ana, { amount: 500 })]);
  await until(async () => (await journalledOf(client, ana)).length === 1);
  await outside.stop();
  outside = await startOutside(redis.url, { loop: { clock: () => Date.now() + 7 * 3_600_000 } });
  await until(async () => (await client.xlen("nba:{0}:dead")) === 1);
  const [letter] = await client.xrange("nba:{0}:dead", "-", "+");
  expect((await dead("retry", "--reason", "undelivered")).code).toBe(0);
  await until(async () => (await client.xlen("nba:channel:push")) === 1);
  await client.xadd("nba:{0}:dead", "*", ...((letter as [string, string[]])[1] as [string, string]));
  expect((await dead("retry")).code).toBe(0);
  await outside.running.loop.engine.append([event("p-2", "page_view", ana)]);
  await until(() => outside.dispatch.pending() === 0);
  const decisions = await journalledOf(client, ana);
  expect(decisions.map(({ trigger }) => trigger?.source)).toEqual(["http", "$again"]);
  expect(await client.xlen("nba:channel:push")).toBe(1);
  await outside.stop();
});
