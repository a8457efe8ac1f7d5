// A Redis that an engine works on, at rest.
import type { Redis } from "ioredis";
import { expect } from "vitest";
import { decodeBase } from "../engine/journal/base.ts";

/**
 * Every log is folded to its end and stored: also what the engine itself appended last, such as what became of its messages, which
 * an engine that stops leaves to the next one.
 */
export async function untilStored(redis: Redis, partitions: number): Promise<void> {
  const isStored = async (partition: number): Promise<boolean> => {
    const [last] = await redis.xrevrange(`nba:{${partition}}:events`, "+", "-", "COUNT", 1);
    const base = await redis.hgetBuffer(`nba:{${partition}}:checkpoint`, "base");
    return last === undefined || (base !== null && decodeBase(base).position === last[0]);
  };
  const places = Array.from({ length: partitions }, (_, partition) => partition);
  const areStored = async () => (await Promise.all(places.map(isStored))).every(Boolean);
  await expect.poll(areStored, { timeout: 60_000, interval: 100 }).toBe(true);
}
