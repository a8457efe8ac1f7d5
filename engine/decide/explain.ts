// Why a journalled decision came out as it did: every action, every stage that it passed or where it fell, with the rule
// as written and the values that the rule read. A replay, so it costs the hot path nothing.
import type { Decision, DecisionRecord, Item, NoneReason, Priority, Slate } from "../domain/decision.ts";
import type { Drop, Stage } from "../domain/drop.ts";
import { STAGES } from "../domain/drop.ts";
import { isAnonymous, type PlacementIndex, type RuleIndex, type TreatmentIndex } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Place } from "../rulebook/place.ts";
import type { RuleScope } from "../rulebook/rulebook.ts";
import type { Decider } from "./decide.ts";
import {
  explainDrop,
  explainRule,
  type Fall,
  placementName,
  type Reading,
  type RuleExplained,
} from "./explain-drop.ts";
import type { PreparedAction, PreparedTreatment } from "./prepared.ts";
import { spentByName } from "./record.ts";
import { replay } from "./replay.ts";

export interface TreatmentExplained {
  readonly treatment: string;
  readonly channel: string;
  /** `withheld`: it would have been shown, were the customer not in the holdout. */
  readonly outcome: "offered" | "withheld" | "dropped" | "not-asked";
  /** Stages passed, in order, before it fell or was offered. */
  readonly passed: readonly Stage[];
  readonly fell?: Fall;
  readonly placement?: string;
  readonly rank?: number;
  readonly kept?: boolean;
  readonly factors?: Priority;
}

export interface ActionExplained {
  readonly action: string;
  readonly label: string;
  readonly issue: string;
  readonly group: string;
  readonly place: Place;
  readonly outcome: "offered" | "withheld" | "dropped";
  readonly passed: readonly Stage[];
  /** Where the action fell as a whole, for all its treatments. */
  readonly fell?: Fall;
  /** Its engagement policy in order, up to the rule that failed; empty where it was not available. */
  readonly rules: readonly RuleExplained[];
  readonly treatments: readonly TreatmentExplained[];
}

export type Explanation =
  | {
      readonly kind: "explained";
      readonly decision: DecisionRecord["id"];
      readonly now: Instant;
      readonly rulebook: { readonly hash: string; readonly version: string };
      readonly outcome: "act" | "none";
      readonly because?: NoneReason;
      /** The replay found exactly what was journalled; else what differs. */
      readonly reproduced: boolean;
      readonly differences: readonly string[];
      readonly models: DecisionRecord["models"];
      readonly arms: Decision["arms"];
      /** Of recent contacts, over all channels; what it leaves of each priority is the factor `fatigue`. */
      readonly pressure: number;
      readonly spent: DecisionRecord["spent"];
      /** When what quiet hours keep back is decided again. */
      readonly heldUntil?: Instant;
      /** Actions and treatments that fell at each stage; stages where none did are left out. */
      readonly funnel: readonly { readonly stage: Stage; readonly dropped: number }[];
      readonly actions: readonly ActionExplained[];
    }
  | { readonly kind: "other-rulebook"; readonly recorded: string; readonly given: string };

interface Telling extends Reading {
  readonly drops: readonly Drop[];
  readonly shown: Items;
  readonly withheld: Items;
  readonly isOutbound: boolean;
}

type Items = ReadonlyMap<TreatmentIndex, { readonly item: Item; readonly placement: PlacementIndex }>;

export function explain(decider: Decider, record: DecisionRecord): Explanation {
  const { rulebook, prepared } = decider;
  const { decision, reproduced, differences } = replay(decider, record);
  if (decision === undefined) return { kind: "other-rulebook", recorded: record.rulebook, given: rulebook.hash };
  const drops = [...decision.dropped];
  const telling: Telling = {
    decider,
    scope: scopeOf(decider, record),
    drops,
    shown: itemsOf(decision.slates),
    withheld: itemsOf(decision.withheld),
    isOutbound: record.direction === "outbound",
  };
  const { heldUntil } = decision;
  return {
    kind: "explained",
    decision: record.id,
    now: record.now,
    rulebook: { hash: rulebook.hash, version: rulebook.version },
    outcome: decision.kind,
    ...(decision.kind === "none" ? { because: decision.because } : {}),
    reproduced,
    differences,
    models: record.models,
    arms: decision.arms,
    pressure: decision.pressure,
    spent: spentByName(decider, decision),
    ...(heldUntil === undefined ? {} : { heldUntil }),
    funnel: funnelOf(drops),
    actions: prepared.actions.map((action) => explainAction(telling, action)),
  };
}

