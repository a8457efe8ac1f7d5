// A device of the holdout becomes a customer: what was withheld from it was on no screen, so nothing leaves one.
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { startLoop } from "../start-loop.ts";
import { askFor, connect, decided, editableRules, event, journalOf, lookAt, PARTITIONS, until } from "./harness.ts";

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

it("HLD-4 IDN-1: a shadow contact goes over to the customer without a word", { timeout: 30_000 }, async () => {
  const { dir, write } = await editableRules();
  await write("experiments.yaml", "holdout: { share: 0.999999, salt: all }\n");
  const running = await startLoop(redis.url, { rulesDir: dir });
  try {
    const { withheld } = decided(await running.loop.engine.ask(askFor("anon:d-1")));
    expect(withheld.flatMap(({ items }) => items)).toHaveLength(1);
    await running.loop.engine.append([{ ...event("i-1", "identify", "ana"), anonymousId: "d-1" }]);
    await until(async () => (await lookAt(running, "ana").catch(() => undefined))?.contacts.length === 1);
    expect((await lookAt(running, "ana")).contacts).toMatchObject([{ shadow: true, live: true }]);
    const commits = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, partition) => journalOf(client, partition)),
    );
    expect(commits.flat().flatMap(({ withdrawals }) => withdrawals)).toEqual([]);
  } finally {
    await running.stop();
  }
});
