// All that Redis holds, one hash for each key: what was refused must leave every one as it was.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { LIMITS } from "../../engine/limits.ts";

/** Written all the time, by whoever is alive: who owns what, and until when. */
const OF_THE_LIVING = /^nba:(engines$|mover:|\{\d+\}:lease$)/;

export async function digestOf(client: Redis): Promise<ReadonlyMap<string, string>> {
  const keys = (await client.keys("*")).filter((key) => !OF_THE_LIVING.test(key)).sort();
  const pipeline = client.pipeline();
  for (const key of keys) pipeline.dumpBuffer(key);
  const dumps = (await pipeline.exec()) ?? [];
  return new Map(
    keys.map((key, index) => {
      const [error, bytes] = dumps[index] ?? [];
      if (error) throw error;
      return [
        key,
        createHash("sha256")
          .update((bytes ?? "gone") as Buffer)
          .digest("hex"),
      ];
    }),
  );
}

/** Longer than a partition may be without work until it stores what it has: from then on nothing is written that was not caused. */
const REST_MS = LIMITS.idleMs + 1_000;
const LOOK_MS = 500;

/** Waits until nothing was written for `restMs`. Throws where that does not come within a minute. */
export async function settledDigest(client: Redis, restMs = REST_MS): Promise<ReadonlyMap<string, string>> {
  let before = await digestOf(client);
  let restedMs = 0;
  for (let attempt = 0; attempt < 60_000 / LOOK_MS; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const now = await digestOf(client);
    restedMs = differing(before, now).length === 0 ? restedMs + LOOK_MS : 0;
    if (restedMs >= restMs) return now;
    before = now;
  }
  throw new Error("Redis does not come to rest");
}

export function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}
