// The Redis that the engine has started for itself comes back when it is killed; what cannot come back ends the engine.
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type KeptRedis, keepRedis } from "../../engine/cli/keep-redis.ts";
import { connectRedis, text } from "../../engine/journal/redis.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";

let dir: string;
const opened: { stop: () => Promise<unknown> }[] = [];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "nba-own-"));
});
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop();
  await rm(dir, { recursive: true, force: true });
});

async function asked(url: string, ...command: string[]): Promise<string> {
  const connection = await connectRedis({ url, silenceMs: 5_000 });
  try {
    return text(await connection.command(command));
  } finally {
    connection.close();
  }
}

async function killRedis(url: string): Promise<void> {
  process.kill(Number(/^process_id:(\d+)/m.exec(await asked(url, "INFO", "server"))?.[1]), "SIGKILL");
}

async function kept(warn: (line: string) => void): Promise<KeptRedis> {
  const redis = await keepRedis({ redisUrl: undefined, dir, durable: true, say: () => undefined, warn }, 5);
  opened.push(redis);
  return redis;
}

it("serves again by itself after its own Redis was killed, with all that was accepted", async () => {
  const engine: EngineProcess = await startEngineProcess({
    NBA_STATE_DIR: dir,
    PARTITIONS: "4",
    RULES_DIR: `${repositoryRoot}/test/fixtures/rules-small`,
    MODELS_DIR: `${repositoryRoot}/test/fixtures/no-models`,
  });
  opened.push(engine);
  const purchase = { id: "e-1", type: "purchase", customer: "ana", ts: Date.now(), props: { amount: 7 } };
  const headers = { "content-type": "application/json" };
  const sent = await fetch(`${engine.url}/v1/events`, { method: "POST", headers, body: JSON.stringify(purchase) });
  expect(sent.status).toBe(202);
  const tcpUrl = /"url":"(redis:[^"]+)","msg":"redis is running"/.exec(engine.log())?.[1] as string;
  await killRedis(tcpUrl);
  await expect.poll(() => engine.log(), { timeout: 30_000 }).toContain(`is running again, on ${tcpUrl}`);
  const spent = async () => {
    const answer = await fetch(`${engine.url}/v1/customers/ana`);
    return answer.status === 200 ? ((await answer.json()) as { features: object }).features : answer.status;
  };
  await expect.poll(spent, { timeout: 30_000 }).toMatchObject({ spend_all: 7 });
  expect((await fetch(`${engine.url}/readyz`)).status).toBe(200);
  expect(await engine.stop()).toBe(0);
  await expect(asked(tcpUrl, "PING")).rejects.toThrow();
}, 90_000);

it("starts it again each time, tells of it, and takes it back where only the line to it was cut", async () => {
  const warned: string[] = [];
  const redis = await kept((line) => void warned.push(line));
  await asked(redis.url, "SET", "kept", "yes");
  for (const round of [1, 2]) {
    await killRedis(redis.url);
    await expect.poll(() => warned.filter((line) => line.includes("running again")).length).toBe(round);
    expect(await asked(redis.url, "GET", "kept")).toBe("yes");
  }
  await asked(redis.url, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
  await expect.poll(() => warned.filter((line) => line.includes("running again")).length).toBe(3);
  await redis.stop();
  await expect(asked(redis.url, "PING")).rejects.toThrow();
}, 30_000);

it("gives up on one that does not start any more, and says why", async () => {
  const warned: string[] = [];
  const redis = await kept((line) => void warned.push(line));
  await asked(redis.url, "SET", "kept", "yes");
  const files = join(dir, "appendonlydir");
  for (const name of await readdir(files)) await writeFile(join(files, name), "nonsense");
  await killRedis(redis.url);
  await expect(redis.broken).rejects.toMatchObject({
    exitCode: 1,
    message: expect.stringMatching(/the engine's own Redis does not stay: the Redis in ".*" did not start: /),
  });
  expect(warned.length).toBeGreaterThan(4);
}, 30_000);
