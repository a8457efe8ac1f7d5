// What was dropped and why: one variant for each stage and kind of subject. Closed unions: a new one breaks explanation,
// digest and protocol at compile time.
import type { ActionIndex, PlacementIndex, PolicyIndex, QuotaIndex, RuleIndex, TreatmentIndex } from "./ids.ts";
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

export type EngagementStage = "eligibility" | "applicability" | "suitability";

/** The action as a whole: none of its treatments has a drop of its own. */
export type ActionDrop =
  | {
      readonly stage: "availability";
      readonly action: ActionIndex;
      readonly because: "not-yet" | "no-longer" | "switched-off" | "no-treatment";
    }
  | {
      readonly stage: EngagementStage;
      readonly action: ActionIndex;
      readonly rule: RuleIndex;
      readonly because: "false" | "rule-error";
    };

export type TreatmentDrop =
  | {
      readonly stage: "availability";
      readonly treatment: TreatmentIndex;
      /** `arm`: the arm of an experiment switches it off. */
      readonly because: "not-yet" | "no-longer" | "switched-off" | "arm";
    }
  | {
      readonly stage: EngagementStage;
      readonly treatment: TreatmentIndex;
      readonly rule: RuleIndex;
      readonly because: "false" | "rule-error";
    }
  | { readonly stage: "consent"; readonly treatment: TreatmentIndex; readonly because: "denied" | "not-given" }
  | {
      readonly stage: "suppression";
      readonly treatment: TreatmentIndex;
      readonly policy: PolicyIndex;
      readonly because: "cool-down" | "related" | "open-case" | "snoozed" | "already-live";
      /** NEVER for an open case: nobody knows when it is closed. */
      readonly reopensAt: Instant;
    }
  | {
      readonly stage: "quiet-hours";
      readonly treatment: TreatmentIndex;
      readonly policy: PolicyIndex;
      /** `no-time-zone`: neither customer nor country nor rulebook says where it is night, so nothing is sent. */
      readonly because: "quiet" | "no-time-zone";
      /** When the quiet hours end; NEVER without a time zone. */
      readonly reopensAt: Instant;
    }
  | {
      readonly stage: "contact-limit";
      readonly treatment: TreatmentIndex;
      readonly policy: PolicyIndex;
      readonly counted: number;
      readonly reopensAt: Instant;
      /** The last room is held for this action, which is due and worth more; undefined: there is no room. */
      readonly heldFor?: ActionIndex;
    }
  | {
      readonly stage: "quota";
      readonly treatment: TreatmentIndex;
      readonly quota: QuotaIndex;
      /** Units that are left here, and that one more contact needs. */
      readonly left: number;
      readonly needed: number;
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
      /** Itself where it lost to nobody. */
      readonly lostTo: TreatmentIndex;
      readonly priority: number;
      /**
       * Another treatment of the same action won, here or in another placement; or the priority could not be computed, or is
       * below the placement's `minPriority`; or a slate limit lets no more of its set in; or its bundle is not whole.
       */
      readonly because: "same-action" | "rule-error" | "below-minimum" | "excluded" | "bundle-incomplete";
      /** The slate limit or bundle. */
      readonly policy?: PolicyIndex;
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
    }
  | {
      /** It won its slot; the customer is in the holdout, so it is not shown. */
      readonly stage: "holdout";
      readonly treatment: TreatmentIndex;
      readonly placement: PlacementIndex;
      readonly priority: number;
    };

export type Drop = ActionDrop | TreatmentDrop;
