// The dead letters of a Redis: those of the partitions (`nba:{p}:dead`), and those of the front door (`nba:dead`), which have no
// customer that could be read.
import type { PartitionIndex } from "../domain/ids.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";

export interface DeadLetter {
  /** Stream that holds it, and its id there, which tells when it was written. */
  readonly stream: string;
  readonly id: string;
  /** Undefined: of the front door. */
  readonly partition: PartitionIndex | undefined;
  /** Of the entry that it was made of, in its own stream. */
  readonly position: string;
  readonly reason: string;
  readonly detail: string;
  /** Where the entry came from: a named stream, `http`, or an engine. */
  readonly source: string;
  readonly payload: Buffer;
}

export interface LetterFilter {
  /** Undefined: all, and those of the front door. */
  readonly partition: PartitionIndex | undefined;
  readonly reason: string | undefined;
  /** Milliseconds since 1970: only letters written then or later. */
  readonly sinceMs: number | undefined;
  readonly limit: number;
}

export const FRONT_DOOR_LETTERS = "nba:dead";
const PAGE = 500;

/** Oldest first in each stream, partition by partition, the front door last; at most `limit`. */
export async function readLetters(
  connection: RedisConnection,
  partitions: number,
  filter: LetterFilter,
): Promise<readonly DeadLetter[]> {
  const found: DeadLetter[] = [];
  const indexes = filter.partition === undefined ? [...Array(partitions).keys()] : [filter.partition];
  for (const index of indexes as PartitionIndex[]) {
    await collect(connection, partitionKeys(index).dead, index, filter, found);
  }
  if (filter.partition === undefined) await collect(connection, FRONT_DOOR_LETTERS, undefined, filter, found);
  return found;
}

async function collect(
  connection: RedisConnection,
  stream: string,
  partition: PartitionIndex | undefined,
  { reason, sinceMs, limit }: LetterFilter,
  found: DeadLetter[],
): Promise<void> {
  let from = sinceMs === undefined ? "-" : String(sinceMs);
  while (found.length < limit) {
    const page = (await connection.command(["XRANGE", stream, from, "+", "COUNT", String(PAGE)])) as readonly Reply[];
    for (const entry of page) {
      const letter = letterOf(entry as readonly Reply[], stream, partition);
      from = `(${letter.id}`;
      if (found.length < limit && (reason === undefined || letter.reason === reason)) found.push(letter);
    }
    if (page.length < PAGE) return;
  }
}

function letterOf([id, flat]: readonly Reply[], stream: string, partition: PartitionIndex | undefined): DeadLetter {
  const fields = new Map<string, Reply>();
  const list = flat as readonly Reply[];
  for (let at = 0; at + 1 < list.length; at += 2) fields.set(text(list[at]), list[at + 1] as Reply);
  const payload = fields.get("d");
  return {
    stream,
    id: text(id),
    partition,
    position: text(fields.get("position")),
    reason: text(fields.get("reason")),
    detail: text(fields.get("detail")),
    source: text(fields.get("s") ?? fields.get("stream")),
    payload: Buffer.isBuffer(payload) ? payload : Buffer.alloc(0),
  };
}
