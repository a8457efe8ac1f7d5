// The port to what is durable; redis-journal.ts is its adapter.
import type { CommitSeq, CustomerKey, DecisionId, PartitionIndex, Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";

/** An entry of an input log as read: flat list of field, value, field, value ... */
export interface RawEntry {
  readonly position: Position;
  readonly fields: readonly Buffer[];
}

/** Everything that one commit writes, all or nothing. */
export interface CommitDraft {
  readonly partition: PartitionIndex;
  readonly previous: CommitSeq;
  readonly seq: CommitSeq;
  /** Last entry of the input log that it reflects. */
  readonly position: Position;
  /** Encoded CommitRecord. */
  readonly payload: Buffer;
  /** `items`: tracking codes that it gave out, `<id>.0` to `<id>.<items - 1>`. */
  readonly decisions: readonly { readonly id: DecisionId; readonly items: number; readonly key: CustomerKey }[];
  /** Timers of customers; NEVER: known, and nothing is due. */
  readonly armed: readonly { readonly key: CustomerKey; readonly due: Instant }[];
  readonly dead: readonly {
    readonly position: Position;
    readonly reason: string;
    readonly detail: string;
    readonly source: string;
    readonly bytes: Buffer;
  }[];
  readonly profiles: readonly { readonly key: CustomerKey; readonly bytes: Buffer }[];
  /** Whose profile and timer go, before anything of theirs is written. */
  readonly forgotten: readonly CustomerKey[];
  readonly base: Buffer | undefined;
  /** Pieces of the ring of duplicate hashes to overwrite. */
  readonly seen: readonly { readonly offset: number; readonly bytes: Buffer }[];
}

export type Acquired =
  | {
      readonly kind: "acquired";
      readonly token: string;
      /** Above every earlier epoch and commit of this partition, even those that a failover lost: commits go on from here. */
      readonly epoch: number;
      readonly seq: CommitSeq;
      readonly position: Position;
      readonly base: Buffer | undefined;
    }
  | { readonly kind: "held"; readonly owner: string; readonly remainingMs: number }
  | { readonly kind: "broken"; readonly why: string };

/** Anything but `ok`, and any rejection, means: the outcome is unknown or the partition is no longer ours. Do not retry; recover. */
export type CommitReply = { readonly kind: "ok" } | { readonly kind: "refused"; readonly why: string };

/** How an input log stands: what tells that others have trimmed it. */
export interface LogState {
  /** Entries ever; undefined where the server does not count them. */
  readonly added: number | undefined;
  /** Entries that are still there. */
  readonly length: number;
  /** The highest one that was deleted by itself; `0-0` where none was. */
  readonly lastDeleted: Position;
}

/** Where the journal of a partition stands. */
export interface JournalHead {
  /** 0 before the first commit. */
  readonly seq: CommitSeq;
  readonly position: Position;
  readonly base: Buffer | undefined;
}

/** By the index of decisions, or by the register of customers. */
export type Known = { readonly decision: DecisionId } | { readonly customer: CustomerKey };

export interface Journal {
  readonly acquire: (partition: PartitionIndex) => Promise<Acquired>;
  readonly renew: (partition: PartitionIndex, token: string, ms: number) => Promise<boolean>;
  /** Writes fields of the checkpoint, one at least, that are no part of a commit; false where another owner holds the partition. */
  readonly note: (
    partition: PartitionIndex,
    token: string,
    fields: Readonly<Record<string, string>>,
  ) => Promise<boolean>;
  readonly commit: (token: string, draft: CommitDraft) => Promise<CommitReply>;
  /** Payloads of commits with seq >= from, in order, at most `countMax`. */
  readonly commits: (
    partition: PartitionIndex,
    from: CommitSeq,
    countMax: number,
  ) => Promise<readonly { readonly seq: CommitSeq; readonly payload: Buffer }[]>;
  /** The same, of commits with seq < before, newest first; of all where it is undefined. */
  readonly commitsBefore: (
    partition: PartitionIndex,
    before: CommitSeq | undefined,
    countMax: number,
  ) => Promise<readonly { readonly seq: CommitSeq; readonly payload: Buffer }[]>;
  /** Entries of the input log in (after, upTo], in order, at most `countMax`; fewer where they are large, none only where there are none. */
  readonly entries: (
    partition: PartitionIndex,
    after: Position,
    upTo: Position | undefined,
    countMax: number,
  ) => Promise<readonly RawEntry[]>;
  /** The same of those before this one, newest first; from its end where it is undefined. */
  readonly entriesBefore: (
    partition: PartitionIndex,
    before: Position | undefined,
    countMax: number,
  ) => Promise<readonly RawEntry[]>;
  /** What the checkpoint says, for those who only read: no lease is taken. */
  readonly head: (partition: PartitionIndex) => Promise<JournalHead>;
  readonly logState: (partition: PartitionIndex) => Promise<LogState>;
  /** The last entry of the input log; `0-0` where it is empty. */
  readonly lastEntry: (partition: PartitionIndex) => Promise<Position>;
  /** Packed profiles by key; undefined where none is stored. */
  readonly profiles: (
    partition: PartitionIndex,
    keys: readonly CustomerKey[],
  ) => Promise<readonly (Buffer | undefined)[]>;
  readonly seen: (partition: PartitionIndex) => Promise<Buffer | undefined>;
  readonly findDecision: (
    partition: PartitionIndex,
    id: DecisionId,
  ) => Promise<{ readonly seq: CommitSeq; readonly items: number; readonly key: CustomerKey } | undefined>;
  /** For what time the timer of each is armed; NEVER where it is for none, undefined where the customer is not known. */
  readonly armed: (
    partition: PartitionIndex,
    keys: readonly CustomerKey[],
  ) => Promise<readonly (Instant | undefined)[]>;
  /** Armed timers that are due, earliest first, at most `countMax`. */
  readonly due: (
    partition: PartitionIndex,
    now: Instant,
    countMax: number,
  ) => Promise<readonly { readonly key: CustomerKey; readonly due: Instant }[]>;
  /** When the earliest timer is due; NEVER where none is armed. */
  readonly nextDue: (partition: PartitionIndex) => Promise<Instant>;
  /** Appends to the input log; resolves with its position when Redis has it. */
  readonly append: (partition: PartitionIndex, fields: readonly (string | Buffer)[]) => Promise<Position>;
  /**
   * The same of what an engine itself notes of a decision or a customer; undefined: it is not appended, since neither is known
   * any more. Erased or let go by retention: there is nothing left that the note could change.
   */
  readonly appendKnown: (
    partition: PartitionIndex,
    of: Known,
    fields: readonly (string | Buffer)[],
  ) => Promise<Position | undefined>;
}
