// A connection as REDIS_URL and DURABILITY ask for: to one server or to a cluster, waiting for replicas or not.
import { connectCluster } from "./cluster.ts";
import { connectRedis, type RedisConnection } from "./redis.ts";
import { replicated } from "./replicated.ts";
import { watchMaster } from "./watch-master.ts";

export interface ConnectionOptions {
  /** One URL: a server. Several with commas between, or one and a comma: nodes of a cluster. */
  readonly url: string;
  /** A command without an answer for this long closes the connection to its server. */
  readonly silenceMs: number;
  /** Replicas that must have what is said to be written; 0: none. */
  readonly replicas?: number;
  /** How long they may take: below `silenceMs`. */
  readonly replicaWaitMs?: number;
}

const WATCH_MS = 1_000;

/** One attempt. Rejects where nothing answers. */
export async function openConnection(options: ConnectionOptions): Promise<RedisConnection> {
  const { url, silenceMs, replicas = 0, replicaWaitMs = silenceMs / 2 } = options;
  const connect = async (one: string): Promise<RedisConnection> => {
    const connection = await connectRedis({ url: one, silenceMs });
    watchMaster(connection, WATCH_MS).catch(() => connection.close());
    return replicas === 0 ? connection : replicated(connection, replicas, replicaWaitMs);
  };
  if (!url.includes(",")) return await connect(url);
  const urls = url.split(",").filter((each) => each !== "");
  // Whoever waits for replicas is silent without being lost.
  return await connectCluster({ urls, connect, patienceMs: replicas === 0 ? silenceMs / 4 : silenceMs });
}
