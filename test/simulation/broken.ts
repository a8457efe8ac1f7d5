// Builds of the engine that lack one thing, for the proof that the simulation misses it.
import type { RedisConnection } from "../../engine/journal/redis.ts";
import type { Chance } from "../decide/chance.ts";
import type { Fate } from "./network.ts";
import { APPEND_ONCE, COMMIT } from "./observer.ts";

export interface Broken {
  /** What is run for a script's source. */
  readonly rewrite: (source: string) => string;
  readonly connection?: (real: RedisConnection) => RedisConnection;
  /** What becomes of a commit on its way besides what else goes wrong: chosen so that what is lacking shows soon. */
  readonly commitFate?: (chance: Chance) => Fate | undefined;
}

/** Without the part between `from` and `to`; throws where the script has no such part. */
function without(script: string, from: string, to: string): (source: string) => string {
  const start = script.indexOf(from);
  const end = script.indexOf(to, start);
  if (start < 0 || end < 0) throw new Error(`the script has no part from "${from}" to "${to}" any more`);
  const changed = script.slice(0, start) + script.slice(end);
  return (source) => (source === script ? changed : source);
}

/** It arrives after its sender has given it up, about when the partition is taken anew. */
function late(chance: Chance): Fate | undefined {
  return chance.is(0.1) ? { kind: "late", lateMs: 5 + chance.below(200) } : undefined;
}

export const BROKEN: Readonly<Record<string, () => Broken>> = {
  /** A commit is taken from anybody. */
  fencing: () => ({
    rewrite: without(COMMIT, "if redis.call('HGET', KEYS[2], 'token')", "local expected"),
    commitFate: late,
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
        return "OK";
      },
    }),
  }),
};

const COMMIT_TEXT = Buffer.from(COMMIT, "latin1").toString("utf8");
