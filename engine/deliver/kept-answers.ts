// How many bytes the answers by Idempotency-Key have that are still kept, over all engines: each engine notes in Redis what it has
// kept in each twenty-fourth of the time, and sums up what all have. An answer that was erased or written twice counts until its
// time is over: never too little is known, but for what the others kept within the last second.
import { randomUUID } from "node:crypto";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import type { IdempotencyBounds } from "./idempotency-bounds.ts";

export interface KeptAnswers {
  /** Rejects where Redis does not answer. */
  readonly isFull: (connection: RedisConnection) => Promise<boolean>;
  readonly add: (bytes: number) => void;
}

export const KEPT_KEY = "nba:idempotency-kept";
const PARTS = 24;
const LOOK_AFTER_MS = 1_000;

/** `clock`: milliseconds since 1970, of about all engines alike. */
export function createKeptAnswers({ keepMs, bytesMax }: IdempotencyBounds, clock: () => number): KeptAnswers {
  const engine = randomUUID();
  const partMs = Math.ceil(keepMs / PARTS);
  /** Of this engine, by the begin of each part. */
  const own = new Map<number, number>();
  const unsaid = new Set<number>();
  const known = { others: 0, lookedAtMs: Number.NEGATIVE_INFINITY };
  const isOver = (begin: number): boolean => begin + partMs + keepMs <= clock();
  const look = async (connection: RedisConnection): Promise<void> => {
    known.lookedAtMs = performance.now();
    try {
      for (const begin of unsaid) {
        unsaid.delete(begin);
        await connection.command(["HSET", KEPT_KEY, `${begin}:${engine}`, String(own.get(begin))]);
      }
      for (const begin of own.keys()) if (isOver(begin)) own.delete(begin);
      const all = fieldsOf(await connection.command(["HGETALL", KEPT_KEY]));
      const over = all.filter(({ begin }) => isOver(begin)).map(({ field }) => field);
      if (over.length > 0) await connection.command(["HDEL", KEPT_KEY, ...over]);
      const others = all.filter(({ field, begin }) => !isOver(begin) && !field.endsWith(`:${engine}`));
      known.others = others.reduce((sum, { bytes }) => sum + bytes, 0);
    } catch (error) {
      for (const begin of own.keys()) unsaid.add(begin);
      known.lookedAtMs = Number.NEGATIVE_INFINITY;
      throw error;
    }
  };
  return {
    isFull: async (connection) => {
      if (performance.now() - known.lookedAtMs >= LOOK_AFTER_MS) await look(connection);
      let bytes = known.others;
      for (const kept of own.values()) bytes += kept;
      return bytes >= bytesMax;
    },
    add: (bytes) => {
      const begin = Math.floor(clock() / partMs) * partMs;
      own.set(begin, (own.get(begin) ?? 0) + bytes);
      unsaid.add(begin);
    },
  };
}

function fieldsOf(reply: Reply): readonly { readonly field: string; readonly begin: number; readonly bytes: number }[] {
  const flat = (reply as readonly Reply[]).map(text);
  return flat.flatMap((field, at) =>
    at % 2 === 0 ? [{ field, begin: Number.parseInt(field, 10), bytes: Number(flat[at + 1]) }] : [],
  );
}
