// The limit for anything that reads streams: the engine's own client reads them to the end and does nothing with them.

import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { partitionKeys } from "../../engine/journal/keys.ts";
import { connectRedis, type Reply } from "../../engine/journal/redis.ts";
import { LIMITS } from "../../engine/limits.ts";
import { PARTITIONS } from "./engine-under-test.ts";

export const LOG_KEYS: readonly string[] = Array.from(
  { length: PARTITIONS },
  (_, index) => partitionKeys(index as PartitionIndex).events,
);

/** Last ids, by key; "0-0" where a stream is empty or missing. */
export type Heads = ReadonlyMap<string, string>;

/** Where the streams end now, to drain from there later. */
export async function headsOf(url: string, keys: readonly string[]): Promise<Heads> {
  const connection = await connectRedis({ url, silenceMs: LIMITS.silenceMs });
  const heads = new Map<string, string>();
  for (const key of keys) {
    const last = (await connection.command([
      "XREVRANGE",
      key,
      "+",
      "-",
      "COUNT",
      "1",
    ])) as readonly (readonly Reply[])[];
    heads.set(key, last[0] === undefined ? "0-0" : String(last[0][0]));
  }
  connection.close();
  return heads;
}

/** Entries a second, over all that was added after `from`. Throws unless it finds exactly `expected`. */
export async function drainRate(url: string, from: Heads, expected: number): Promise<number> {
  const connection = await connectRedis({ url, silenceMs: 10_000 });
  const positions = new Map(from);
  const head = ["XREAD", "COUNT", String(LIMITS.entriesPerReadMax), "STREAMS", ...from.keys()];
  const startedAt = performance.now();
  let count = 0;
  for (;;) {
    const reply = (await connection.command([...head, ...positions.values()])) as readonly [Buffer, Reply[][]][] | null;
    if (reply === null) break;
    for (const [key, entries] of reply) {
      count += entries.length;
      positions.set(String(key), String(entries.at(-1)?.[0]));
    }
  }
  const tookMs = performance.now() - startedAt;
  connection.close();
  if (count !== expected) throw new Error(`the drain found ${count} entries, not ${expected}`);
  return (count / tookMs) * 1_000;
}
