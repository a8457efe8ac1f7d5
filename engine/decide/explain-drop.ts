// One dropped candidate in words: the rule as written with the values that it read, or the policy, or the rival.
import type { Drop, Stage } from "../domain/drop.ts";
import type { PropValue } from "../domain/event.ts";
import type { PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Place } from "../rulebook/place.ts";
import { RULE_ERROR, RULE_TRUE, type Rule, type Rulebook, type RuleScope } from "../rulebook/rulebook.ts";
import type { Decider } from "./decide.ts";
import { policyNamed } from "./drop-fields.ts";
import type { Prepared, PreparedTreatment, TierRule } from "./prepared.ts";

/** What rules read at the decision, models included. */
export interface Reading {
  readonly decider: Decider;
  readonly scope: RuleScope;
}

export interface RuleExplained {
  readonly id: string;
  readonly stage: Stage;
  /** The expression as written, and where. */
  readonly text: string;
  readonly place: Place;
  readonly verdict: "true" | "false" | "error";
  /** What it read, by the name in the expression; null where there was no value. */
  readonly values: Readonly<Record<string, PropValue | null>>;
}

/** Where and why a candidate fell. Fields are there where the stage has them. */
export interface Fall {
  readonly stage: Stage;
  readonly because?: string;
  readonly rule?: RuleExplained;
  readonly policy?: string;
  readonly policyPlace?: Place;
  readonly counted?: number;
  /** Of the contact limit: how many within which time; calendar days where they count. */
  readonly max?: number;
  readonly windowMs?: number;
  readonly calendarDays?: number;
  /** The action that room under a cap is held for. */
  readonly heldFor?: string;
  /** Units of a quota: left, and needed. */
  readonly left?: number;
  readonly needed?: number;
  /** Undefined too where it never opens again. */
  readonly reopensAt?: Instant;
  readonly propensity?: number;
  readonly floor?: number;
  readonly placement?: string;
  readonly lostTo?: string;
  readonly priority?: number;
  /** The placeholder that had no value. */
  readonly missing?: string;
}

export function explainDrop(reading: Reading, drop: Drop): Fall {
  const { prepared } = reading.decider;
  const { stage } = drop;
  switch (stage) {
    case "availability":
    case "consent":
      return { stage, because: drop.because };
    case "eligibility":
    case "applicability":
    case "suitability":
      return { stage, because: drop.because, rule: explainRule(reading, { stage, rule: drop.rule }) };
    case "suppression":
    case "quiet-hours":
      return { stage, because: drop.because, ...policyOf(prepared, drop), ...opening(drop) };
    case "contact-limit": {
      const heldFor = drop.heldFor === undefined ? {} : { heldFor: prepared.rulebook.actions[drop.heldFor]?.id ?? "" };
      const policy = { ...policyOf(prepared, drop), counted: drop.counted, ...limitOf(prepared, drop) };
      return { stage, ...policy, ...opening(drop), ...heldFor };
    }
    case "quota": {
      const quota = prepared.rulebook.quotas[drop.quota];
      const place = quota === undefined ? {} : { policy: quota.id, policyPlace: quota.place };
      return { stage, ...place, left: drop.left, needed: drop.needed };
    }
    case "propensity":
      return { stage, propensity: drop.propensity, floor: drop.floor };
    case "arbitration":
      return explainArbitration(prepared, drop);
    case "content":
      return {
        stage,
        placement: placementName(prepared, drop.placement),
        missing: drop.missing,
        priority: drop.priority,
      };
    case "slots":
      return { stage, ...rivalOf(prepared, drop) };
    case "holdout":
      return { stage, placement: placementName(prepared, drop.placement), priority: drop.priority };
  }
}

function policyOf(prepared: Prepared, drop: Parameters<typeof policyNamed>[1]) {
  const { id, place } = policyNamed(prepared, drop);
  return { policy: id, ...(place === undefined ? {} : { policyPlace: place }) };
}

function limitOf({ rulebook }: Prepared, { policy }: Extract<Drop, { stage: "contact-limit" }>) {
  const limit = rulebook.contactLimits.find(({ index }) => index === policy);
  if (limit === undefined) return {};
  const { max, windowMs, calendarDays } = limit;
  return { max, windowMs, ...(calendarDays > 0 ? { calendarDays } : {}) };
}

function explainArbitration(prepared: Prepared, drop: Extract<Drop, { stage: "arbitration" }>): Fall {
  const { stage, because, placement, priority } = drop;
  switch (because) {
    case "rule-error":
      return { stage, because, placement: placementName(prepared, placement) };
    case "below-minimum": {
      const floor = prepared.rulebook.placements[placement]?.minPriority ?? 0;
      return { stage, because, placement: placementName(prepared, placement), priority, floor };
    }
    case "same-action":
      return { stage, because, ...rivalOf(prepared, drop) };
    case "excluded":
    case "bundle-incomplete":
      return { stage, because, ...policyOf(prepared, drop), ...rivalOf(prepared, drop) };
  }
}

function opening({ reopensAt }: { readonly reopensAt: Instant }) {
  return Number.isFinite(reopensAt) ? { reopensAt } : {};
}

function rivalOf(
  prepared: Prepared,
  drop: { readonly placement: PlacementIndex; readonly lostTo: TreatmentIndex; readonly priority: number },
) {
  const lostTo = (prepared.treatments[drop.lostTo] as PreparedTreatment).treatment.id;
  return { placement: placementName(prepared, drop.placement), lostTo, priority: drop.priority };
}

export function placementName({ rulebook }: Prepared, placement: PlacementIndex): string {
  return rulebook.placements[placement]?.name ?? "";
}

export function explainRule(
  { decider, scope }: Reading,
  { stage, rule: index }: Pick<TierRule, "stage" | "rule">,
): RuleExplained {
  const { rulebook } = decider;
  const { id, text, place, reads } = rulebook.rules[index] as Rule;
  const verdict = rulebook.evaluateRule(index, scope);
  return {
    id,
    stage,
    text,
    place,
    verdict: verdict === RULE_TRUE ? "true" : verdict === RULE_ERROR ? "error" : "false",
    values: Object.fromEntries(reads.map((name) => [name, valueRead(decider, scope, name) ?? null])),
  };
}

/** `features.spend_30d`, `attributes.age`, `context.page`, `model.churn`, `customer.open_cases`, `customer.anonymous` */
function valueRead({ rulebook }: Decider, scope: RuleScope, read: string): PropValue | undefined {
  const name = read.slice(read.indexOf(".") + 1);
  const number = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? undefined : value);
  switch (read.slice(0, read.indexOf("."))) {
    case "features":
      return number(scope.features[rulebook.features.findIndex((feature) => feature.name === name)]);
    case "attributes":
      return scope.attributes[rulebook.attributes.findIndex((attribute) => attribute.name === name)];
    case "model":
      return number(scope.models[rulebook.models.findIndex((model) => model.name === name)]);
    case "context":
      return Object.hasOwn(scope.context, name) ? scope.context[name] : undefined;
    case "customer":
      return name === "open_cases" ? scope.openCases : name === "anonymous" ? scope.anonymous : undefined;
    case "segments":
      return isInSegment(rulebook, scope, name);
  }
  return undefined;
}

/** Undefined where its expression fails, or where the segment is not known. */
function isInSegment(rulebook: Rulebook, scope: RuleScope, id: string): boolean | undefined {
  const segment = rulebook.segments.find((candidate) => candidate.id === id);
  if (segment === undefined) return undefined;
  const verdict = rulebook.evaluateRule(segment.rule, scope);
  return verdict === RULE_ERROR ? undefined : verdict === RULE_TRUE;
}