function explainAction(telling: Telling, prepared: PreparedAction): ActionExplained {
  const { action } = prepared;
  const drop = telling.drops.find((found) => "action" in found && found.action === action.index);
  const treatments = prepared.treatments.map((treatment) => explainTreatment(telling, treatment));
  return {
    action: action.id,
    label: action.label,
    issue: action.issue.id,
    group: action.group.id,
    place: action.place,
    outcome: outcomeOf(treatments),
    passed: passedBefore(telling, drop?.stage ?? "consent"),
    ...(drop === undefined ? {} : { fell: explainDrop(telling, drop) }),
    rules: drop?.stage === "availability" ? [] : rulesTested(telling, prepared, drop),
    treatments,
  };
}

function explainTreatment(telling: Telling, { treatment, channel }: PreparedTreatment): TreatmentExplained {
  const { index } = treatment;
  const names = { treatment: treatment.id, channel: channel.name };
  const shown = telling.shown.get(index);
  const withheld = telling.withheld.get(index);
  const drop = telling.drops.find((found) => "treatment" in found && found.treatment === index);
  const fell = drop === undefined ? {} : { fell: explainDrop(telling, drop) };
  const won = shown ?? withheld;
  if (won !== undefined) {
    const { rank, kept, factors } = won.item;
    const placement = placementName(telling.decider.prepared, won.placement);
    const outcome = shown === undefined ? "withheld" : "offered";
    return { ...names, outcome, passed: passedBefore(telling, "holdout"), placement, rank, kept, factors, ...fell };
  }
  if (drop === undefined) return { ...names, outcome: "not-asked", passed: [] };
  return { ...names, outcome: "dropped", passed: passedBefore(telling, drop.stage), ...fell };
}

function outcomeOf(treatments: readonly TreatmentExplained[]): ActionExplained["outcome"] {
  const has = (wanted: TreatmentExplained["outcome"]) => treatments.some(({ outcome }) => outcome === wanted);
  if (has("offered")) return "offered";
  return has("withheld") ? "withheld" : "dropped";
}

/** In the order of testing: first those without models, then those with, until one failed. */
function rulesTested(
  telling: Telling,
  { freeRules, modelRules }: PreparedAction,
  drop: Drop | undefined,
): readonly RuleExplained[] {
  const { decider, scope } = telling;
  const failed: RuleIndex | undefined = drop !== undefined && "rule" in drop ? drop.rule : undefined;
  const tested: RuleExplained[] = [];
  for (const tier of [...freeRules, ...modelRules]) {
    const needs = decider.rulebook.rules[tier.rule]?.needsModels ?? [];
    // Models are asked only while a treatment is left: without them these rules were not tested.
    if (tier.rule !== failed && needs.some((model) => Number.isNaN(scope.models[model]))) break;
    tested.push(explainRule(telling, tier));
    if (tier.rule === failed) break;
  }
  return tested;
}

function scopeOf({ rulebook }: Decider, { input, models }: DecisionRecord): RuleScope {
  const outputs = new Float64Array(rulebook.models.length).fill(Number.NaN);
  for (const { name, index } of rulebook.models) {
    outputs[index] = models.find((model) => model.name === name)?.value ?? Number.NaN;
  }
  return {
    features: input.profile.features,
    attributes: input.profile.attributes,
    context: input.request.context,
    models: outputs,
    openCases: input.profile.openCases.length,
    anonymous: isAnonymous(input.profile.key),
  };
}

function itemsOf(slates: readonly Slate[]): Items {
  return new Map(
    slates.flatMap(({ placement, items }) => items.map((item) => [item.treatment, { item, placement }] as const)),
  );
}

/** The stages that a candidate has passed; an inbound decision has no quiet hours. */
function passedBefore({ isOutbound }: Telling, stage: Stage): readonly Stage[] {
  return STAGES.slice(0, STAGES.indexOf(stage)).filter((passed) => isOutbound || passed !== "quiet-hours");
}

function funnelOf(drops: readonly Drop[]) {
  return STAGES.map((stage) => ({ stage, dropped: drops.filter((drop) => drop.stage === stage).length })).filter(
    ({ dropped }) => dropped > 0,
  );
}
