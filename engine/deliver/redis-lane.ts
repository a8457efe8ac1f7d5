// A connection of engine/journal/redis.ts dies when it is in doubt. A lane opens the next one when it is needed: what failed
// stays failed, because only its owner knows whether it may be sent again.
import type { RedisConnection } from "../journal/redis.ts";
import { RedisTrouble } from "../journal/redis.ts";

export interface RedisLane {
  /** The open connection, or one attempt at a new one. Rejects with RedisTrouble. */
  readonly connection: () => Promise<RedisConnection>;
  readonly close: () => void;
}

/** After a failed attempt the next is made no sooner than `retryAfterMs` later; until then `connection` rejects at once. */
export function createRedisLane(connect: () => Promise<RedisConnection>, retryAfterMs = 200): RedisLane {
  let opening: Promise<RedisConnection> | undefined;
  let open: RedisConnection | undefined;
  let nextAttemptMs = 0;
  let closed = false;

  const attempt = async (): Promise<RedisConnection> => {
    try {
      open = await connect();
      if (closed) open.close();
      return open;
    } catch (error) {
      nextAttemptMs = performance.now() + retryAfterMs;
      throw error;
    } finally {
      opening = undefined;
    }
  };

  return {
    connection: async () => {
      if (closed) throw new RedisTrouble("the connection to Redis is closed");
      if (open !== undefined && !open.isClosed()) return open;
      if (opening === undefined && performance.now() < nextAttemptMs) throw new RedisTrouble("Redis does not answer");
      opening ??= attempt();
      return opening;
    },
    close: () => {
      closed = true;
      open?.close();
    },
  };
}
