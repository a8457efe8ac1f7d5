import type { Contact } from "./contact.ts";
import type { DropList } from "./drop-list.ts";
import type { Props, PropValue } from "./event.ts";
import type {
  ActionIndex,
  ChannelIndex,
  CustomerKey,
  DecisionId,
  ModelIndex,
  PlacementIndex,
  QuotaIndex,
  RulebookHash,
  TrackingCode,
  TreatmentIndex,
} from "./ids.ts";
import type { Instant } from "./time.ts";

export type Direction = "inbound" | "outbound";

export interface Consent {
  /** Name of a channel, or `*`. */
  readonly channel: string;
  readonly purpose: string;
  readonly granted: boolean;
  readonly ts: Instant;
}

export interface OpenCase {
  readonly caseId: string;
  readonly kind: string;
  readonly openedAt: Instant;
  readonly slaDueAt?: Instant;
}

export interface Task {
  readonly taskId: string;
  readonly title: string;
  readonly state: string;
  readonly dueAt?: Instant;
}

/** What `decide` reads of one customer. Plain values: the journal keeps it, so that the decision can be computed again. */
export interface ProfileView {
  readonly key: CustomerKey;
  /** By FeatureIndex; NaN where the feature has no value. */
  readonly features: Float64Array;
  /** By AttributeIndex; undefined where never set. */
  readonly attributes: readonly (PropValue | undefined)[];
  /** Oldest first. */
  readonly contacts: readonly Contact[];
  readonly consents: readonly Consent[];
  readonly openCases: readonly OpenCase[];
}

export interface DecisionRequest {
  readonly direction: Direction;
  /** Slots asked for; `limit` >= 1 already bounded by the placement's own number of slots. */
  readonly placements: readonly { readonly placement: PlacementIndex; readonly limit: number }[];
  /** The asking channel; undefined for a trigger, whose placement declares its channels. */
  readonly channel?: ChannelIndex;
  /** Of the request, or the props of the triggering event. */
  readonly context: Props;
  /** BCP 47, e.g. `en`. */
  readonly locale: string;
  /** Id of the trigger that asks, for outbound. */
  readonly trigger?: string;
}

/** Evidence for one treatment: prior plus what was observed. alpha, beta > 0. */
export interface BetaCounts {
  /** By TreatmentIndex: presented contacts. */
  readonly trials: Float64Array;
  /** By TreatmentIndex: accepted or converted among them. */
  readonly positives: Float64Array;
}

export interface DecisionInput {
  readonly id: DecisionId;
  readonly profile: ProfileView;
  readonly request: DecisionRequest;
  readonly evidence: BetaCounts;
  readonly now: Instant;
  /** By QuotaIndex: units that this partition may still spend at this very decision. */
  readonly quotas: Float64Array;
  /** Uniform in [0, 1), hashed from the decision's id. */
  readonly draw: number;
}

/** Output of one model of unit `customer` for one profile. */
export interface ModelScore {
  readonly model: ModelIndex;
  readonly value: number;
  /** The declared default was used, because the model failed or was too slow. */
  readonly fallback: boolean;
}

/** `holdout`: there was a slate, and it is withheld. */
export const NONE_REASONS = ["no-treatment", "all-dropped", "holdout"] as const;
export type NoneReason = (typeof NONE_REASONS)[number];

/** P x C x V x L of one candidate, each factor before its exponent, and what past outcomes and fatigue do to it. */
export interface Priority {
  /** Posterior mean of the evidence without the prior, NaN where there is none. */
  readonly raw: number;
  /** P: what enters the priority. */
  readonly propensity: number;
  readonly context: number;
  readonly value: number;
  readonly lever: number;
  /** Boost (above 1) or decay (below 1) by past outcomes; 1 where there is none. */
  readonly boost: number;
  /** In (0, 1]: what the customer's pressure leaves of the priority. */
  readonly fatigue: number;
  readonly priority: number;
}

/** The arm that a customer has in one experiment. */
export interface AssignedArm {
  readonly experiment: string;
  readonly arm: string;
}

export type Content = Readonly<Record<string, string | readonly string[]>>;

