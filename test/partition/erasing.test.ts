// What comes late about somebody who is being erased, and what retention has put into files before.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { customerKey, type TrackingCode } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { type EntryFields, encodeEvent, encodeTimer } from "../../engine/ingest/log-entry.ts";
import { type Archive, createArchive } from "../../engine/retain/archive.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { askFor, connect, customerIn, decided, event, home, journalOf, lookAt, until } from "./harness.ts";

const ana = customerIn(1, "canary-ana-");
const bob = customerIn(1, "bob-");
const partition = home(ana);
const keys = { events: `nba:{${partition}}:events`, checkpoint: `nba:{${partition}}:checkpoint` };

let redis: TestRedis;
let client: Redis;
let running: RunningLoop;
let dir: string;
let archive: Archive;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
  dir = await mkdtemp(join(tmpdir(), "nba-erased-"));
  running = await startLoop(redis.url, {
    archived: (place) => {
      archive = createArchive(dir, { seed: place.seed, partitions: place.partitions });
      return archive;
    },
  });
});
afterAll(async () => {
  await running.stop();
  client.disconnect();
  await redis.stop();
  await rm(dir, { recursive: true });
});

const append = (fields: EntryFields) => client.xadd(keys.events, "*", ...(fields as string[]));
const logOf = async () =>
  (await client.xrangeBuffer(keys.events, "-", "+")).map(([id, fields]) => [id as Buffer, ...(fields as Buffer[])]);
const archivedText = async () => {
  const folder = join(dir, String(partition).padStart(4, "0"));
  const names = await readdir(folder);
  return Buffer.concat(await Promise.all(names.map(async (name) => gunzipSync(await readFile(join(folder, name))))));
};

it("ERA-6 ERA-7 nobody comes back by a late timer or report, and archived segments are written anew", async () => {
  const { engine } = running.loop;
  await engine.append([event("a-1", "page_view", ana), event("b-1", "page_view", bob)]);
  const code = decided(await engine.ask(askFor(ana))).contacts[0]?.trackingCode as TrackingCode;
  await engine.append([event("b-2", "purchase", bob, { amount: 7 })]);
  await until(async () => (await lookAt(running, bob)).features["spend_all"] === 7);
  const log = await logOf();
  const [first, last] = [String(log[0]?.[0]), String(log.at(-1)?.[0])];
  await archive.write({ kind: "log", partition, first, last, count: log.length, ordinal: 0 }, log);
  expect((await archivedText()).includes(ana)).toBe(true);

  await engine.erase(customerKey(ana));
  await until(async () => (await engine.look(customerKey(ana))) === undefined);
  await append(encodeTimer(customerKey(ana), Date.now() as Instant));
  const report = { ...event(`not-delivered:${code}`, "outcome", ana), source: "engine" };
  await append(encodeEvent({ ...report, props: { trackingCode: code, outcome: "not-delivered", reason: "too-old" } }));
  await engine.append([event("b-3", "purchase", bob, { amount: 1 })]);
  await until(async () => (await lookAt(running, bob)).features["spend_all"] === 8);
  expect(await engine.look(customerKey(ana))).toBeUndefined();
  await expectNothingDiffers(redis.url);
  await client.hset(keys.checkpoint, "dispatched", String(Number.MAX_SAFE_INTEGER)); // there are no gateways here
  await until(async () => (await engine.erase(customerKey(ana))) === "erased");

  const left = await logOf();
  expect(Buffer.concat(left.flat()).includes(ana)).toBe(false);
  expect(left.slice(0, log.length).map(([id]) => String(id))).toEqual(log.map(([id]) => String(id)));
  expect((await archivedText()).includes(ana)).toBe(false);
  expect((await archivedText()).includes(bob)).toBe(true);
  const [segment] = await archive.segments(partition, "log");
  expect((await archive.read(segment as NonNullable<typeof segment>)).flat()).toEqual(left.slice(0, log.length).flat());
  expect(JSON.stringify(await journalOf(client, partition))).not.toContain(ana);
  expect((await client.keys("*")).filter((key) => key.includes(ana))).toEqual([]);
  expect(await client.zscore(`nba:{${partition}}:timers`, ana)).toBeNull();
  await expectNothingDiffers(redis.url);
}, 30_000);
