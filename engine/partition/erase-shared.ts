// Traces in what belongs to no partition: streams of channels and of the front door, dead letters without a key, answers kept
// for an Idempotency-Key. One engine at a time writes them anew.
import { randomUUID } from "node:crypto";
import type { CustomerKey } from "../domain/ids.ts";
import { NAMED_STREAMS } from "../ingest/front-door.ts";
import type { RawEntry } from "../journal/journal.ts";
import { ERASING_KEY } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { rewriteStream } from "../journal/rewrite-stream.ts";
import { keyIn, names } from "./erase-scrub.ts";

export interface SharedPlace {
  readonly connection: RedisConnection;
  /** Names of the channels of kind `stream` of every rulebook that may have decided. */
  readonly channels: () => readonly string[];
}

/** Renewed while it is held: whoever is killed holds up the others for no longer. */
const LOCK_MS = 5_000;
const KEYS_AT_ONCE = 500;
const CHANNEL_STREAM = "nba:channel:";

/** Rejects where another engine is at it: to be tried again. */
export async function eraseShared(place: SharedPlace, keys: readonly CustomerKey[]): Promise<void> {
  if (keys.length === 0) return;
  await alone(place.connection, async () => {
    const erased = new Set(keys);
    const streams = [...NAMED_STREAMS, "nba:dead", ...place.channels().map((name) => `${CHANNEL_STREAM}${name}`)];
    for (const stream of streams) {
      const change = (raw: RawEntry) => (isTrace(raw, erased) ? [] : undefined);
      await rewriteStream(place.connection, { stream, fence: undefined, change });
    }
    await eraseAnswers(place.connection, erased);
  });
}

/** Runs alone among all engines; the lock lapses by itself where its holder is killed. */
export async function alone<T>(connection: RedisConnection, run: () => Promise<T>): Promise<T> {
  const mine = randomUUID();
  const taken = await connection.command(["SET", ERASING_KEY, mine, "NX", "PX", String(LOCK_MS)]);
  if (taken === null) throw new Busy("another engine writes the shared streams anew");
  const keeping = setInterval(() => {
    connection.command(["PEXPIRE", ERASING_KEY, String(LOCK_MS)]).catch(() => undefined); // then what runs fails too
  }, LOCK_MS / 4);
  try {
    return await run();
  } finally {
    clearInterval(keeping);
    if (!connection.isClosed() && text(await connection.command(["GET", ERASING_KEY])) === mine) {
      await connection.command(["DEL", ERASING_KEY]);
    }
  }
}

export class Busy extends Error {
  override readonly name = "Busy";
}

/** The message of a channel names its customer, as does an event; what cannot be read is looked through. */
function isTrace({ fields }: RawEntry, erased: ReadonlySet<CustomerKey>): boolean {
  const at = fields.findIndex((field, index) => index % 2 === 0 && field.toString() === "d");
  const bytes = fields[at + 1];
  if (at < 0 || bytes === undefined) return false;
  const key = keyIn(bytes, "shared");
  if (key !== undefined) return erased.has(key);
  return names(bytes, erased);
}

async function eraseAnswers({ command }: RedisConnection, erased: ReadonlySet<CustomerKey>): Promise<void> {
  let cursor = "0";
  do {
    const [next, found] = (await command([
      "SCAN",
      cursor,
      "MATCH",
      "nba:idempotency:*",
      "COUNT",
      String(KEYS_AT_ONCE),
    ])) as readonly [Reply, readonly Buffer[]];
    for (const key of found) {
      const kept = text(await command(["GET", key]));
      // The body of an answer is a text within the text that is kept: its quotes are escaped.
      const body = Buffer.from(kept.replaceAll('\\"', '"'));
      if (names(body, erased)) await command(["DEL", key]);
    }
    cursor = text(next);
  } while (cursor !== "0");
}
