// Hands messages to the stream of a channel, each once: what was sent or refused before is skipped, so that whoever is in doubt
// offers them again.
import { readFileSync } from "node:fs";
import type { PartitionIndex } from "../domain/ids.ts";
import { type Argument, type RedisConnection, type Reply, redisScript, text } from "../journal/redis.ts";
import { sourceFile } from "../journal/source-file.ts";

export interface Offered {
  /** `<commit seq>-<ordinal>`, ascending within the partition. */
  readonly id: string;
  /** ms since 1970 by the clock of Redis: later it is refused. Infinity: never for that. */
  readonly sendBy: number;
  /** Undefined: it is refused. */
  readonly message: string | undefined;
}

export interface SentOnce {
  readonly appended: number;
  /** Ids that were refused, by this call or by one whose reports may not have been made. What is neither new nor here was sent. */
  readonly refused: ReadonlySet<string>;
  /** Entries in the stream afterwards. */
  readonly length: number;
}

const script = redisScript(readFileSync(sourceFile("engine/deliver/send-once.lua"), "utf8"));

/**
 * In order and atomically. Rejects with RedisTrouble where it is not known whether it happened (offer the same again), and with
 * the server's error, having written nothing, where a key has another type or an id another form.
 */
export async function sendOnce(
  connection: RedisConnection,
  channel: string,
  partition: PartitionIndex,
  offered: readonly Offered[],
): Promise<SentOnce> {
  const args: Argument[] = [String(partition)];
  for (const { id, sendBy, message } of offered) {
    args.push(id, Number.isFinite(sendBy) ? String(Math.floor(sendBy)) : "", message ?? "");
  }
  const reply = (await connection.script(script, [channelStream(channel), watermarksOf(channel)], args)) as Reply[];
  const [appended, length, ...refused] = reply;
  return { appended: Number(appended), length: Number(length), refused: new Set(refused.map((id) => text(id))) };
}

export function channelStream(channel: string): string {
  return `nba:channel:${channel}`;
}

/** How far a partition has come in one channel. */
export interface SentMark {
  /** Everything up to here was sent or refused. */
  readonly seq: number;
  readonly ordinal: number;
  /** Of the last ones these ids were refused. */
  readonly refused: ReadonlySet<string>;
}

export async function readMark(
  connection: RedisConnection,
  channel: string,
  partition: PartitionIndex,
): Promise<SentMark> {
  const fields = [String(partition), `${partition}:refused`];
  const reply = (await connection.command(["HMGET", watermarksOf(channel), ...fields])) as readonly Reply[];
  const [seq = 0, ordinal = 0] = text(reply[0]).split("-").map(Number);
  return { seq, ordinal, refused: new Set(text(reply[1]).split(" ")) };
}

/** Hash: partition -> id of the last message that was sent or refused. */
export function watermarksOf(channel: string): string {
  return `{${channelStream(channel)}}:from`;
}
