// All that Redis holds, one hash for each key: what was refused must leave every one as it was.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";

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

/** Waits until nothing is written any more. Throws where that does not come within 30 s. */
export async function settledDigest(client: Redis): Promise<ReadonlyMap<string, string>> {
  let before = await digestOf(client);
  for (let attempt = 0; attempt < 60; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    const now = await digestOf(client);
    if (differing(before, now).length === 0) return now;
    before = now;
  }
  throw new Error("Redis does not come to rest");
}

export function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
}
