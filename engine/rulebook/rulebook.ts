// The compiled rulebook: what the files under rules/ mean, as values that `profile` and `decide` read.
import type { CountsAt } from "../domain/contact.ts";
import type { CustomerEvent, Props, PropValue } from "../domain/event.ts";
import type {
  ActionIndex,
  AttributeIndex,
  ChannelIndex,
  FeatureIndex,
  ModelIndex,
  NameHash,
  PlacementIndex,
  RulebookHash,
  RuleIndex,
  TreatmentIndex,
  VerdictSlot,
} from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Experiment, Holdout } from "./experiments.ts";
import type { Place } from "./place.ts";
import type {
  Boost,
  Bundle,
  CaseRule,
  ContactLimit,
  CoolDown,
  Fatigue,
  QuietHours,
  Quota,
  RelatedSuppression,
  SlateLimit,
  Zones,
} from "./policies.ts";
import type { Campaign, Trigger } from "./triggers.ts";

export type Aggregate = "count" | "sum" | "mean" | "min" | "max" | "distinct" | "last" | "recency" | "ratio";

/** One feature of rules/features.yaml. `ratio` divides two other features by index; all others read events. */
export interface FeatureSpec {
  readonly index: FeatureIndex;
  readonly name: string;
  readonly label: string;
  readonly place: Place;
  readonly aggregate: Aggregate;
  /** Event types it reads; empty: every type. */
  readonly types: readonly string[];
  /** Canonical text of filter, types, field: two features with the same identity read the same events and field. */
  readonly identity: string;
  /** Does the event count? Pure; a rule error counts as no. */
  readonly matches: (event: CustomerEvent) => boolean;
  /** Number of the event's field (sum, mean, min, max, last), or the text to tell apart (distinct); undefined: not counted. */
  readonly field: ((event: CustomerEvent) => number | string | undefined) | undefined;
  /** Exactly one of window and halfLife, or neither (over all time: last, recency, count, sum, min, max, mean). */
  readonly windowMs: number | undefined;
  /** Width of a pane: the stated error of a window. Divides windowMs. */
  readonly paneMs: number | undefined;
  readonly halfLifeMs: number | undefined;
  /** For ratio only. Value of the ratio where the denominator is 0 or missing: missing. */
  readonly ratio: { readonly numerator: FeatureIndex; readonly denominator: FeatureIndex } | undefined;
}

export type AttributeType = "number" | "string" | "boolean" | "set";

export interface AttributeSpec {
  readonly index: AttributeIndex;
  readonly name: string;
  readonly label: string;
  readonly type: AttributeType;
  readonly place: Place;
}

/** What the expressions of a rulebook may read. Reading what is missing is an error, unless guarded by has(). */
export interface RuleScope {
  /** By FeatureIndex, NaN = missing. `features.NAME` */
  readonly features: Float64Array;
  /** By AttributeIndex. `attributes.NAME` */
  readonly attributes: readonly (PropValue | undefined)[];
  /** `context.NAME` */
  readonly context: Props;
  /** By ModelIndex, NaN = not scored. `model.NAME` */
  readonly models: Float64Array;
  /** `customer.open_cases` */
  readonly openCases: number;
  /** `customer.anonymous` */
  readonly anonymous: boolean;
}

export const RULE_FALSE = 0;
export const RULE_TRUE = 1;
export const RULE_ERROR = 2;

/** One boolean expression as written in one place. Those of the same meaning are evaluated once. */
export interface Rule {
  readonly index: RuleIndex;
  /** Where its verdict is left: one place for all rules of the same meaning. */
  readonly slot: VerdictSlot;
  /** Id as written, e.g. `retention/has-churn-risk`; or generated from tier and owner. */
  readonly id: string;
  readonly text: string;
  /** Why the rule is there, in its author's words. */
  readonly why?: string;
  readonly place: Place;
  readonly needsModels: readonly ModelIndex[];
  /** What it reads, for explanations: `features.spend_30d` ... */
  readonly reads: readonly string[];
}

/** A number in a rulebook: constant, or an expression evaluated with the rules. */
export type Weight =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "expression"; readonly slot: number; readonly place: Place };

/** Text with `{{...}}` placeholders, split. */
export type Template = readonly (
  | string
  | { readonly read: string; readonly get: (scope: RuleScope) => PropValue | undefined }
)[];

export interface Reason {
  /** Shown where it is true; undefined: always. */
  readonly when: RuleIndex | undefined;
  /** By locale; `en` is always there. */
  readonly text: Readonly<Record<string, Template>>;
}

