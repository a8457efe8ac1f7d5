// One mover for each named stream, whichever engine it runs in. The lease only spares work: two movers at once append every
// entry once and in order all the same, for each begins at the oldest that is left and skips what was appended before.
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { type RedisConnection, redisScript, text } from "../journal/redis.ts";
import { sourceFile } from "../journal/source-file.ts";

export interface MoverLease {
  /** Takes or prolongs it: 0, or for how many milliseconds it is still another's. Rejects as commands do. */
  readonly hold: (connection: Pick<RedisConnection, "script" | "command">) => Promise<number>;
  /** Nobody else can have had it since it was held first, or since this was asked last. */
  readonly wasSure: () => boolean;
  /**
   * The number of this history of the stream, at least `least`; as before where the history is. Rejects as commands do, and where
   * the lease is another's.
   */
  readonly generation: (connection: Pick<RedisConnection, "script">, history: string, least: number) => Promise<number>;
  /** Rejects as commands do; then it runs out by itself. */
  readonly giveBack: (connection: Pick<RedisConnection, "script">) => Promise<void>;
}

export interface MoverLeaseOptions {
  readonly stream: string;
  /** The engine: what it held before it lost its connection it need not wait for. */
  readonly owner: string;
  readonly leaseMs: number;
  /** It runs no more, for certain: its lease is not waited for. */
  readonly isGone?: (owner: string) => boolean;
}

const leaseScript = redisScript(readFileSync(sourceFile("engine/ingest/mover-lease.lua"), "utf8"));
const generationScript = redisScript(readFileSync(sourceFile("engine/ingest/mover-generation.lua"), "utf8"));

export function createMoverLease({ stream, owner, leaseMs, isGone }: MoverLeaseOptions): MoverLease {
  const keys = [`nba:mover:${stream}`];
  /** By performance.now(); undefined: not held. */
  let sureUntil: number | undefined;
  let isBroken = false;
  const run = async (connection: Pick<RedisConnection, "script">, ms: number, gone = ""): Promise<number> =>
    Number(await connection.script(leaseScript, keys, [owner, String(ms), gone]));
  return {
    hold: async (connection) => {
      const sentAt = performance.now();
      let leftMs = await run(connection, leaseMs);
      if (leftMs > 0 && isGone !== undefined) {
        const holder = text(await connection.command(["HGET", keys[0] as string, "owner"]));
        if (isGone(holder)) leftMs = await run(connection, leaseMs, holder);
      }
      if (sureUntil !== undefined && performance.now() >= sureUntil) isBroken = true;
      sureUntil = leftMs > 0 ? undefined : sentAt + leaseMs;
      return leftMs;
    },
    wasSure: () => {
      const isSure = !isBroken && sureUntil !== undefined && performance.now() < sureUntil;
      isBroken = false;
      return isSure;
    },
    generation: async (connection, history, least) => {
      const args = [owner, history, String(least), String(1 + randomInt(2 ** 24))];
      const found = text(await connection.script(generationScript, keys, args));
      if (found === "") throw new Error(`another engine moves ${stream} by now`);
      return Number(found);
    },
    giveBack: async (connection) => {
      sureUntil = undefined;
      await run(connection, 0);
    },
  };
}
