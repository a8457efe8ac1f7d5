// The Redis that a command reads or changes.
import { CONFIG_KEY } from "../journal/keys.ts";
import { openConnection } from "../journal/open-connection.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { LIMITS } from "../limits.ts";
import { redisUrlOf } from "./redis-url.ts";
import { CommandTrouble } from "./terminal.ts";

/** To be closed by the caller. Throws CommandTrouble where no engine ever kept anything there. */
export async function openRedis(): Promise<{ readonly connection: RedisConnection; readonly partitions: number }> {
  const connection = await openConnection({ url: redisUrlOf(process.env), silenceMs: LIMITS.silenceMs });
  try {
    const partitions = Number(text(await connection.command(["HGET", CONFIG_KEY, "partitions"])));
    if (partitions === 0) throw new CommandTrouble("this Redis holds no data of an engine", 1);
    return { connection, partitions };
  } catch (error) {
    connection.close();
    throw error;
  }
}
