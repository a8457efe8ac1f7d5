import type { CustomerKey, PartitionIndex, RulebookHash } from "../domain/ids.ts";

/** Names of everything that one partition keeps in Redis: one hash tag, so one slot, so one script can touch them all. */
export interface PartitionKeys {
  readonly events: string;
  readonly journal: string;
  readonly timers: string;
  readonly walks: string;
  readonly checkpoint: string;
  readonly lease: string;
  readonly dead: string;
  readonly decisions: string;
  readonly seen: string;
}

const known: PartitionKeys[] = [];

export function partitionKeys(partition: PartitionIndex): PartitionKeys {
  // Every commit asks, and writing nine names costs as much as a command.
  const named = known[partition] ?? namesOf(partition);
  known[partition] = named;
  return named;
}

function namesOf(partition: PartitionIndex): PartitionKeys {
  const name = (kind: string): string => `nba:{${partition}}:${kind}`;
  return {
    events: name("events"),
    journal: name("journal"),
    timers: name("timers"),
    walks: name("walks"),
    checkpoint: name("checkpoint"),
    lease: name("lease"),
    dead: name("dead"),
    decisions: name("decisions"),
    seen: name("seen"),
  };
}

export function profileKey(partition: PartitionIndex, key: CustomerKey): string {
  return `nba:{${partition}}:profile:${key}`;
}

/** Hash: `partitions`, `seed` of the duplicate hash, `genesis` rulebook and who stored it. Fixed once a Redis holds data. */
export const CONFIG_KEY = "nba:config";
/** Hash: how far each erasure is, by salted hashes. */
export const ERASURES_KEY = "nba:erasures";
/** Taken by whoever writes the streams of all partitions anew. */
export const ERASING_KEY = "nba:erasing";
/** Hash: live engine -> until, since, address and partitions, as `journal/engines.ts` writes them. */
export const ENGINES_KEY = "nba:engines";
/** Stream: hash, version, by, at of every activation; the last one holds for everybody. */
export const ACTIVATIONS_KEY = "nba:activations";
/** Hash: layout hash -> its description, so that a record written under it can be read later. */
export const LAYOUTS_KEY = "nba:layouts";

/** The files of a rulebook and the hashes of its models. */
export function rulebookKey(hash: RulebookHash): string {
  return `nba:rulebook:${hash}`;
}

/** Hash of the files of one model, by the sha256 of its card: name, card, model, golden. */
export function modelKey(cardHash: string): string {
  return `nba:model:${cardHash}`;
}
