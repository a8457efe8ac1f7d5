// What a suite ends with that has hurt an engine: everything that Redis holds is as its streams say.

import { expect } from "vitest";
import { connectRedis } from "../../engine/journal/redis.ts";
import { verifyRedis } from "../../engine/verify/verify-redis.ts";

/** Of `redisUrl`, where nobody cuts connections meanwhile. Tells how many profiles were compared. */
export async function expectNothingDiffers(redisUrl: string): Promise<number> {
  const connection = await connectRedis({ url: redisUrl, silenceMs: 60_000 });
  try {
    const { differences, partitions } = await verifyRedis(connection, {
      partitions: undefined,
      customer: undefined,
      differencesMax: 20,
      onProgress: () => undefined,
    });
    expect(differences).toEqual([]);
    return partitions.reduce((sum, { compared }) => sum + compared, 0);
  } finally {
    connection.close();
  }
}
