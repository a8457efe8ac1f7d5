import { readFileSync } from "node:fs";
import type { Position } from "../domain/ids.ts";
import { type RedisConnection, redisScript, text } from "../journal/redis.ts";
import { sourceFile } from "../journal/source-file.ts";
import { idAfter } from "./append-once.ts";

const script = redisScript(readFileSync(sourceFile("engine/ingest/trim-moved.lua"), "utf8"));

/**
 * Trims a named stream up to the last entry that was moved: how many went, or `anew` where the stream was made anew with lower ids,
 * and stands as it is. Rejects as commands do.
 */
export async function trimMoved(
  connection: Pick<RedisConnection, "script">,
  stream: string,
  last: Position,
): Promise<number | "anew"> {
  const reply = text(await connection.script(script, [stream], [last, idAfter(last)]));
  return reply === "ANEW" ? "anew" : Number(reply);
}
