import type { Contact, ContactState } from "../domain/contact.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, DecisionId, NameHash, PartitionIndex, Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { SeenWindow } from "../ingest/seen-window.ts";
import type { Base, EntryCounts } from "../journal/base.ts";
import type { Learned } from "../journal/commit-record.ts";
import type { CommitDraft } from "../journal/journal.ts";
import type { EvidenceByTreatment } from "../learn/evidence.ts";
import type { ProfileStore } from "../profile/store.ts";
import type { Trigger } from "../rulebook/triggers.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";

/**
 * Everything that a process holds in memory of one partition that it owns. It runs ahead of what is committed by at most
 * the commit under way and the step being computed; where a commit fails, all of it is dropped and recovered.
 */
export interface Partition {
  readonly index: PartitionIndex;
  readonly token: string;
  readonly epoch: number;
  readonly store: ProfileStore;
  readonly seen: SeenWindow;
  readonly evidence: EvidenceByTreatment;
  /** Profiles changed since they were last written -> number of the entry that changed them first. Oldest first. */
  readonly dirty: Map<CustomerKey, number>;
  active: ActiveRulebook;
  /** Of the last commit submitted. */
  seq: CommitSeq;
  /** Of the last commit that Redis acknowledged. */
  committed: CommitSeq;
  /** Last entry of the input log that was folded. */
  position: Position;
  /** Engine time minus the time of Redis: 0 unless a replay drives the clock. */
  skewMs: number;
  lastNow: Instant;
  /** Counted in place: a checkpoint takes a copy. */
  readonly counts: { -readonly [Kind in keyof EntryCounts]: number };
  /** Entries folded and decisions made so far: how much there is to do again, in differences of it. */
  ordinal: number;
  /** When the earliest timer is due. */
  nextDue: Instant;
  /** Taken at a commit, written once every profile changed before it has been written. */
  pendingBase: { readonly base: Base; readonly seen: CommitDraft["seen"]; readonly ordinal: number } | undefined;
  /** Ordinal and ring head of the base that is stored. */
  storedBase: { readonly ordinal: number; readonly seenHead: number };
  /** What the next commit will write. */
  draft: Draft;
}

/** An event that asks for a decision: its feature row was copied as it was folded. */
export interface Triggered {
  readonly trigger: Trigger;
  readonly event: CustomerEvent;
  readonly features: Float64Array;
  /** When Redis took the event, ms since 1970. */
  readonly takenMs: number;
}

export interface Draft {
  readonly decisions: DecisionRecord[];
  readonly withdrawals: Withdrawal[];
  readonly learned: Learned[];
  readonly dead: CommitDraft["dead"][number][];
  /** Customers whose contacts changed: their timer is armed anew. */
  readonly rearm: Set<CustomerKey>;
  /** In the order of the log, to be decided before the commit. */
  readonly triggered: Triggered[];
  /** For metrics: when Redis took the event of a triggered decision; states that contacts took, by channel. */
  readonly takenMs: Map<DecisionId, number>;
  readonly states: { readonly channel: NameHash; readonly state: ContactState }[];
  /** Something must be durable, not only folded again. */
  urgent: boolean;
}

export function emptyDraft(): Draft {
  return {
    decisions: [],
    withdrawals: [],
    learned: [],
    dead: [],
    rearm: new Set(),
    triggered: [],
    takenMs: new Map(),
    states: [],
    urgent: false,
  };
}

/** Does the next step have to commit this partition? Plain events need no commit: the log has them. */
export function mustCommit({ draft }: Partition): boolean {
  return (
    draft.urgent ||
    draft.decisions.length > 0 ||
    draft.withdrawals.length > 0 ||
    draft.learned.length > 0 ||
    draft.dead.length > 0 ||
    draft.rearm.size > 0
  );
}

export function touch(partition: Partition, key: CustomerKey): void {
  if (!partition.dirty.has(key)) partition.dirty.set(key, partition.ordinal);
}

/** What an outcome, a timer or a delivery did to one contact. */
export interface ContactChange {
  readonly contact: Contact;
  readonly trials: number;
  readonly positives: number;
  readonly withdraw: string | undefined;
  readonly changed: boolean;
}
