// A rulebook arranged for deciding: everything that does not depend on the customer is worked out once.
import { hashText } from "../domain/hash.ts";
import type { ModelIndex, NameHash, PlacementIndex, RuleIndex, TreatmentIndex, VerdictSlot } from "../domain/ids.ts";
import type { Bundle, SlateLimit } from "../rulebook/policies.ts";
import type { Action, Channel, Rule, Rulebook, Template, Treatment } from "../rulebook/rulebook.ts";
import type { Steps } from "../rulebook/steps.ts";
import type { ContextWeight } from "./arbitration.ts";
import { type CandidateTable, tabulateCandidates } from "./candidate-table.ts";
import { type LimitPlan, planLimits } from "./contact-limits.ts";
import { type PolicyTable, tabulatePolicies } from "./policy-table.ts";
import { planQuotas, type QuotaPlan } from "./quotas.ts";

export type EngagementStage = "eligibility" | "applicability" | "suitability";

export interface TierRule {
  readonly stage: EngagementStage;
  readonly rule: RuleIndex;
  /** Of its verdict. */
  readonly slot: VerdictSlot;
}

export interface PreparedTreatment {
  readonly treatment: Treatment;
  readonly action: Action;
  readonly channel: Channel;
  /** Placements that show its channel, ascending. */
  readonly placements: readonly PlacementIndex[];
  /** Row of its (channel, purpose) among the consents to look up. */
  readonly consentRow: number;
  /** Of its own engagement policy, tested after that of its action: the rules that read no model, and those that do. */
  readonly freeRules: readonly TierRule[];
  readonly modelRules: readonly TierRule[];
  readonly context: readonly ContextWeight[];
}

export interface PreparedAction {
  readonly action: Action;
  /** Of the engagement policy, tier by tier: the rules that read no model, and those that do. */
  readonly freeRules: readonly TierRule[];
  readonly modelRules: readonly TierRule[];
  readonly context: readonly ContextWeight[];
  /** Ascending. */
  readonly treatments: readonly PreparedTreatment[];
  /** Models that its rules, weights, value, reasons or texts read. */
  readonly needsModels: readonly ModelIndex[];
  /** Those that name it. */
  readonly slateLimits: readonly SlateLimit[];
  /** The one that it belongs to. */
  readonly bundle: Bundle | undefined;
}

export interface ConsentNeed {
  readonly channel: Channel;
  readonly purpose: string;
}

export interface Prepared {
  readonly rulebook: Rulebook;
  readonly actions: readonly PreparedAction[];
  /** Does any action need a model? */
  readonly readsModels: boolean;
  /** Actions that room may be held for. */
  readonly holders: readonly PreparedAction[];
  /** By TreatmentIndex. */
  readonly treatments: readonly PreparedTreatment[];
  readonly table: CandidateTable;
  readonly treatmentByHash: ReadonlyMap<NameHash, TreatmentIndex>;
  /** By consentRow. */
  readonly consentNeeds: readonly ConsentNeed[];
  readonly limits: LimitPlan;
  readonly quotas: QuotaPlan;
  readonly policies: PolicyTable;
  /** By id of a trigger or campaign: how long a message that quiet hours keep back is worth deciding again, in ms. */
  readonly holdForMs: ReadonlyMap<string, number>;
  /** By RuleIndex: hash of the rule's id, for digests. */
  readonly ruleHashes: Uint32Array;
}

/** In pieces of about an action each. */
export function* prepareInSteps(rulebook: Rulebook): Steps<Prepared> {
  const consentNeeds: ConsentNeed[] = [];
  const treatments: PreparedTreatment[] = [];
  for (const treatment of rulebook.treatments) {
    treatments.push(prepareTreatment(rulebook, treatment, consentNeeds));
    yield;
  }
  const treatmentByHash = new Map<NameHash, TreatmentIndex>();
  for (const { treatment } of treatments) treatmentByHash.set(treatment.hash, treatment.index);
  const actions: PreparedAction[] = [];
  for (const action of rulebook.actions) {
    actions.push(prepareAction(rulebook, action, treatments));
    yield;
  }
  const table = yield* tabulateCandidates(rulebook, actions, treatments);
  const ruleHashes = new Uint32Array(rulebook.rules.length);
  for (const { index, id } of rulebook.rules) {
    ruleHashes[index] = hashText(id, 0)[0] as number;
    yield;
  }
  return {
    rulebook,
    actions,
    readsModels: actions.some(({ needsModels }) => needsModels.length > 0),
    holders: actions.filter(({ action }) => action.holdsRoom !== undefined),
    treatments,
    table,
    treatmentByHash,
    consentNeeds,
    limits: planLimits(rulebook),
    quotas: planQuotas(rulebook),
    policies: tabulatePolicies(rulebook),
    holdForMs: new Map([...rulebook.campaigns, ...rulebook.triggers].map(({ id, holdForMs }) => [id, holdForMs])),
    ruleHashes,
  };
}

