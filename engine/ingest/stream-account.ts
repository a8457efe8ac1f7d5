// Entries of a named stream that somebody else trims or deletes before they are moved leave no trace but in its counters: Redis
// knows how many were ever added and how many are there, and whoever moves knows how many of the others it took itself.
import type { Position } from "../domain/ids.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { readStreamState, type StreamState } from "../journal/stream-state.ts";

type Connection = Pick<RedisConnection, "command">;

/** Of one mover, while nobody else moves the same stream. What asks Redis rejects as commands do. */
export interface StreamAccount {
  /** After the first read, before anything is trimmed. Tells how many were lost since a mover ended cleanly; after a crash nobody can tell. */
  readonly open: (connection: Connection) => Promise<number>;
  /** So many entries were moved, and are being trimmed. */
  readonly took: (entries: number) => void;
  /** Where all that was taken is trimmed: how many were lost since the last look, and the last id that the stream has given. */
  readonly look: (connection: Connection) => Promise<{ readonly lost: number; readonly lastId: Position }>;
  /** After the last look: whoever moves next knows what was gone by then. Nothing where it was never opened. */
  readonly close: (connection: Connection) => Promise<void>;
}

const GONE_FIELD = "gone";

export function createStreamAccount(stream: string): StreamAccount {
  const record = `nba:mover:${stream}`;
  /** Entries that are gone and were not taken: those from before, and those that were lost since. Undefined: not open. */
  let others: number | undefined;
  let taken = 0;
  return {
    open: async (connection) => {
      const before = text(await connection.command(["HGET", record, GONE_FIELD]));
      // It is of no use any more as soon as something is trimmed.
      if (before !== "") await connection.command(["HDEL", record, GONE_FIELD]);
      others = goneOf(await readStreamState(connection, stream)) ?? 0;
      return before === "" ? 0 : Math.max(0, others - Number(before));
    },
    took: (entries) => {
      taken += entries;
    },
    look: async (connection) => {
      const state = await readStreamState(connection, stream);
      const gone = goneOf(state);
      const lost = gone === undefined || others === undefined ? 0 : gone - taken - others;
      // Fewer than were taken: the stream was made anew, or a failover has lost its end.
      if (others !== undefined) others += lost;
      return { lost: Math.max(0, lost), lastId: state.lastId };
    },
    close: async (connection) => {
      if (others === undefined) return;
      const gone = goneOf(await readStreamState(connection, stream));
      if (gone !== undefined) await connection.command(["HSET", record, GONE_FIELD, String(gone)]);
    },
  };
}

/** Undefined where Redis does not count what was added. */
function goneOf({ added, length }: StreamState): number | undefined {
  return added === undefined ? undefined : added - length;
}
