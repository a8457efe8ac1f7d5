// What one commit says, as bytes. MessagePack written and read only by engines, so its extensions are in order here;
// doubles that a replay must find bit for bit go as their raw bytes (packed-decision.ts).
import { Unpackr } from "msgpackr";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, NameHash, PartitionIndex, Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { MessageWriter } from "./message-writer.ts";
import {
  type NamedDecision,
  type PackedDecision,
  unpackDecision,
  unpackNamed,
  writeDecision,
} from "./packed-decision.ts";

/** Change of the evidence for one treatment. */
export interface Learned {
  readonly treatment: NameHash;
  readonly trials: number;
  readonly positives: number;
}

/** Units of a quota that the partition may spend in all, by line: see partition/quota-ledger.ts. */
export interface Granted {
  readonly line: string;
  readonly granted: number;
}

/** An entry that this commit sends to the log of a partition, its own or another. */
export interface Relay {
  readonly to: PartitionIndex;
  readonly fields: readonly (string | Buffer)[];
}

export interface CommitRecord {
  /** Last entry of the input log that was folded before its decisions. */
  readonly position: Position;
  /** The one `now` of its decisions. */
  readonly now: Instant;
  /** In the order in which they were decided. */
  readonly decisions: readonly DecisionRecord[];
  readonly withdrawals: readonly Withdrawal[];
  readonly learned: readonly Learned[];
  /** What its decisions spend from; undefined: nothing was granted or given back. */
  readonly granted?: readonly Granted[];
  /** In the order in which they were brought about. */
  readonly relays?: readonly Relay[];
  /** The commit before this one, where that is not the number before: the first commit of an owner begins at its epoch. */
  readonly after?: CommitSeq;
  /** Entries that it passed without folding them: each is a dead letter. In the order of the log. */
  readonly isolated?: readonly Position[];
  /** Keys that were erased by its entries: their profiles are gone, so no replay could find out which they were. */
  readonly forgot?: readonly CustomerKey[];
  /** What its decisions of customers who were erased since leave behind. */
  readonly erased?: ErasedCounts;
}

/** Numbers about decisions by which nobody can be found. */
export interface ErasedCounts {
  readonly decisions: number;
  /** As their records had it: by id of quota. */
  readonly spent: readonly { readonly quota: string; readonly units: number }[];
  /** Of runs of campaigns. */
  readonly turns: readonly { readonly run: string; readonly asked: number; readonly acted: number }[];
}

/** What a commit may say besides; read by name, so that what most commits lack costs them nothing. */
interface Extras {
  readonly granted?: readonly Granted[];
  readonly relays?: readonly Relay[];
  readonly erased?: ErasedCounts;
  readonly forgot?: readonly CustomerKey[];
  readonly after?: CommitSeq;
  readonly isolated?: readonly Position[];
}

const unpackr = new Unpackr({ useRecords: false });
const writer = new MessageWriter();

const VERSION = 3;
const OLDEST_VERSION = 2;

export function encodeCommit(record: CommitRecord): Buffer {
  const { position, now, decisions, withdrawals, learned } = record;
  const extras = extrasOf(record);
  const hasExtras = Object.keys(extras).length > 0;
  writer.open();
  writer.array(hasExtras ? 7 : 6);
  writer.number(VERSION);
  writer.string(position);
  writer.number(now);
  writer.array(decisions.length);
  for (const decision of decisions) writeDecision(writer, decision);
  writer.value(withdrawals);
  writer.array(learned.length);
  for (const { treatment, trials, positives } of learned) {
    writer.array(3);
    writer.number(treatment);
    writer.number(trials);
    writer.number(positives);
  }
  if (hasExtras) writer.value(extras);
  return writer.close();
}

function extrasOf(record: CommitRecord): Extras {
  const { granted = [], relays = [], isolated = [], after, erased, forgot = [] } = record;
  return {
    ...(granted.length === 0 ? {} : { granted }),
    ...(relays.length === 0 ? {} : { relays }),
    ...(isolated.length === 0 ? {} : { isolated }),
    ...(after === undefined ? {} : { after }),
    ...(erased === undefined ? {} : { erased }),
    ...(forgot.length === 0 ? {} : { forgot }),
  };
}

/** Throws where the version is none that this engine reads. */
export function decodeCommit(payload: Buffer): CommitRecord {
  const [version, position, now, decisions, withdrawals, learned, extras] = unpackr.unpack(payload) as [
    number,
    Position,
    Instant,
    (PackedDecision | NamedDecision)[],
    Withdrawal[],
    [NameHash, number, number][],
    Extras?,
  ];
  if (version < OLDEST_VERSION || version > VERSION)
    throw new Error(`journal entry of version ${version}: this engine reads versions ${OLDEST_VERSION} to ${VERSION}`);
  return {
    position,
    now,
    decisions: decisions.map((decision) => ("id" in decision ? unpackNamed(decision) : unpackDecision(decision))),
    withdrawals,
    learned: learned.map(([treatment, trials, positives]) => ({ treatment, trials, positives })),
    ...extras,
  };
}

/** Does this commit come right after the one numbered `previous` (0: there was none)? Else some are missing between them. */
export function follows(previous: CommitSeq, seq: CommitSeq, { after }: Pick<CommitRecord, "after">): boolean {
  return (after ?? seq - 1) === previous;
}
