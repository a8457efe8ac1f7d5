// A new rulebook comes with each reload, for as long as the process lives.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { RulebookHash } from "../../engine/domain/ids.ts";
import { connectRedis, type RedisConnection } from "../../engine/journal/redis.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { LIMITS } from "../../engine/limits.ts";
import {
  createRulebookLibrary,
  type RulebookLibrary,
  readLocalRulebook,
} from "../../engine/partition/rulebook-library.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

let redis: TestRedis;
let connection: RedisConnection;
beforeAll(async () => {
  redis = await startTestRedis();
  connection = await connectRedis({ url: redis.url, silenceMs: 5_000 });
});
afterAll(async () => {
  connection?.close();
  await redis?.stop();
});

it("RUL-3 a rulebook that nobody runs is let go when many came after it; one that runs stays the one that it is", async () => {
  const library = createRulebookLibrary(connection, {});
  const running = await library.get(await store(library, 0));
  const later: RulebookHash[] = [];
  for (let version = 1; version <= LIMITS.rulebooksHeldMax + 4; version++) {
    later.push(await store(library, version));
    await library.get(later.at(-1) as RulebookHash);
  }
  await collected();
  const hashes = library.all().map(({ hash }) => hash);
  expect(hashes).toContain(running.hash);
  expect(hashes.length).toBeLessThanOrEqual(LIMITS.rulebooksHeldMax + 1);
  expect(hashes).not.toContain(later[0]);
  // Those that came last are not read again.
  expect(hashes).toEqual(expect.arrayContaining(later.slice(-LIMITS.rulebooksHeldMax)));
  expect(await library.get(running.hash)).toBe(running);
  // Who explains a decision of long ago gets the first one all the same.
  expect((await library.get(later[0] as RulebookHash)).hash).toBe(later[0]);
  expect(await library.find("0".repeat(64) as RulebookHash)).toBe(undefined);
});

async function store(library: RulebookLibrary, version: number): Promise<RulebookHash> {
  const files = await readRulebookFolder(`${repositoryRoot}/test/fixtures/rules-small`);
  const local = await readLocalRulebook(
    { ...files, "rulebook.yaml": `version: "held-${version}"\n` },
    `${repositoryRoot}/test/fixtures/no-models`,
  );
  if (local.kind === "faulty") throw new Error(JSON.stringify(local.faults));
  return await library.store(local);
}

/** What was read through a weak reference stays until the turn of the event loop is over. */
async function collected(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}
