import type { Contact } from "./contact.ts";
import type { Props, PropValue } from "./event.ts";
import type {
  ActionIndex,
  ChannelIndex,
  CustomerKey,
  DecisionId,
  ModelIndex,
  PlacementIndex,
  PolicyIndex,
  RulebookHash,
  RuleIndex,
  TrackingCode,
  TreatmentIndex,
} from "./ids.ts";
import type { Instant } from "./time.ts";

/** Where a candidate can fall, in the order of testing. Closed set: API values and metric labels. */
export const STAGES = [
  "availability",
  "eligibility",
  "applicability",
  "suitability",
  "consent",
  "suppression",
  "quiet-hours",
  "contact-limit",
  "quota",
  "propensity",
  "arbitration",
  "content",
  "slots",
  "holdout",
] as const;
export type Stage = (typeof STAGES)[number];

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

export const NONE_REASONS = ["no-treatment", "all-dropped"] as const;
export type NoneReason = (typeof NONE_REASONS)[number];

export type Drop =
  | {
      readonly stage: "availability";
      readonly action: ActionIndex;
      readonly because: "not-yet" | "no-longer" | "switched-off" | "no-treatment";
    }
  | {
      readonly stage: "eligibility" | "applicability" | "suitability";
      readonly action: ActionIndex;
      readonly rule: RuleIndex;
      readonly because: "false" | "rule-error";
    }
  | { readonly stage: "consent"; readonly treatment: TreatmentIndex; readonly because: "denied" | "not-given" }
  | {
      readonly stage: "suppression";
      readonly treatment: TreatmentIndex;
      readonly policy: PolicyIndex;
      readonly because: "cool-down" | "snoozed" | "already-live";
      readonly reopensAt: Instant;
    }
  | {
      readonly stage: "contact-limit";
      readonly treatment: TreatmentIndex;
      readonly policy: PolicyIndex;
      readonly counted: number;
      readonly reopensAt: Instant;
    }
  | {
      readonly stage: "propensity";
      readonly treatment: TreatmentIndex;
      readonly propensity: number;
      readonly floor: number;
    }
  | {
      readonly stage: "arbitration";
      readonly treatment: TreatmentIndex;
      readonly placement: PlacementIndex;
      readonly lostTo: TreatmentIndex;
      readonly priority: number;
      /** Another treatment of the same action won, here or in another placement; or the priority could not be computed. */
      readonly because: "same-action" | "rule-error";
    }
  | {
      readonly stage: "content";
      readonly treatment: TreatmentIndex;
      readonly placement: PlacementIndex;
      readonly missing: string;
      readonly priority: number;
    }
  | {
      readonly stage: "slots";
      readonly treatment: TreatmentIndex;
      readonly placement: PlacementIndex;
      readonly lostTo: TreatmentIndex;
      readonly priority: number;
    };

/** P x C x V x L of one candidate, each factor before its exponent. */
export interface Priority {
  /** Posterior mean of the evidence without the prior, NaN where there is none. */
  readonly raw: number;
  /** P: what enters the priority. */
  readonly propensity: number;
  readonly context: number;
  readonly value: number;
  readonly lever: number;
  readonly priority: number;
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

/** `contacts` are the reservations that the commit makes: one for each item that is not kept. */
export type Decision =
  | {
      readonly kind: "act";
      readonly slates: readonly Slate[];
      readonly dropped: readonly Drop[];
      readonly contacts: readonly Contact[];
    }
  | {
      readonly kind: "none";
      readonly because: NoneReason;
      readonly slates: readonly Slate[];
      readonly dropped: readonly Drop[];
    };

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
  readonly trigger?: { readonly id: string; readonly source: string; readonly event: string };
  /** sha256 of the request as sent, for Idempotency-Key. */
  readonly requestHash?: string;
  /** Reservations made; applied to the profile by the fold. */
  readonly contacts: readonly Contact[];
  /** NBAs of earlier decisions that leave the screens because of this one. */
  readonly superseded: readonly TrackingCode[];
  /** Everything that `decide` was given, so that it can be computed again. */
  readonly input: {
    readonly profile: ProfileView;
    readonly request: DecisionRequest;
    readonly trials: readonly number[];
    readonly positives: readonly number[];
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
