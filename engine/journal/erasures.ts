// How far the erasures are: a hash `nba:erasures`, one field for each key of one, of which nothing but salted hashes is kept.
import { createHmac, randomBytes } from "node:crypto";
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { CONFIG_KEY, ERASURES_KEY } from "./keys.ts";
import { type RedisConnection, type Reply, text } from "./redis.ts";

/**
 * `announced`: about to be noted in a log. `asked`: found there, and being carried out. `passed`: in no stream and no profile any more, only a checkpoint may name it.
 * `rewritten`: none does. `done`: Redis has written its files anew since.
 */
export type ErasureState = "announced" | "asked" | "passed" | "rewritten" | "done";

export interface ErasureField {
  readonly erasure: string;
  readonly partition: PartitionIndex;
  readonly state: ErasureState;
  /** When it came to be so, ms since 1970. */
  readonly at: number;
  /** As `nba:erasures` knows it. */
  readonly field: string;
}

export interface Erasures {
  /** Of a person: the same whenever it is asked for, and nobody can tell from it whose it is. */
  readonly idOf: (key: CustomerKey) => Promise<string>;
  readonly note: (erasure: string, partition: PartitionIndex, key: CustomerKey, state: ErasureState) => Promise<void>;
  readonly all: () => Promise<readonly ErasureField[]>;
  readonly set: (fields: readonly ErasureField[], state: ErasureState) => Promise<void>;
  readonly forget: (fields: readonly ErasureField[]) => Promise<void>;
}

export function createErasures({ command }: Pick<RedisConnection, "command">, clock: () => number): Erasures {
  let salt: Promise<string> | undefined;
  const hashOf = async (key: CustomerKey): Promise<string> => {
    salt ??= saltOf(command).catch((error: unknown) => {
      salt = undefined;
      throw error;
    });
    return createHmac("sha256", await salt)
      .update(key)
      .digest("hex")
      .slice(0, 32);
  };
  const value = (state: ErasureState): string => `${state} ${clock()}`;
  return {
    idOf: hashOf,
    note: async (erasure, partition, key, state) => {
      await command(["HSET", ERASURES_KEY, fieldOf(erasure, partition, await hashOf(key)), value(state)]);
    },
    all: async () => {
      const flat = (await command(["HGETALL", ERASURES_KEY])) as readonly Reply[];
      const found: ErasureField[] = [];
      for (let index = 0; index < flat.length; index += 2) {
        const field = text(flat[index]);
        const [erasure = "", partition] = field.split(":");
        const [state, at] = text(flat[index + 1]).split(" ");
        const place = Number(partition) as PartitionIndex;
        found.push({ erasure, partition: place, state: state as ErasureState, at: Number(at), field });
      }
      return found;
    },
    set: async (fields, state) => {
      for (const { field } of fields) await command(["HSET", ERASURES_KEY, field, value(state)]);
    },
    forget: async (fields) => {
      if (fields.length > 0) await command(["HDEL", ERASURES_KEY, ...fields.map(({ field }) => field)]);
    },
  };
}

/** `keyHash`: idOf(key), which of the person itself is the erasure. */
export function fieldOf(erasure: string, partition: PartitionIndex, keyHash: string): string {
  return `${erasure}:${partition}:${keyHash}`;
}

async function saltOf(command: RedisConnection["command"]): Promise<string> {
  await command(["HSETNX", CONFIG_KEY, "salt", randomBytes(32).toString("hex")]);
  return text(await command(["HGET", CONFIG_KEY, "salt"]));
}
