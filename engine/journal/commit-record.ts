// What one commit says, as bytes. MessagePack written and read only by engines, so its extensions are in order here;
// features go as the raw bytes of their doubles: a replay must find them bit for bit.
import { Packr } from "msgpackr";
import type { DecisionRecord, ProfileView, Withdrawal } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, NameHash, PartitionIndex, Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";

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

const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false });

export function encodeCommit(record: CommitRecord): Buffer {
  const decisions = record.decisions.map((decision) => ({
    ...decision,
    input: { ...decision.input, profile: packView(decision.input.profile) },
  }));
  const learned = record.learned.map((change) => [change.treatment, change.trials, change.positives]);
  const { position, now, withdrawals, granted = [], relays = [], isolated = [], after, erased, forgot = [] } = record;
  const extras: Extras = {
    ...(granted.length === 0 ? {} : { granted }),
    ...(relays.length === 0 ? {} : { relays }),
    ...(isolated.length === 0 ? {} : { isolated }),
    ...(after === undefined ? {} : { after }),
    ...(erased === undefined ? {} : { erased }),
    ...(forgot.length === 0 ? {} : { forgot }),
  };
  const parts = [2, position, now, decisions, withdrawals, learned];
  return Buffer.from(packr.pack(Object.keys(extras).length === 0 ? parts : [...parts, extras]));
}

export function decodeCommit(payload: Buffer): CommitRecord {
  const [version, position, now, decisions, withdrawals, learned, extras] = packr.unpack(payload) as [
    number,
    Position,
    Instant,
    PackedDecision[],
    Withdrawal[],
    [NameHash, number, number][],
    Extras?,
  ];
  if (version !== 2) throw new Error(`journal entry of version ${version}: this engine reads version 2`);
  return {
    position,
    now,
    decisions: decisions.map((decision) => ({
      ...decision,
      input: { ...decision.input, profile: unpackView(decision.input.profile) },
    })),
    withdrawals,
    learned: learned.map(([treatment, trials, positives]) => ({ treatment, trials, positives })),
    ...extras,
  };
}

type PackedView = Omit<ProfileView, "features"> & { readonly features: Buffer };
type PackedDecision = Omit<DecisionRecord, "input"> & {
  readonly input: Omit<DecisionRecord["input"], "profile"> & { readonly profile: PackedView };
};

function packView(view: ProfileView): PackedView {
  const { buffer, byteOffset, byteLength } = view.features;
  return { ...view, features: Buffer.from(buffer, byteOffset, byteLength) };
}

function unpackView(view: PackedView): ProfileView {
  const bytes = new Uint8Array(view.features); // a copy: aligned, and independent of the reply that it came in
  return { ...view, features: new Float64Array(bytes.buffer) };
}

/** Does this commit come right after the one numbered `previous` (0: there was none)? Else some are missing between them. */
export function follows(previous: CommitSeq, seq: CommitSeq, { after }: Pick<CommitRecord, "after">): boolean {
  return (after ?? seq - 1) === previous;
}
