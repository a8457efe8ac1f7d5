// What the outside (HTTP, WebSocket, command line) may ask of a running engine. The decision loop implements it.
import type { Explanation } from "./decide/explain.ts";
import type { Contact } from "./domain/contact.ts";
import type { Consent, DecisionRecord, Direction, OpenCase, Task, Withdrawal } from "./domain/decision.ts";
import type { CustomerEvent, Props, PropValue } from "./domain/event.ts";
import type {
  CommitSeq,
  CustomerKey,
  DecisionId,
  PartitionIndex,
  Position,
  RulebookHash,
  TrackingCode,
} from "./domain/ids.ts";
import type { Instant } from "./domain/time.ts";
import type { HeldMessage, PatternState } from "./profile/state.ts";
import type { Fault, Rulebook } from "./rulebook/rulebook.ts";

export interface Ask {
  readonly key: CustomerKey;
  readonly channel: string;
  readonly placements: readonly { readonly name: string; readonly limit?: number }[];
  readonly context: Props;
  /** BCP 47. Undefined: the customer's attribute `locale` where it is declared and set, else the rulebook's default. */
  readonly locale?: string;
  readonly deadlineMs: number;
  /** Of one caller: where there are several, it says whose it is. */
  readonly idempotencyKey?: string;
  /** sha256 of the request body, compared where the idempotency key was used before. */
  readonly requestHash?: string;
  /** Under an anonymous key that is joined nothing is decided: who asked is told whose it is, and asks again where it may. */
  readonly joined?: "tell";
}

/** Closed union: everything that can become of an ask. A decision was committed before it is answered. */
export type AskAnswer =
  | { readonly kind: "decided"; readonly record: DecisionRecord; readonly seq: CommitSeq }
  /** Not in time, or while what an anonymous key knows is on its way: the placements' declared fallbacks, no decision id, no contact. */
  | { readonly kind: "fallback"; readonly why: "deadline" | "joining" | "failed" }
  | { readonly kind: "overloaded"; readonly retryAfterMs: number }
  | { readonly kind: "unavailable"; readonly why: string; readonly retryAfterMs: number }
  | { readonly kind: "conflict"; readonly why: string }
  | { readonly kind: "refused"; readonly pointer: string; readonly why: string }
  /** Only where the ask says `joined: "tell"`, or shares an Idempotency-Key with one that does. */
  | { readonly kind: "joined"; readonly customer: CustomerKey };

/** A decision that is only supposed: what would be answered if this were so. It leaves no trace. */
export interface Simulation {
  readonly key: CustomerKey;
  /** `inbound`: as an ask, on its channel. `outbound`: as a trigger asks, on every channel of the placement or the one named. */
  readonly direction: Direction;
  readonly channel?: string;
  readonly placements: Ask["placements"];
  readonly context: Props;
  readonly locale?: string;
  readonly suppose: Supposition;
}

/** What is to be taken for true instead of what the profile says. Names as the rulebook declares them. */
export interface Supposition {
  /** From the present of the customer's partition to 366 days later. */
  readonly now?: Instant;
  /** null: never set. */
  readonly attributes: Readonly<Record<string, PropValue | null>>;
  /** null: without a value. */
  readonly features: Readonly<Record<string, number | null>>;
  /** Outputs of models, which are then not asked. */
  readonly models: Readonly<Record<string, number>>;
  /** Newer than every record of the same channel and purpose. */
  readonly consents: readonly { readonly channel: string; readonly purpose: string; readonly granted: boolean }[];
  /** In the place of all open cases; undefined: as they are. */
  readonly openCases?: readonly { readonly kind: string }[];
  /** `none`: as if nobody had ever contacted the customer. */
  readonly contacts: "keep" | "none";
}

export type Simulated =
  | { readonly kind: "simulated"; readonly record: DecisionRecord; readonly explanation: Explanation }
  | { readonly kind: "refused"; readonly pointer: string; readonly why: string };

/** Of one customer, newest first, as far back as was looked. */
export interface Past<Entry> {
  readonly found: readonly Entry[];
  /** Everything since then was looked through; undefined: everything there is. */
  readonly since: Instant | undefined;
}

export interface PastEvent {
  readonly event: CustomerEvent;
  /** When its partition took it. */
  readonly takenAt: Instant;
}

export interface CustomerLook {
  readonly key: CustomerKey;
  readonly partition: PartitionIndex;
  /** The commit that it reflects: cursor of the topic `customer/ID`. */
  readonly seq: CommitSeq;
  readonly now: Instant;
  readonly attributes: Readonly<Record<string, PropValue>>;
  /** By name; null where the feature has no value. */
  readonly features: Readonly<Record<string, number | null>>;
  /** Model outputs by name, scored now. */
  readonly propensities: Readonly<Record<string, number>>;
  readonly contacts: readonly Contact[];
  readonly consents: readonly Consent[];
  readonly openCases: readonly OpenCase[];
  readonly tasks: readonly Task[];
  /** Decisions whose items are still on the screens: the live items only. */
  readonly active: readonly DecisionRecord[];
  readonly patterns: readonly PatternState[];
  readonly held: readonly HeldMessage[];
  /** Of an anonymous profile: the customer to whom it was joined. */
  readonly joinedTo: CustomerKey | undefined;
  /** Of a customer: anonymous keys that were joined. */
  readonly absorbed: readonly CustomerKey[];
}

/** What one commit of one partition did, told after it is durable, in order of seq. */
export interface Committed {
  readonly partition: PartitionIndex;
  readonly seq: CommitSeq;
  readonly decisions: readonly DecisionRecord[];
  readonly withdrawals: readonly Withdrawal[];
  /** Who was erased by what it folded. */
  readonly forgot?: readonly CustomerKey[];
}