export interface Item {
  readonly action: ActionIndex;
  readonly treatment: TreatmentIndex;
  /** 1-based within the slate. */
  readonly rank: number;
  readonly trackingCode: TrackingCode;
  /** Still live from an earlier decision (sticky): no new contact is reserved. */
  readonly kept: boolean;
  readonly factors: Priority;
  readonly content: Content;
  /** Plain sentences for a person, rendered. */
  readonly reasons: readonly string[];
  readonly expiresAt: Instant;
}

export interface Slate {
  readonly placement: PlacementIndex;
  readonly kind: "act" | "none";
  readonly because?: NoneReason;
  readonly items: readonly Item[];
}

interface Decided {
  readonly slates: readonly Slate[];
  /** What the slates would have held besides, were the customer not in the holdout; only those with items. */
  readonly withheld: readonly Slate[];
  /** In canonical order: by action, then by treatment. */
  readonly dropped: DropList;
  /** The reservations that the commit makes: one for each item that is not kept; shadow contacts for withheld ones. */
  readonly contacts: readonly Contact[];
  /** In order of the experiments. */
  readonly arms: readonly AssignedArm[];
  /** Units spent, by what is in `contacts` and is no shadow. */
  readonly spent: readonly { readonly quota: QuotaIndex; readonly units: number }[];
  /** Recent contacts weighted by channel, decayed; >= 0. 0 where the rulebook declares no fatigue. */
  readonly pressure: number;
  /** When an outbound message that only quiet hours keep back is to be decided again; undefined: nothing is held. */
  readonly heldUntil: Instant | undefined;
}

export type Decision =
  | ({ readonly kind: "act" } & Decided)
  | ({ readonly kind: "none"; readonly because: NoneReason } & Decided);

// ---- as journalled: names instead of indexes, readable without the rulebook that made it ----

export interface ItemRecord {
  readonly action: string;
  readonly treatment: string;
  readonly channel: string;
  readonly rank: number;
  readonly trackingCode: TrackingCode;
  readonly kept: boolean;
  readonly factors: Priority;
  readonly content: Content;
  readonly reasons: readonly string[];
  readonly expiresAt: Instant;
}

export interface SlateRecord {
  readonly placement: string;
  readonly kind: "act" | "none";
  readonly because?: NoneReason;
  readonly items: readonly ItemRecord[];
}

export interface DecisionRecord {
  readonly id: DecisionId;
  readonly key: CustomerKey;
  readonly kind: "act" | "none";
  readonly direction: Direction;
  readonly slates: readonly SlateRecord[];
  readonly now: Instant;
  readonly rulebook: RulebookHash;
  /** Models that were asked: with the hash of the file that answered. */
  readonly models: readonly {
    readonly name: string;
    readonly sha256: string;
    readonly value: number;
    readonly fallback: boolean;
  }[];
  readonly degraded: readonly string[];
  /** Event that triggered it (source and id), for outbound. */
  readonly trigger?: {
    readonly id: string;
    readonly source: string;
    readonly event: string;
    /** Where quiet hours may hold it: when the event happened, after when it is not decided again, and whether it was held before. */
    readonly hold?: { readonly at: Instant; readonly dropAfter: Instant; readonly again: boolean };
  };
  /** sha256 of the request as sent, for Idempotency-Key. */
  readonly requestHash?: string;
  /** As in Decision, with names. */
  readonly withheld: readonly SlateRecord[];
  readonly arms: readonly AssignedArm[];
  readonly spent: readonly { readonly quota: string; readonly units: number }[];
  readonly pressure: number;
  readonly heldUntil?: Instant;
  /** Reservations made; applied to the profile by the fold. */
  readonly contacts: readonly Contact[];
  /** NBAs of earlier decisions that leave the screens because of this one. */
  readonly superseded: readonly TrackingCode[];
  /** Everything that `decide` was given, so that it can be computed again. */
  readonly input: {
    readonly profile: ProfileView;
    readonly request: DecisionRequest;
    /** Treatment, trials, positives: of the treatments that have any evidence. */
    readonly evidence: readonly (readonly [TreatmentIndex, number, number])[];
    readonly quotas: readonly number[];
    readonly draw: number;
  };
  /** murmur3 of the dropped candidates in canonical order: a replay must find the same. */
  readonly droppedDigest: string;
}

/** An NBA that leaves the screens, as journalled and pushed. */
export interface Withdrawal {
  readonly key: CustomerKey;
  readonly trackingCode: TrackingCode;
  readonly because: string;
}
