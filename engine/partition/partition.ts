import type { Contact, ContactState } from "../domain/contact.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { Props } from "../domain/event.ts";
import type {
  ChannelIndex,
  CommitSeq,
  CustomerKey,
  DecisionId,
  NameHash,
  PartitionIndex,
  PlacementIndex,
  Position,
} from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { SeenWindow } from "../ingest/seen-window.ts";
import type { Base, EntryCounts, OutboxEntry } from "../journal/base.ts";
import type { Learned, Relay } from "../journal/commit-record.ts";
import type { CommitDraft } from "../journal/journal.ts";
import type { EvidenceByTreatment } from "../learn/evidence.ts";
import type { CampaignTurn } from "../observe/metrics.ts";
import type { ProfileStore } from "../profile/store.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import type { QuotaLedger } from "./quota-ledger.ts";

/**
 * Everything that a process holds in memory of one partition that it owns. It runs ahead of what is committed by at most
 * two commits under way, or one and the step being computed; where a commit fails, all of it is dropped and recovered.
 */
export interface Partition {
  readonly index: PartitionIndex;
  readonly token: string;
  readonly epoch: number;
  readonly store: ProfileStore;
  readonly seen: SeenWindow;
  readonly evidence: EvidenceByTreatment;
  readonly quotas: QuotaLedger;
  /** Profiles changed since they were last written -> number of the entry that changed them first. Oldest first. */
  readonly dirty: Map<CustomerKey, number>;
  /** When the timer of a customer in memory goes off; those whose timer never does are not in it. */
  readonly armed: Map<CustomerKey, Instant>;
  /** Customers in memory that Redis does not have in its register (`nba:{p}:timers`) yet. */
  readonly unregistered: Set<CustomerKey>;
  /** Customers whose stored profile cannot be read, and what is wrong with it. Nothing is decided or written for them. */
  readonly damaged: Map<CustomerKey, string>;
  /** Decisions of each run of a campaign. */
  readonly campaigns: CampaignCounts;
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
  /** Entries for other logs that may not have arrived, oldest first; sent once their commit is acknowledged. */
  readonly outbox: OutboxEntry[];
  /** Whose traces are to be erased, up to which entry: see erase-pass.ts. */
  readonly erasing: Erasing[];
  /** How far it was a while ago, by the clock of the process: see write-back.ts. Undefined: it was just recovered. */
  mark: { readonly ordinal: number; readonly atMs: number } | undefined;
  /** What was changed at this ordinal or before has waited long enough to be written back. */
  agedOrdinal: number;
  /** A checkpoint is to be stored soon, worth it or not. */
  isBaseWanted: boolean;
  /** Its last commit wrote back what was due; there may be more. */
  isWritingBack: boolean;
  /** What the next commit will write. */
  draft: Draft;
}

/** One key of an erasure. `seq`: the commit that forgot it. */
export interface Erasing {
  readonly key: CustomerKey;
  readonly erasure: string;
  /** Everything up to this entry goes. */
  readonly upTo: Position;
  readonly seq: CommitSeq;
  /** Number of that entry in this session; 0: the stored base knows of it. */
  readonly ordinal: number;
  /** Of an anonymous key that lives on: only what names this customer goes. */
  readonly of: CustomerKey | undefined;
}

/** By `<campaign>/<from>`: how many customers were decided for, and how many of them were offered something. */
export type CampaignCounts = Map<string, { readonly asked: number; readonly acted: number }>;

/** Something that asks for a decision: its feature row was copied as it was folded. */
export interface Triggered {
  /** Id of the trigger or campaign. */
  readonly id: string;
  readonly placement: PlacementIndex;
  readonly key: CustomerKey;
  /** What it goes back to: names the decision. */
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
  readonly context: Props;
  readonly features: Float64Array;
  /** Where the customer is just now, for an answer to a rejection; undefined: outbound. */
  readonly channel: ChannelIndex | undefined;
  /** How long quiet hours may hold it; undefined: not at all. */
  readonly dropAfter: Instant | undefined;
  /** When the hold ended, for a message that was held. */
  readonly heldUntil: Instant | undefined;
  /** When Redis took what asks, ms since 1970. */
  readonly takenMs: number;
}

export interface Draft {
  readonly decisions: DecisionRecord[];
  readonly withdrawals: Withdrawal[];
  readonly learned: Learned[];
  /** By line of a quota: what may be spent of it in all. */
  readonly granted: Map<string, number>;
  readonly dead: CommitDraft["dead"][number][];
  /** Entries that were not folded, each of them in `dead`. */
  readonly isolated: Position[];
  /** Entries for the logs of partitions, in order. */
  readonly relays: Relay[];
  /** Customers of whom something falls due earlier, perhaps: their timer is armed anew where it does. */
  readonly rearm: Set<CustomerKey>;
  /** Customers whose timer went off: it is armed anew for whatever is due next. */
  readonly fired: Set<CustomerKey>;
  /** Timers that the commit sets; NEVER: known, and nothing is due. */
  readonly armed: Map<CustomerKey, Instant>;
  /** In the order of the log, to be decided before the commit. */
  readonly triggered: Triggered[];
  /** For metrics: when Redis took the event of a triggered decision; states that contacts took, by channel. */
  readonly takenMs: Map<DecisionId, number>;
  readonly states: { readonly channel: NameHash; readonly state: ContactState }[];
  /** For metrics: what became of the turns of campaigns. */
  readonly turns: { readonly campaign: string; readonly turn: CampaignTurn }[];
  /** Of whom nothing may be stored any more: before what the commit writes. */
  readonly forgotten: Set<CustomerKey>;
  /** Something must be durable, not only folded again. */
  urgent: boolean;
}

export function emptyDraft(): Draft {
  return {
    decisions: [],
    withdrawals: [],
    learned: [],
    granted: new Map(),
    dead: [],
    isolated: [],
    relays: [],
    rearm: new Set(),
    fired: new Set(),
    armed: new Map(),
    triggered: [],
    takenMs: new Map(),
    states: [],
    turns: [],
    forgotten: new Set(),
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
    draft.granted.size > 0 ||
    draft.dead.length > 0 ||
    draft.relays.length > 0 ||
    draft.armed.size > 0
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
