// `nba dead`, and what a retried letter comes to in an engine.
import { CommanderError } from "commander";
import type { Redis } from "ioredis";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { deadCommand } from "../../engine/cli/dead.ts";
import { CommandTrouble } from "../../engine/cli/terminal.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { type Outside, startOutside } from "../deliver/outside.ts";
import { connect, customerIn, event, journalledOf, until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

let redis: TestRedis;
let client: Redis;
let outside: Outside | undefined;

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
  await outside?.stop();
  outside = undefined;
});

const SLOW = { timeout: 120_000 };
const ana = customerIn(0, "ana-");

/** The command in this process, as a shell would call it. */
async function dead(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  let out = "";
  const written = vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.stubEnv("REDIS_URL", redis.url);
  try {
    const command = deadCommand();
    for (const each of [command, ...command.commands])
      each.exitOverride().configureOutput({ writeErr: () => undefined });
    await command.parseAsync(args, { from: "user" });
    return { code: 0, out };
  } catch (error) {
    if (error instanceof CommanderError) return { code: 2, out };
    if (error instanceof CommandTrouble) return { code: error.exitCode, out };
    throw error;
  } finally {
    written.mockRestore();
    vi.unstubAllEnvs();
  }
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
  await until(async () => (await outside?.running.loop.engine.look(customerKey(ana)))?.features["purchases_24h"] === 1);
  expect(await client.xlen("nba:{1}:dead")).toBe(0);
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
  await until(() => outside?.dispatch.pending() === 0);
  const decisions = await journalledOf(client, ana);
  expect(decisions.map(({ trigger }) => trigger?.source)).toEqual(["http", "$again"]);
  expect(await client.xlen("nba:channel:push")).toBe(1);
});