export interface Action {
  readonly index: ActionIndex;
  readonly id: string;
  readonly hash: NameHash;
  readonly label: string;
  readonly issue: { readonly id: string; readonly hash: NameHash };
  readonly group: { readonly id: string; readonly hash: NameHash };
  readonly place: Place;
  /** Kill switch. */
  readonly enabled: boolean;
  /** [from, to). -Infinity / +Infinity where open. */
  readonly from: Instant;
  readonly to: Instant;
  /** Engagement policy, inherited issue > group > action, in order of testing. */
  readonly eligibility: readonly RuleIndex[];
  readonly applicability: readonly RuleIndex[];
  readonly suitability: readonly RuleIndex[];
  /** C: product of the weights whose rule is true (an error counts as a dropped candidate at arbitration, `rule-error`). */
  readonly context: readonly { readonly when: RuleIndex; readonly weight: number }[];
  /** V, >= 0. */
  readonly value: Weight;
  /** L: product of issue, group and action levers. */
  readonly lever: number;
  /** Consent purpose, e.g. `marketing`. */
  readonly purpose: string;
  /** Its purpose passes limits, cool-downs, open cases, fatigue and holdout; never consent. */
  readonly exempt: boolean;
  /** Exempt and not to wait for the end of quiet hours. */
  readonly urgent: boolean;
  /** While this is true the action is due: room under a cap is held for it against what is worth less. Reads no model. */
  readonly holdsRoom: RuleIndex | undefined;
  /** Dropped at stage propensity below this. */
  readonly propensityFloor: number;
  readonly treatments: readonly TreatmentIndex[];
  readonly reasons: readonly Reason[];
  /** How long an NBA of this action stays on a screen. */
  readonly expiresAfterMs: number;
  /** How long a presented contact waits for an answer. */
  readonly responseWindowMs: number;
  /** Models that its rules, weights or value read. */
  readonly needsModels: readonly ModelIndex[];
}

export interface Treatment {
  readonly index: TreatmentIndex;
  /** `<action>:<channel>` unless named. */
  readonly id: string;
  readonly hash: NameHash;
  readonly action: ActionIndex;
  readonly channel: ChannelIndex;
  readonly placements: readonly PlacementIndex[];
  readonly place: Place;
  readonly enabled: boolean;
  /** [from, to), within the action's own. */
  readonly from: Instant;
  readonly to: Instant;
  /** Tested after those of the action. */
  readonly eligibility: readonly RuleIndex[];
  readonly applicability: readonly RuleIndex[];
  readonly suitability: readonly RuleIndex[];
  /** Further weights of C. */
  readonly context: readonly { readonly when: RuleIndex; readonly weight: number }[];
  /** A further factor of L. */
  readonly lever: number;
  /** Of one contact, >= 0, in the currency of the budgets. */
  readonly cost: number;
  /** Beta prior: alpha, beta > 0. */
  readonly prior: { readonly alpha: number; readonly beta: number };
  /** By field (title, text, script, talkingPoints, ...), by locale (`en` always there); a list of templates for a list field. */
  readonly content: Readonly<Record<string, Readonly<Record<string, Template | readonly Template[]>>>>;
}

export type ChannelKind = "websocket" | "stream" | "webhook" | "pull";

/** Where the messages of a channel of kind `webhook` are posted to. */
export interface Webhook {
  /** https:, or http: where that is declared or the host is a loopback address. */
  readonly url: string;
  /** Name of the environment variable that holds the secret: the rulebook itself never does. */
  readonly secretFrom: string;
  /** Of one attempt, in ms. */
  readonly timeoutMs: number;
  /** Requests at the same time, over all partitions of one engine; one for each customer at most. */
  readonly inFlight: number;
}

export interface Channel {
  readonly index: ChannelIndex;
  readonly name: string;
  readonly hash: NameHash;
  readonly label: string;
  readonly place: Place;
  readonly kind: ChannelKind;
  readonly countsAt: CountsAt;
  readonly reserveForMs: number;
  /** A message that was not handed over this long after its decision never is. */
  readonly maxAgeMs: number;
  /** Of kind `webhook` only. */
  readonly webhook: Webhook | undefined;
  /** Used where the customer has said nothing for channel and purpose. */
  readonly consentDefault: "granted" | "denied";
  /** The same for single purposes. */
  readonly consentDefaults: ReadonlyMap<string, "granted" | "denied">;
  /** How values of placeholders are escaped. */
  readonly format: "text" | "html";
}

