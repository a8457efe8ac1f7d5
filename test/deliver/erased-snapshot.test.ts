// An erasure is not done while a snapshot of Redis still names the person: nobody may know when that was written.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, it } from "vitest";
import { createLog } from "../../engine/observe/log.ts";
import { until } from "../partition/harness.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type Outside, startOutside } from "./outside.ts";

const ANNA = "canary-anna-7f3a";
const SNAPSHOTS = ["--save", "3600", "1", "--rdbcompression", "no"];

let redis: TestRedis | undefined;
let outside: Outside | undefined;

afterEach(async () => {
  await outside?.stop();
  await redis?.stop();
});

/** A Redis that knows somebody and was shut down and started again since, and an engine that writes what it says here. */
async function afterRestart(args: readonly string[], said: string[] = []): Promise<{ dump: string; url: string }> {
  redis = await startTestRedis({ args });
  outside = await startOutside(redis.url);
  await fetch(`${outside.url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([{ id: "e-1", type: "page_view", customer: ANNA, ts: Date.now() }]),
  });
  await until(async () => (await fetch(`${outside?.url}/v1/customers/${ANNA}`)).status === 200);
  await outside.stop();
  await redis.restart();
  const log = createLog({ level: "warn", readable: true, write: (line) => void said.push(line) });
  outside = await startOutside(redis.url, { loop: { log } });
  return { dump: join(redis.dir, "dump.rdb"), url: outside.url };
}

async function erased(url: string): Promise<void> {
  await until(async () => {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return (await fetch(`${url}/v1/customers/${ANNA}`, { method: "DELETE" })).status === 204;
  }, 20_000);
}

it("ERA-10 a snapshot that was written before Redis was started again is written anew", async () => {
  const { dump, url } = await afterRestart(SNAPSHOTS);
  expect(readFileSync(dump).includes(ANNA)).toBe(true);
  await erased(url);
  expect(readFileSync(dump).includes(ANNA)).toBe(false);
}, 40_000);

it("ERA-10 the same where the engine may not ask how Redis is set up", async () => {
  const { dump, url } = await afterRestart([...SNAPSHOTS, "--rename-command", "CONFIG", "hidden"]);
  expect(readFileSync(dump).includes(ANNA)).toBe(true);
  await erased(url);
  expect(readFileSync(dump).includes(ANNA)).toBe(false);
}, 40_000);

it("ERA-10 a Redis that keeps nothing gets no snapshot", async () => {
  const { dump, url } = await afterRestart([]);
  await erased(url);
  expect(existsSync(dump)).toBe(false);
}, 40_000);

it("ERA-10 where it can neither be asked for nor written the engine says so", async () => {
  const said: string[] = [];
  const hidden = ["CONFIG", "BGSAVE"].flatMap((name) => ["--rename-command", name, `hidden-${name}`]);
  const { url } = await afterRestart(hidden, said);
  await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify([{ id: "e-2", type: "page_view", customer: ANNA, ts: Date.now() }]),
  });
  await erased(url);
  expect(said.join("")).toMatch(/an erasure is done, but for the snapshot of Redis.*BGSAVE/);
}, 40_000);