/** How far one run of a campaign has come, over all partitions. */
export interface CampaignProgress {
  readonly id: string;
  readonly placement: string;
  readonly from: Instant;
  readonly to: Instant;
  /** Customers whose turn comes in a second. */
  readonly perSecond: number;
  /** `over`: its time ended before it had come to everybody. */
  readonly state: "waiting" | "running" | "done" | "over";
  /** Known when it began. */
  readonly customers: number;
  /** Whose turn has come. */
  readonly walked: number;
  /** Decided for, because `when` held; each customer once. */
  readonly asked: number;
  /** Offered something. */
  readonly acted: number;
}

export type Appended =
  | { readonly kind: "appended"; readonly position: Position }
  | { readonly kind: "failed"; readonly why: string };

/** One quota in its present period, over all partitions; units as in quotas.yaml: contacts, or the currency of costs. */
export interface QuotaUse {
  readonly id: string;
  readonly unit: "contacts" | "cost";
  readonly per: "day" | "total";
  /** YYYY-MM-DD in the quota's zone, or `total`. */
  readonly period: string;
  readonly max: number;
  /** May be granted by now: `max`, or less of it with even pacing. */
  readonly open: number;
  readonly granted: number;
  readonly spent: number;
}

export interface Activated {
  readonly kind: "activated";
  readonly hash: RulebookHash;
}

/** Where a partition is looked after just now, as far as this process knows: the lease in Redis alone is the truth. */
export type Ownership =
  | { readonly kind: "here" }
  /** `address`: host:port of the engine that owns it. */
  | { readonly kind: "there"; readonly address: string }
  | { readonly kind: "nobody"; readonly retryAfterMs: number };

export interface Engine {
  readonly partitions: number;
  readonly ownership: (partition: PartitionIndex) => Ownership;
  /** The time of each customer's partition, in order: the clock, unless a replay drives it. Never rejects. */
  readonly now: (keys: readonly CustomerKey[]) => Promise<readonly Instant[]>;
  /** Never rejects: every failure is a kind of answer. */
  readonly ask: (ask: Ask) => Promise<AskAnswer>;
  /**
   * So many asks wait here that one which came now would be turned away, whatever its deadline: it need not even be read. To be
   * asked once for each that is turned away for it.
   */
  readonly isOver: () => boolean;
  /**
   * Consistent with the last commit; undefined where the customer is not known. Rejects with an error named Overloaded where
   * too many wait already, Unavailable where its partition is not here, or in doubt.
   */
  readonly look: (key: CustomerKey) => Promise<CustomerLook | undefined>;
  /** Decides on a copy of what is known, and forgets it. Rejects as `look` does. */
  readonly simulate: (simulation: Simulation) => Promise<Simulated>;
  /** At most `countMax`: the newest in the journal, as far back as it is looked through, and older ones that made contacts. */
  readonly decisionsOf: (key: CustomerKey, countMax: number) => Promise<Past<DecisionRecord>>;
  /** At most `countMax` of the newest in the input log, as far back as it is looked through. */
  readonly eventsOf: (key: CustomerKey, countMax: number) => Promise<Past<PastEvent>>;
  readonly decision: (
    id: DecisionId,
  ) => Promise<{ readonly record: DecisionRecord; readonly seq: CommitSeq } | undefined>;
  /** The funnel of a decision, computed again by the rulebook that made it, and whether that reproduced it bit for bit. */
  readonly explain: (record: DecisionRecord) => Promise<Explanation>;
  /** Whose tracking code it is; undefined where no such decision was journalled. */
  readonly customerOf: (code: TrackingCode) => Promise<CustomerKey | undefined>;
  /** Appends to the input logs; settles when durable. One answer for each event, in order. */
  readonly append: (events: readonly CustomerEvent[]) => Promise<readonly Appended[]>;
  /** Frames of one customer after a commit, oldest first; undefined where the journal no longer says. */
  readonly since: (key: CustomerKey, seq: CommitSeq) => Promise<readonly Committed[] | undefined>;
  readonly rulebook: () => Rulebook;
  readonly loadedAt: () => Instant;
  /**
   * Re-reads RULES_DIR, all or nothing: faults, or the hash that was activated on every partition. Rejects with an error
   * named Unavailable where not every partition runs it yet; the error tells which do not, and they will.
   */
  readonly reload: (by: string) => Promise<Activated | { readonly kind: "faulty"; readonly faults: readonly Fault[] }>;
  /**
   * Activates the rulebook of this hash, which was active or stored before; undefined: the one before the present one.
   * RULES_DIR stays as it is. Rejects as reload does.
   */
  readonly rollback: (
    by: string,
    hash: RulebookHash | undefined,
  ) => Promise<Activated | { readonly kind: "unknown"; readonly why: string }>;
  /**
   * Everything of this key, and of the devices that are joined to it, is to be forgotten everywhere: `under-way` until it is,
   * then `erased`, as long as nothing new has come in. Rejects with Unavailable where no session is open.
   */
  readonly erase: (key: CustomerKey) => Promise<"under-way" | "erased">;
  /** In the order of quotas.yaml. Rejects with an error named Unavailable where no session is open. */
  readonly quotas: () => Promise<readonly QuotaUse[]>;
  /** In the order of the active rulebook. Rejects with Unavailable where no session is open. */
  readonly campaigns: () => Promise<readonly CampaignProgress[]>;
  readonly onCommitted: (listener: (committed: Committed) => void) => void;
  /** Owns its share of the partitions and can commit; `why` says how many, and which cannot be taken. */
  readonly ready: () => { readonly ok: boolean; readonly why: string };
}
