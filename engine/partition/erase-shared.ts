// Traces in what belongs to no partition: streams of channels and of the front door, dead letters without a key, answers kept
// for an Idempotency-Key, tickets for sockets. One engine at a time writes them anew.
import type { CustomerKey } from "../domain/ids.ts";
import { NAMED_STREAMS } from "../ingest/front-door.ts";
import type { RawEntry } from "../journal/journal.ts";
import { ERASING_KEY } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { rewriteStream } from "../journal/rewrite-stream.ts";
import { mayName, names } from "./erase-names.ts";
import { keyIn } from "./erase-scrub.ts";

export interface SharedPlace {
  readonly connection: RedisConnection;
  /** Of this engine: what it took before its connection was cut is still its own. */
  readonly owner: string;
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
  await aloneOfAll(place, async () => {
    const erased = new Set(keys);
    const streams = [...NAMED_STREAMS, "nba:dead", ...place.channels().map((name) => `${CHANNEL_STREAM}${name}`)];
    for (const stream of streams) {
      const change = (raw: RawEntry) => (isTrace(raw, erased) ? [] : undefined);
      await rewriteStream(place.connection, { stream, fence: undefined, change });
    }
    await eraseKept(place.connection, { match: "nba:idempotency:*", words: erased });
    await eraseKept(place.connection, { match: "nba:ticket:*", words: new Set(keys.flatMap(wordsOfTicket)) });
  });
}

/** Runs alone among all engines; the lock lapses by itself where its holder is killed. */
export async function aloneOfAll<T>(
  { connection, owner }: Pick<SharedPlace, "connection" | "owner">,
  run: () => Promise<T>,
): Promise<T> {
  const taken = await connection.command(["SET", ERASING_KEY, owner, "NX", "PX", String(LOCK_MS)]);
  const isOwn = taken !== null || text(await connection.command(["GET", ERASING_KEY])) === owner;
  if (!isOwn) throw new Busy("another engine writes the shared streams anew");
  if (taken === null) await connection.command(["PEXPIRE", ERASING_KEY, String(LOCK_MS)]);
  const keeping = setInterval(() => {
    connection.command(["PEXPIRE", ERASING_KEY, String(LOCK_MS)]).catch(() => undefined); // then what runs fails too
  }, LOCK_MS / 4);
  try {
    return await run();
  } finally {
    clearInterval(keeping);
    if (!connection.isClosed() && text(await connection.command(["GET", ERASING_KEY])) === owner) {
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
  return mayName(bytes, erased);
}

/** Keys whose values go where they hold one of these words. */
interface Kept {
  readonly match: string;
  readonly words: ReadonlySet<CustomerKey>;
}

/** Who may use it, and the topics that it opens. */
function wordsOfTicket(key: CustomerKey): readonly CustomerKey[] {
  return [key, `jwt:${key}`, `customer/${key}`] as CustomerKey[];
}

async function eraseKept({ command, cluster }: RedisConnection, kept: Kept): Promise<void> {
  for (const node of cluster?.masters() ?? [command]) await eraseKeptAt(node, command, kept);
}

/** A scan sees the keys of one node. */
async function eraseKeptAt(
  node: RedisConnection["command"],
  command: RedisConnection["command"],
  { match, words }: Kept,
): Promise<void> {
  let cursor = "0";
  do {
    const [next, found] = (await node(["SCAN", cursor, "MATCH", match, "COUNT", String(KEYS_AT_ONCE)])) as readonly [
      Reply,
      readonly Buffer[],
    ];
    for (const key of found) {
      const value = text(await command(["GET", key]));
      if (names(Buffer.from(value), words)) await command(["DEL", key]);
    }
    cursor = text(next);
  } while (cursor !== "0");
}
