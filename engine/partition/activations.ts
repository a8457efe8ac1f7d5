// Which rulebook is to decide, for everybody on one Redis: the last entry of `nba:activations`. It is written first, then
// the input log of each partition is told. What is missing there, because Redis or the process failed in between, whoever
// owns the partition makes up for; so an activation happens everywhere or, where it was never written, nowhere.
import type { PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { encodeActivation } from "../ingest/log-entry.ts";
import type { Journal } from "../journal/journal.ts";
import { ACTIVATIONS_KEY, CONFIG_KEY } from "../journal/keys.ts";
import { type RedisConnection, type Reply, text } from "../journal/redis.ts";
import { rawEntries } from "../journal/redis-journal.ts";

export interface Activation {
  /** Undefined for the genesis rulebook, which no activation made active. */
  readonly entry: Position | undefined;
  readonly hash: RulebookHash;
  readonly version: string;
  readonly by: string;
  readonly at: Instant;
}

const KEPT_MAX = 1_000;

/** Oldest first, genesis included; empty on a Redis without data. */
export async function activations(connection: RedisConnection): Promise<readonly Activation[]> {
  const genesisFields = ["HMGET", CONFIG_KEY, "genesis", "genesisBy"];
  const [genesis, genesisBy] = (await connection.command(genesisFields)) as readonly Reply[];
  if (genesis === null || genesis === undefined) return [];
  const first = { entry: undefined, hash: text(genesis) as RulebookHash, version: "", by: text(genesisBy) };
  const entries = rawEntries(await connection.command(["XRANGE", ACTIVATIONS_KEY, "-", "+"]));
  return [{ ...first, at: 0 as Instant }, ...entries.map(activationOf)];
}

/** The last one that was written; undefined where none ever was. */
export async function lastActivation(connection: RedisConnection): Promise<Activation | undefined> {
  const [last] = rawEntries(await connection.command(["XREVRANGE", ACTIVATIONS_KEY, "+", "-", "COUNT", "1"]));
  return last === undefined ? undefined : activationOf(last);
}

/** The one before the last that has another rulebook than the last: what a rollback goes back to. */
export function previousOf(history: readonly Activation[]): Activation | undefined {
  const last = history.at(-1);
  return history.findLast(({ hash }) => hash !== last?.hash);
}

/**
 * Makes a rulebook that Redis holds the active one. Rejects where it is not known to be written; returns for each partition
 * the entry that tells its log, undefined where it could not be told, which its owner makes up for.
 */
export async function activate(
  connection: RedisConnection,
  journal: Pick<Journal, "append">,
  partitions: number,
  activation: Omit<Activation, "entry">,
): Promise<readonly (Position | undefined)[]> {
  const { hash, version, by, at } = activation;
  const fields = ["hash", hash, "version", version, "by", by, "at", String(at)];
  await connection.command(["XADD", ACTIVATIONS_KEY, "MAXLEN", "~", String(KEPT_MAX), "*", ...fields]);
  const indexes = Array.from({ length: partitions }, (_, index) => index as PartitionIndex);
  const told = await Promise.allSettled(indexes.map((index) => journal.append(index, encodeActivation(hash, by))));
  return told.map((one) => (one.status === "fulfilled" ? one.value : undefined));
}

function activationOf({ position, fields }: { position: Position; fields: readonly Buffer[] }): Activation {
  const found = new Map<string, string>();
  for (let at = 0; at + 1 < fields.length; at += 2) found.set(text(fields[at]), text(fields[at + 1]));
  return {
    entry: position,
    hash: (found.get("hash") ?? "") as RulebookHash,
    version: found.get("version") ?? "",
    by: found.get("by") ?? "",
    at: Number(found.get("at")) as Instant,
  };
}
