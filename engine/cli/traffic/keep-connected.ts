import { setTimeout as sleep } from "node:timers/promises";
import { openConnection } from "../../journal/open-connection.ts";
import { awaitRedis, type RedisConnection } from "../../journal/redis.ts";

export interface Link {
  readonly redisUrl: string;
  readonly log: (line: string) => void;
  readonly isStopped: () => boolean;
}

/** Must exceed the longest blocking read of a gateway. */
const SILENCE_MS = 5_000;
const PAUSE_MS = 50;

/** Runs with a connection, and again with a new one whenever it was lost. Settles when stopped; never rejects. */
export async function keepConnected(link: Link, run: (connection: RedisConnection) => Promise<void>): Promise<void> {
  const { redisUrl, log, isStopped } = link;
  while (!isStopped()) {
    let connection: RedisConnection | undefined;
    try {
      let isTold = false;
      const onWait = (why: string): void => {
        if (!isTold) log(`traffic waits for Redis: ${why}`);
        isTold = true;
      };
      connection = await awaitRedis(() => openConnection({ url: redisUrl, silenceMs: SILENCE_MS }), onWait, isStopped);
      await run(connection);
    } catch (error) {
      if (!isStopped()) log(`traffic: ${error instanceof Error ? error.message : String(error)}`);
    }
    connection?.close();
    if (!isStopped()) await sleep(PAUSE_MS);
  }
}
