// Entries of a named stream that somebody else trims or deletes before they are moved leave no trace but in its counters: Redis
// knows how many were ever added and how many are there, and whoever moves knows how many of the others it took itself.

import { type RedisConnection, text } from "../journal/redis.ts";
import { readStreamState } from "../journal/stream-state.ts";

type Connection = Pick<RedisConnection, "command">;

/** Of one mover, while nobody else moves the same stream. All reject as commands do. */
export interface StreamAccount {
  /** Before the first read. Tells how many were lost since a mover ended cleanly; after a crash nobody can tell. */
  readonly open: (connection: Connection) => Promise<number>;
  /** Tells how many were lost since the last look. `taken`: entries that this mover has read, all of them moved and trimmed by now. */
  readonly look: (connection: Connection, taken: number) => Promise<number>;
  /** After the last look: whoever moves next knows what was gone by then. */
  readonly close: (connection: Connection) => Promise<void>;
}

const GONE_FIELD = "gone";

export function createStreamAccount(stream: string): StreamAccount {
  const record = `nba:mover:${stream}`;
  /** Entries that were gone before this mover took any, and those that were lost since. */
  let others = 0;
  const gone = async (connection: Connection): Promise<number | undefined> => {
    const { added, length } = await readStreamState(connection, stream);
    return added === undefined ? undefined : added - length;
  };
  return {
    open: async (connection) => {
      const before = text(await connection.command(["HGET", record, GONE_FIELD]));
      // It is of no use any more as soon as something is trimmed.
      if (before !== "") await connection.command(["HDEL", record, GONE_FIELD]);
      others = (await gone(connection)) ?? 0;
      return before === "" ? 0 : Math.max(0, others - Number(before));
    },
    look: async (connection, taken) => {
      const now = await gone(connection);
      if (now === undefined) return 0;
      const lost = now - taken - others;
      // Fewer than were taken: the stream was deleted and begun anew, or a failover has lost its end.
      others += lost;
      return Math.max(0, lost);
    },
    close: async (connection) => {
      const now = await gone(connection);
      if (now !== undefined) await connection.command(["HSET", record, GONE_FIELD, String(now)]);
    },
  };
}
