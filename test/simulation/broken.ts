// Builds of the engine that lack one thing, for the proof that the simulation misses it.
import type { RedisConnection } from "../../engine/journal/redis.ts";
import { APPEND_ONCE, COMMIT } from "./observer.ts";

export interface Broken {
  /** What is run for a script's source. */
  readonly rewrite: (source: string) => string;
  readonly connection?: (real: RedisConnection) => RedisConnection;
}

/** Without the part between `from` and `to`; throws where the script has no such part. */
function without(script: string, from: string, to: string): (source: string) => string {
  const start = script.indexOf(from);
  const end = script.indexOf(to, start);
  if (start < 0 || end < 0) throw new Error(`the script has no part from "${from}" to "${to}" any more`);
  const changed = script.slice(0, start) + script.slice(end);
  return (source) => (source === script ? changed : source);
}

export const BROKEN: Readonly<Record<string, () => Broken>> = {
  /** A commit is taken from anybody. */
  fencing: () => ({
    rewrite: without(COMMIT, "if held ~= token", "-- These two"),
  }),
  /** What was appended before is appended again. */
  watermark: () => ({
    rewrite: without(APPEND_ONCE, "redis.call('HSET', KEYS[2], ARGV[1], mark_ms", "end\nreturn"),
  }),
  /** Answers leave while the commit is still on its way. */
  answers: () => ({
    rewrite: (source) => source,
    connection: (real) => ({
      ...real,
      script: async (script, keys, args) => {
        const sent = real.script(script, keys, args);
        if (script.source !== COMMIT_TEXT) return await sent;
        sent.catch(() => undefined);
        return Array<string>(Number(args[0])).fill("OK");
      },
    }),
  }),
};

const COMMIT_TEXT = Buffer.from(COMMIT, "latin1").toString("utf8");
