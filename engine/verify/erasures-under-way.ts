// Which erasures there are and how far, without whose: beside one under way some things cannot be compared.
import { createErasures } from "../journal/erasures.ts";
import type { RedisConnection } from "../journal/redis.ts";

export interface ErasuresSeen {
  /** A stream may have been written anew and the one that it is compared with not yet. */
  readonly isUnderWay: boolean;
  /** The same where nothing has changed. */
  readonly print: string;
}

export async function erasuresSeen(connection: Pick<RedisConnection, "command">): Promise<ErasuresSeen> {
  const all = await createErasures(connection, () => 0).all();
  const states = all.map(({ field, state }) => `${field} ${state}`).sort();
  return {
    isUnderWay: all.some(({ state }) => state !== "rewritten" && state !== "done"),
    print: states.join("\n"),
  };
}
