// An engine that was killed and is started again on its machine does not wait for a lease of its own.
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

/** The longest there is. */
const LEASE_MS = 60_000;

let redis: TestRedis;
let engine: EngineProcess | undefined;

beforeAll(async () => {
  redis = await startTestRedis();
});
afterAll(async () => {
  await engine?.kill();
  await redis.stop();
});

async function start(): Promise<EngineProcess> {
  return await startEngineProcess({ REDIS_URL: redis.url, PARTITIONS: "4", NBA_LEASE_MS: String(LEASE_MS) });
}

it("is ready at once after SIGKILL, with all partitions and the named streams", { timeout: 120_000 }, async () => {
  const client = new Redis(redis.socket);
  try {
    engine = await start();
    const { kill, pid } = engine;
    await expect.poll(() => client.hget("nba:mover:clickstream", "owner")).toContain(`:${pid}:`);
    await kill();
    const heldUntil = await client.hget("nba:{0}:lease", "until");
    engine = await start();
    await expect.poll(() => client.hget("nba:mover:clickstream", "owner")).toContain(`:${engine.pid}:`);
    const [seconds] = await client.time();
    expect(Number(seconds) * 1_000, "the lease would be over by now").toBeLessThan(Number(heldUntil));
    for (const index of [0, 1, 2, 3]) {
      expect(await client.hget(`nba:{${index}}:lease`, "owner")).toContain(`:${engine.pid}:`);
    }
  } finally {
    client.disconnect();
  }
});
