import { Packr } from "msgpackr";
import type { CommitSeq, CustomerKey, NameHash, PartitionIndex, Position, RulebookHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";

/**
 * Checkpoint of the state of a partition, apart from its profiles, as it was right after commit `seq`. It is written
 * once every profile that was changed up to that commit has been written back, so recovery folds again from here only.
 */
export interface Base {
  readonly seq: CommitSeq;
  readonly position: Position;
  readonly rulebook: RulebookHash;
  readonly skewMs: number;
  readonly lastNow: Instant;
  /** Hashes that the duplicate window has taken so far; its ring in Redis is complete up to here. */
  readonly seenHead: number;
  /** Entries of the input log so far, by what became of them. */
  readonly counts: EntryCounts;
  readonly learned: readonly (readonly [NameHash, number, number])[];
  /** Line of a quota, granted, spent: see partition/quota-ledger.ts. */
  readonly quotas: readonly (readonly [string, number, number])[];
  /** Runs of campaigns: `<campaign>/<from>`, customers decided for, and offered something. */
  readonly campaigns: readonly (readonly [string, number, number])[];
  /** Relays of the commits so far that may not have arrived, oldest first. */
  readonly outbox: readonly OutboxEntry[];
  /** Keys whose traces are still to be erased: see partition/erase-pass.ts. */
  readonly erasing: readonly ErasingEntry[];
}

export interface ErasingEntry {
  readonly key: CustomerKey;
  readonly erasure: string;
  readonly upTo: Position;
  readonly seq: CommitSeq;
  readonly of: CustomerKey | undefined;
}

/** An entry for the log of another partition. `id` is `<seq>-<ordinal>`. */
export interface OutboxEntry {
  readonly id: string;
  readonly seq: number;
  readonly to: PartitionIndex;
  readonly fields: readonly (string | Buffer)[];
}

export interface EntryCounts {
  readonly folded: number;
  readonly duplicate: number;
  readonly dead: number;
  /** Timers, turns of campaigns, delivery notes, activations: written by engines, not by producers. */
  readonly internal: number;
  /** That somebody else trimmed or deleted before they were folded; left out: none. */
  readonly lost?: number;
}

/** How many entries these are in all. */
export function entriesOf({ folded, duplicate, dead, internal, lost = 0 }: EntryCounts): number {
  return folded + duplicate + dead + internal + lost;
}

const packr = new Packr({ useRecords: false });

export function encodeBase(base: Base): Buffer {
  return Buffer.from(packr.pack({ version: 1, ...base }));
}

export function decodeBase(bytes: Buffer): Base {
  const { version, ...base } = packr.unpack(bytes) as Omit<Base, "quotas" | "outbox" | "erasing"> &
    Partial<Base> & { version: number };
  if (version !== 1) throw new Error(`checkpoint of version ${version}: this engine reads version 1`);
  // Checkpoints from before there were quotas or relays have none, nor erasures.
  return { ...base, quotas: base.quotas ?? [], outbox: base.outbox ?? [], erasing: base.erasing ?? [] };
}