export interface Placement {
  readonly index: PlacementIndex;
  readonly name: string;
  readonly hash: NameHash;
  readonly label: string;
  readonly place: Place;
  readonly direction: "inbound" | "outbound";
  readonly channels: readonly ChannelIndex[];
  readonly slots: number;
  /** 0: not sticky. */
  readonly stickyMs: number;
  /** What has less priority is not offered; 0: everything may be. */
  readonly minPriority: number;
  /** Declared content that is safe for anyone. */
  readonly fallback: Readonly<Record<string, string>>;
}

export interface Arbitration {
  /** Exponents of P^a x C^b x V^c x L^d; 0 switches a factor off. */
  readonly propensity: number;
  readonly context: number;
  readonly value: number;
  readonly lever: number;
  /** Of the boost by past outcomes, and of what fatigue leaves. */
  readonly boost: number;
  readonly fatigue: number;
}

/** A named condition: who is in it is worked out at each decision. */
export interface Segment {
  readonly id: string;
  readonly label: string;
  readonly place: Place;
  readonly rule: RuleIndex;
}

export interface RulebookModel {
  readonly index: ModelIndex;
  readonly name: string;
}

export interface Rulebook {
  readonly hash: RulebookHash;
  readonly version: string;
  /** Of texts, where none is asked for or a text is not written in the one that is. */
  readonly defaultLocale: string;
  readonly features: readonly FeatureSpec[];
  readonly attributes: readonly AttributeSpec[];
  readonly models: readonly RulebookModel[];
  /** Sorted by id: index order is id order, so ties are broken by index. */
  readonly actions: readonly Action[];
  /** Sorted by id, as actions are. */
  readonly treatments: readonly Treatment[];
  readonly channels: readonly Channel[];
  readonly placements: readonly Placement[];
  readonly triggers: readonly Trigger[];
  readonly contactLimits: readonly ContactLimit[];
  readonly coolDowns: readonly CoolDown[];
  readonly related: readonly RelatedSuppression[];
  readonly caseRules: readonly CaseRule[];
  readonly quietHours: readonly QuietHours[];
  readonly zones: Zones;
  readonly fatigue: Fatigue | undefined;
  readonly boosts: readonly Boost[];
  readonly quotas: readonly Quota[];
  readonly slateLimits: readonly SlateLimit[];
  readonly bundles: readonly Bundle[];
  readonly segments: readonly Segment[];
  readonly campaigns: readonly Campaign[];
  readonly holdout: Holdout | undefined;
  readonly experiments: readonly Experiment[];
  /** By name: the same rulebook with the files under rules/variants/NAME/ in the place of its own. Those have none. */
  readonly variants: ReadonlyMap<string, Rulebook>;
  readonly arbitration: Arbitration;
  readonly rules: readonly Rule[];
  /** Slots of verdicts, at most one for each rule. */
  readonly verdicts: number;
  readonly weights: number;
  readonly triggersByType: ReadonlyMap<string, readonly Trigger[]>;
  /** The longest time for which a contact can matter to a limit or a cool-down. */
  readonly contactMemoryMs: number;
  /** Evaluates every rule that needs no model: out[slot] = RULE_FALSE | RULE_TRUE | RULE_ERROR. out.length >= verdicts. */
  readonly evaluateRules: (scope: RuleScope, out: Uint8Array) => void;
  /** Evaluates the rules that read models; out holds what evaluateRules left. */
  readonly evaluateModelRules: (scope: RuleScope, out: Uint8Array) => void;
  /** Evaluates the weight expressions: out[slot], NaN on error. out.length >= weights. */
  readonly evaluateWeights: (scope: RuleScope, out: Float64Array) => void;
  /** Evaluates one rule, for triggers and explanations. */
  readonly evaluateRule: (rule: RuleIndex, scope: RuleScope) => 0 | 1 | 2;
}

/** A fault in a rulebook or model folder. */
export interface Fault extends Place {
  /** What is wrong, with the text as written, and what would be right. */
  readonly message: string;
}

/** All files of a rulebook: path relative to its folder -> text. What is stored in Redis by hash. */
export type RulebookFiles = Readonly<Record<string, string>>;

/** What the compiler must know of the models that rules may read. */
export interface KnownModel {
  readonly name: string;
  readonly sha256: string;
}

export type CompiledRulebook =
  | {
      readonly kind: "compiled";
      readonly rulebook: Rulebook;
      /** Every name that a rule or a weight reads, of a variant too, such as `features.spend_30d` or `segments.young_saver`. */
      readonly reads: ReadonlySet<string>;
    }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };
