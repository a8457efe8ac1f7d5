// A recovery reads the log of one partition, which holds what others wrote, over a connection of its own: where a page of it takes
// longer than a connection may be silent, only this partition is tried again, and those that are held go on.
import type { Journal } from "../journal/journal.ts";
import type { PageSizes } from "../journal/page-size.ts";
import { type RedisConnection, RedisTrouble } from "../journal/redis.ts";
import { createRedisJournal } from "../journal/redis-journal.ts";

export interface ApartOptions {
  /** One attempt. */
  readonly connect: () => Promise<RedisConnection>;
  readonly pageSizes: PageSizes;
}

/** Gives `read` a journal whose log is read apart; rejects as `read` does. Where nothing of the log is read, nothing is opened. */
export async function readApart<T>(
  journal: Journal,
  { connect, pageSizes }: ApartOptions,
  read: (journal: Journal) => Promise<T>,
): Promise<T> {
  let opened: Promise<RedisConnection> | undefined;
  let why: string | undefined;
  const entries: Journal["entries"] = async (...range) => {
    opened ??= connect().then((connection) => {
      connection.onClosed((told) => {
        if (connection.isClosed()) why = told;
      });
      return connection;
    });
    const own = createRedisJournal({ connection: await opened, owner: "reader", leaseMs: 0, address: "", pageSizes });
    return own.entries(...range);
  };
  try {
    return await read({ ...journal, entries });
  } catch (error) {
    if (why === undefined) throw error;
    throw new RedisTrouble(`the connection over which its log was read is lost: ${why}`, { cause: error });
  } finally {
    const connection = await opened?.catch(() => undefined); // whoever asked for it was told
    connection?.close();
  }
}
