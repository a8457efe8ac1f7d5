// A connection of engine/journal/redis.ts dies when it is in doubt. A lane opens the next one when the next command comes:
// what failed stays failed (its owner knows whether it may be sent again).
import type { RedisConnection } from "../journal/redis.ts";
import { RedisTrouble } from "../journal/redis.ts";

export type RedisLane = Pick<RedisConnection, "command" | "script" | "close">;

/** After a failed attempt, the next is made no sooner than `retryAfterMs` later; commands until then reject at once. */
export function createRedisLane(connect: () => Promise<RedisConnection>, retryAfterMs = 200): RedisLane {
  let current: Promise<RedisConnection> | undefined;
  let open: RedisConnection | undefined;
  let nextAttemptMs = 0;
  let closed = false;

  const connection = (): Promise<RedisConnection> => {
    if (closed) return Promise.reject(new RedisTrouble("the connection to Redis is closed"));
    if (open !== undefined && !open.isClosed()) return Promise.resolve(open);
    if (current !== undefined) return current;
    if (performance.now() < nextAttemptMs) return Promise.reject(new RedisTrouble("Redis does not answer"));
    open = undefined;
    current = connect().then(
      (opened) => {
        current = undefined;
        if (closed) opened.close();
        open = opened;
        return opened;
      },
      (error: unknown) => {
        current = undefined;
        nextAttemptMs = performance.now() + retryAfterMs;
        throw error;
      },
    );
    return current;
  };

  return {
    command: async (args) => (await connection()).command(args),
    script: async (script, keys, args) => (await connection()).script(script, keys, args),
    close: () => {
      closed = true;
      open?.close();
    },
  };
}
