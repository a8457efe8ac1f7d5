import { existsSync } from "node:fs";
import { join } from "node:path";
import { configOf } from "./config-of.ts";
import { CommandTrouble } from "./terminal.ts";

/** The Redis to read: that of an engine or demo on this machine where none is named. */
export function redisUrlOf(env: NodeJS.ProcessEnv): string {
  const { redisUrl: given, stateDir } = configOf(env);
  if (given !== undefined) return given;
  for (const name of ["redis", "demo"]) {
    const socket = join(stateDir, name, "redis.sock");
    if (existsSync(socket)) return `unix://${socket}`;
  }
  throw new CommandTrouble("REDIS_URL is not set, and no engine runs its own Redis here: set REDIS_URL", 2);
}