function prepareTreatment(rulebook: Rulebook, treatment: Treatment, needs: ConsentNeed[]): PreparedTreatment {
  const action = rulebook.actions[treatment.action] as Action;
  const channel = rulebook.channels[treatment.channel] as Channel;
  const placements = treatment.placements
    .filter((placement) => rulebook.placements[placement]?.channels.includes(treatment.channel))
    .sort((a, b) => a - b);
  const tiers = tiersOf(rulebook, treatment);
  return { treatment, action, channel, placements, consentRow: consentRow(needs, channel, action.purpose), ...tiers };
}

function consentRow(needs: ConsentNeed[], channel: Channel, purpose: string): number {
  const known = needs.findIndex((need) => need.channel === channel && need.purpose === purpose);
  return known >= 0 ? known : needs.push({ channel, purpose }) - 1;
}

function prepareAction(rulebook: Rulebook, action: Action, treatments: readonly PreparedTreatment[]): PreparedAction {
  return {
    action,
    ...tiersOf(rulebook, action),
    treatments: [...action.treatments].sort((a, b) => a - b).map((index) => treatments[index] as PreparedTreatment),
    needsModels: modelsOf(rulebook, action),
    slateLimits: rulebook.slateLimits.filter(({ actions }) => actions.has(action.index)),
    bundle: rulebook.bundles.find(({ actions }) => actions.includes(action.index)),
  };
}

type Tiers = Pick<Action | Treatment, EngagementStage | "context">;

function tiersOf(rulebook: Rulebook, { eligibility, applicability, suitability, context: written }: Tiers) {
  const tier = (stage: EngagementStage) => (rule: RuleIndex) => ({ stage, rule, slot: slotOf(rulebook, rule) });
  const rules: TierRule[] = [
    ...eligibility.map(tier("eligibility")),
    ...applicability.map(tier("applicability")),
    ...suitability.map(tier("suitability")),
  ];
  const readsModel = ({ rule }: TierRule) => (rulebook.rules[rule]?.needsModels.length ?? 0) > 0;
  const context = written.map(({ when, weight }): ContextWeight => ({ slot: slotOf(rulebook, when), weight }));
  return { freeRules: rules.filter((rule) => !readsModel(rule)), modelRules: rules.filter(readsModel), context };
}

/** Where the verdict of a rule lies. */
export function slotOf({ rules }: Rulebook, rule: RuleIndex): VerdictSlot {
  return (rules[rule] as Rule).slot;
}

function modelsOf(rulebook: Rulebook, action: Action): readonly ModelIndex[] {
  const found = new Set<ModelIndex>(action.needsModels);
  const ofRule = (rule: RuleIndex | undefined) => {
    if (rule !== undefined) for (const model of rulebook.rules[rule]?.needsModels ?? []) found.add(model);
  };
  const ofTemplate = (template: Template) => {
    for (const part of template) {
      if (typeof part === "string" || !part.read.startsWith("model.")) continue;
      const model = rulebook.models.find(({ name }) => name === part.read.slice("model.".length));
      if (model !== undefined) found.add(model.index);
    }
  };
  for (const tier of [action.eligibility, action.applicability, action.suitability]) tier.forEach(ofRule);
  for (const { when } of action.context) ofRule(when);
  for (const { when, text } of action.reasons) {
    ofRule(when);
    Object.values(text).forEach(ofTemplate);
  }
  for (const index of action.treatments) {
    const { eligibility, applicability, suitability, context } = rulebook.treatments[index] as Treatment;
    for (const tier of [eligibility, applicability, suitability]) tier.forEach(ofRule);
    for (const { when } of context) ofRule(when);
    for (const byLocale of Object.values(rulebook.treatments[index]?.content ?? {})) {
      for (const text of Object.values(byLocale)) {
        if (isList(text)) text.forEach(ofTemplate);
        else ofTemplate(text);
      }
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** A list field holds templates, a plain field holds the parts of one. */
export function isList(text: Template | readonly Template[]): text is readonly Template[] {
  return text.length > 0 && Array.isArray(text[0]);
}
