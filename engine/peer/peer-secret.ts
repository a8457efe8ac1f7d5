// What engines on one Redis sign with: 32 random bytes in `nba:config`, written by the first. Never logged.
import { randomBytes } from "node:crypto";
import { CONFIG_KEY } from "../journal/keys.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import { Unavailable } from "../partition/trouble.ts";

const FIELD = "peerSecret";
const BYTES = 32;
/** Read again after this: a Redis that was emptied has another one. */
const FRESH_MS = 10_000;

export interface PeerSecret {
  /** Rejects with Unavailable where Redis was never reached. */
  readonly agreed: () => Promise<Buffer>;
  /** Undefined where it was never read here. */
  readonly known: () => Buffer | undefined;
}

export function createPeerSecret(connect: () => Promise<RedisConnection>): PeerSecret {
  let known: Buffer | undefined;
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<Buffer> | undefined;
  const read = async (): Promise<Buffer> => {
    try {
      known = await agreeOn(await connect());
      readAt = performance.now();
      return known;
    } catch (error) {
      if (known !== undefined) return known; // it hardly ever changes
      throw new Unavailable(error instanceof Error ? error.message : String(error));
    } finally {
      reading = undefined;
    }
  };
  const refresh = (): void => {
    if (performance.now() - readAt >= FRESH_MS) reading ??= read();
  };
  return {
    agreed: async () => {
      refresh();
      return known ?? (await (reading as Promise<Buffer>)); // who knows one does not wait for the next
    },
    known: () => {
      if (known !== undefined) refresh();
      return known;
    },
  };
}

async function agreeOn({ command }: RedisConnection): Promise<Buffer> {
  await command(["HSETNX", CONFIG_KEY, FIELD, randomBytes(BYTES).toString("hex")]);
  const secret = Buffer.from(text(await command(["HGET", CONFIG_KEY, FIELD])), "hex");
  if (secret.length !== BYTES) throw new Error(`${CONFIG_KEY} holds no ${FIELD} of ${BYTES} bytes`);
  return secret;
}
