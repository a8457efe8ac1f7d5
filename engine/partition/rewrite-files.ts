// The files of one server of Redis, written anew: what is in no key any more is in them still, in the append-only file as in a snapshot.
import { type RedisConnection, RedisTrouble, type Reply, text } from "../journal/redis.ts";

export interface RewriteFilesOptions {
  readonly isStopped: () => boolean;
  /** What could not be done, and need not have been: nobody can tell whether there is a snapshot. */
  readonly onLeft: (why: string) => void;
}

type Command = RedisConnection["command"];

const PROGRESS = ["aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress"];
const POLL_MS = 50;

/** Resolves when they are written. Rejects as commands do, and where Redis could not write one that it keeps. */
export async function rewriteFiles(command: Command, { isStopped, onLeft }: RewriteFilesOptions): Promise<void> {
  await idle(command, isStopped);
  if ((await persistence(command)).get("aof_enabled") === "1") {
    await command(["BGREWRITEAOF"]);
    await idle(command, isStopped);
    if ((await persistence(command)).get("aof_last_bgrewrite_status") !== "ok")
      throw new Error("Redis could not write its append-only file anew");
  }
  const snapshot = await hasSnapshot(command);
  if (snapshot === "no") return;
  try {
    await command(["BGSAVE"]);
  } catch (error) {
    if (snapshot === "yes" || !isForbidden(error)) throw error;
    const { message } = error as Error;
    onLeft(
      `neither CONFIG GET nor BGSAVE is allowed: where Redis keeps snapshots the next one forgets them: ${message}`,
    );
    return;
  }
  await idle(command, isStopped);
  if ((await persistence(command)).get("rdb_last_bgsave_status") !== "ok")
    throw new Error("Redis could not write its snapshot anew");
}

/**
 * Is there one that may name who is erased? It may be from before this server was started, and the next shutdown may write another.
 * Where none is kept none should be made: it would be one more file with everybody in it.
 */
async function hasSnapshot(command: Command): Promise<"yes" | "no" | "unknown"> {
  const told = await persistence(command);
  if (Number(told.get("rdb_saves")) > 0) return "yes";
  // With an append-only file it was that which was loaded.
  if (told.get("aof_enabled") !== "1" && Number(told.get("rdb_last_load_keys_loaded")) > 0) return "yes";
  try {
    const [, save] = (await command(["CONFIG", "GET", "save"])) as readonly Reply[];
    if (save === undefined) return "unknown";
    return text(save) === "" ? "no" : "yes";
  } catch (error) {
    if (!isForbidden(error)) throw error;
    return "unknown";
  }
}

/** By the rules for this user, or by whoever runs the server. */
function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error) || error instanceof RedisTrouble) return false;
  return /^NOPERM |^ERR unknown (?:sub)?command/i.test(error.message);
}

async function idle(command: Command, isStopped: () => boolean): Promise<void> {
  for (;;) {
    const told = await persistence(command);
    if (PROGRESS.every((name) => told.get(name) !== "1")) return;
    if (isStopped()) throw new Error("stopped while Redis wrote its files anew");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function persistence(command: Command): Promise<ReadonlyMap<string, string>> {
  const lines = text(await command(["INFO", "persistence"])).split("\r\n");
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}
