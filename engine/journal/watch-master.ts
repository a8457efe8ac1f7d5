// A server may become another one behind an open connection: demoted to a replica, its content is replaced by that of a new
// master, which may lack what was acknowledged. Its replication id tells. (A master without replicas takes a new id after an
// hour, too: what is behind it is recovered once for nothing.)
import { type RedisConnection, text } from "./redis.ts";

/** Closes the connection once the server says that its history is another than at first. Rejects where it does not answer. */
export async function watchMaster(connection: RedisConnection, everyMs: number): Promise<void> {
  const first = await historyOf(connection);
  const look = setInterval(async () => {
    if (connection.isClosed()) return clearInterval(look);
    const now = await historyOf(connection).catch(() => first); // what fails closes the connection by itself, or is asked again
    if (now !== first) connection.close();
  }, everyMs);
  look.unref();
  connection.onClosed(() => clearInterval(look));
}

/** The replication id of the server that keeps `near`: another one means another history. Rejects as commands do. */
export async function historyOf(connection: RedisConnection, near?: string): Promise<string> {
  const replication = text(await connection.command(["INFO", "replication"], near));
  return /^master_replid:(\w+)/m.exec(replication)?.[1] ?? "";
}
