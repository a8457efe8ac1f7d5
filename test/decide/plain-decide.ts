// A decision by SPEC.md, told plainly: every rule in its place, objects and loops, nothing fused, packed or kept between two
// decisions. It leaves out what is kept by a sticky placement, bundles, held room, quiet hours, related suppressions and cases:
// the rulebooks that it is asked with have none of them.
import type { DecisionInput, ModelScore } from "../../engine/domain/decision.ts";
import type { Stage } from "../../engine/domain/drop.ts";
import type { RuleIndex } from "../../engine/domain/ids.ts";
import type { Action, Placement, Rule, Rulebook, Template, Treatment } from "../../engine/rulebook/rulebook.ts";
import {
  actionOf,
  armsOf,
  type Case,
  consentOf,
  isAtLimit,
  isHeldOut,
  isLiveElsewhere,
  isSuppressed,
  lacksQuota,
  priorityOf,
  propensityOf,
} from "./plain-policies.ts";

export interface PlainDecision {
  /** `home: a:app b:app`, in the order asked. */
  readonly slates: readonly string[];
  readonly withheld: readonly string[];
  /** `a:app arbitration same-action`, sorted. */
  readonly dropped: readonly string[];
}

type Why = Stage | `${Stage} ${string}`;

interface Loss {
  readonly why: Why;
  /** It holds in every placement, and goes before what was lost in one. */
  readonly isEverywhere: boolean;
  readonly placement: Placement;
}

interface Asked {
  readonly placement: Placement;
  readonly limit: number;
}

export function plainDecide(rulebook: Rulebook, input: DecisionInput, scores: readonly ModelScore[]): PlainDecision {
  const one = openCase(rulebook, input, scores);
  const asked = askedOf(rulebook, input);
  const drops = new Map<string, Why>();
  const pairs: { treatment: Treatment; placement: Placement; priority: number }[] = [];
  const losses = new Map<Treatment, Loss>();
  for (const action of rulebook.actions) {
    const early = earlyFall(one, action, asked, false);
    if (early !== undefined) {
      drops.set(action.id, early);
      continue;
    }
    const own = new Map<Treatment, Why>();
    const open: Treatment[] = [];
    for (const treatment of treatmentsFor(one, action, asked)) {
      const why = treatmentFall(one, treatment, asked);
      if (why === undefined) open.push(treatment);
      else own.set(treatment, why);
    }
    const late = open.length === 0 ? undefined : earlyFall(one, action, asked, true);
    if (late !== undefined) {
      drops.set(action.id, late);
      continue;
    }
    for (const [treatment, why] of own) drops.set(treatment.id, why);
    for (const treatment of open) {
      const why = ruleFall(rulebook, one, treatment, true) ?? (lacksQuota(one, treatment) ? "quota" : undefined);
      if (why !== undefined) drops.set(treatment.id, why);
      else pairs.push(...pairsOf(one, treatment, asked));
    }
  }
  rank(one, pairs, asked, losses);
  for (const [treatment, { why }] of losses) drops.set(treatment.id, why);
  return conclude(one, asked, drops);
}

function openCase(rulebook: Rulebook, input: DecisionInput, scores: readonly ModelScore[]): Case {
  const models = new Float64Array(rulebook.models.length).fill(Number.NaN);
  for (const { model, value } of scores) models[model] = value;
  const { features, attributes, openCases, key } = input.profile;
  const { context } = input.request;
  const scope = {
    features,
    attributes,
    context,
    models,
    openCases: openCases.length,
    anonymous: key.startsWith("anon:"),
  };
  return { rulebook, input, scope, arms: armsOf(rulebook, input), placed: [] };
}

/** SLT-1, SLT-2 */
function askedOf({ placements }: Rulebook, { request }: DecisionInput): readonly Asked[] {
  return [...new Set(request.placements.map(({ placement }) => placement))].map((index) => {
    const placement = placements[index] as Placement;
    const most = Math.max(...request.placements.filter((each) => each.placement === index).map(({ limit }) => limit));
    return { placement, limit: Math.min(most, placement.slots) };
  });
}

/** AVL-1 */
function treatmentsFor({ rulebook, input }: Case, action: Action, asked: readonly Asked[]): readonly Treatment[] {
  return action.treatments
    .map((index) => rulebook.treatments[index] as Treatment)
    .filter(({ channel, placements }) => {
      if (input.request.channel !== undefined && input.request.channel !== channel) return false;
      return asked.some(
        ({ placement }) => placements.includes(placement.index) && placement.channels.includes(channel),
      );
    });
}

/** AVL-1 to AVL-3 and the rules of the action; `late`: only those that read models. */
function earlyFall(one: Case, action: Action, asked: readonly Asked[], late: boolean): Why | undefined {
  if (!late) {
    if (treatmentsFor(one, action, asked).length === 0) return "availability no-treatment";
    const closed = closedBy(action, one.input.now);
    if (closed !== undefined) return closed;
  }
  return ruleFall(one.rulebook, one, action, late);
}

function closedBy({ enabled, from, to }: Pick<Action, "enabled" | "from" | "to">, now: number): Why | undefined {
  if (!enabled) return "availability switched-off";
  if (now < from) return "availability not-yet";
  return now >= to ? "availability no-longer" : undefined;
}

/** ELG-1 to ELG-3, APP-1, SUI-1 */
function ruleFall(rulebook: Rulebook, { scope }: Case, of: Action | Treatment, late: boolean): Why | undefined {
  for (const tier of ["eligibility", "applicability", "suitability"] as const) {
    for (const index of of[tier] as readonly RuleIndex[]) {
      if ((rulebook.rules[index] as Rule).needsModels.length > 0 !== late) continue;
      const verdict = rulebook.evaluateRule(index, scope);
      if (verdict !== 1) return `${tier} ${verdict === 2 ? "rule-error" : "false"}`;
    }
  }
  return undefined;
}

/** What needs no model. */
function treatmentFall(one: Case, treatment: Treatment, asked: readonly Asked[]): Why | undefined {
  const closed = closedBy(treatment, one.input.now);
  if (closed !== undefined) return closed;
  if (one.arms.some(({ treatmentsOff }) => treatmentsOff.has(treatment.index))) return "availability arm";
  const rule = ruleFall(one.rulebook, one, treatment, false);
  if (rule !== undefined) return rule;
  const consent = consentOf(one, treatment);
  if (consent !== "granted") return `consent ${consent}`;
  if (isSuppressed(one, treatment)) return "suppression";
  const places = asked.filter(({ placement }) => isPlace(treatment, placement));
  if (places.every(({ placement }) => isLiveElsewhere(one, treatment, placement))) return "suppression";
  if (isAtLimit(one, treatment)) return "contact-limit";
  if (propensityOf(one, treatment) >= actionOf(one, treatment).propensityFloor) return undefined;
  return lacksQuota(one, treatment) ? "quota" : "propensity";
}

const isPlace = ({ placements, channel }: Treatment, { index, channels }: Placement): boolean =>
  placements.includes(index) && channels.includes(channel);

function pairsOf(one: Case, treatment: Treatment, asked: readonly Asked[]) {
  const priority = priorityOf(one, treatment);
  return asked
    .filter(({ placement }) => isPlace(treatment, placement) && !isLiveElsewhere(one, treatment, placement))
    .map(({ placement }) => ({ treatment, placement, priority }));
}

/** ARB-3 to ARB-9: every pair in its turn is placed, or says why not. */
function rank(one: Case, pairs: Case["placed"], asked: readonly Asked[], losses: Map<Treatment, Loss>): void {
  const lose = (treatment: Treatment, placement: Placement, why: Why, isEverywhere: boolean): void => {
    const told = losses.get(treatment);
    const tellsMore =
      told === undefined || (!told.isEverywhere && (isEverywhere || placement.index < told.placement.index));
    if (tellsMore) losses.set(treatment, { why, isEverywhere, placement });
  };
  const able = pairs.filter(({ treatment, placement, priority }) => {
    if (Number.isNaN(priority)) lose(treatment, placement, "arbitration rule-error", false);
    else if (priority < placement.minPriority) lose(treatment, placement, "arbitration below-minimum", false);
    else return true;
    return false;
  });
  able.sort(
    (a, b) => b.priority - a.priority || a.treatment.index - b.treatment.index || a.placement.index - b.placement.index,
  );
  for (const pair of able) {
    const { treatment, placement } = pair;
    const winner = one.placed.find((each) => each.treatment.action === treatment.action);
    if (winner?.treatment === treatment) continue;
    const { limit } = asked.find((each) => each.placement === placement) as Asked;
    if (winner !== undefined) lose(treatment, placement, "arbitration same-action", false);
    else if (isExcluded(one, treatment, placement)) lose(treatment, placement, "arbitration excluded", false);
    else if (one.placed.filter((each) => each.placement === placement).length >= limit) {
      lose(treatment, placement, "slots", false);
    } else if (isAtLimit(one, treatment)) lose(treatment, placement, "contact-limit", true);
    else if (lacksQuota(one, treatment)) lose(treatment, placement, "quota", true);
    else if (lacksText(one, treatment)) lose(treatment, placement, "content", true);
    else one.placed.push(pair);
  }
}

/** ARB-9 */
function isExcluded(one: Case, { action }: Treatment, placement: Placement): boolean {
  return one.rulebook.slateLimits.some(({ max, per, actions }) => {
    if (!actions.has(action)) return false;
    const beside = one.placed.filter((each) => per === "decision" || each.placement === placement);
    return beside.filter(({ treatment }) => actions.has(treatment.action)).length >= max;
  });
}

/** CNT-2, of texts that are written in English alone. */
function lacksText({ scope }: Case, { content }: Treatment): boolean {
  return Object.values(content).some((byLocale) =>
    (byLocale["en"] as Template).some((part) => {
      if (typeof part === "string") return false;
      const value = part.get(scope);
      return value === undefined || (typeof value === "number" && !Number.isFinite(value));
    }),
  );
}

/** HLD-1 to HLD-3; ARB-6: what stands somewhere has no drop. */
function conclude(one: Case, asked: readonly Asked[], drops: Map<string, Why>): PlainDecision {
  const heldOut = isHeldOut(one.rulebook, one.input);
  const isWithheld = (treatment: Treatment): boolean => heldOut && !actionOf(one, treatment).exempt;
  for (const { treatment } of one.placed) {
    if (isWithheld(treatment)) drops.set(treatment.id, "holdout");
    else drops.delete(treatment.id);
  }
  const told = (withheld: boolean): readonly string[] =>
    asked.map(({ placement }) => {
      const items = one.placed.filter(
        (each) => each.placement === placement && isWithheld(each.treatment) === withheld,
      );
      return [`${placement.name}:`, ...items.map(({ treatment }) => treatment.id)].join(" ");
    });
  return {
    slates: told(false),
    withheld: told(true).filter((line) => line.includes(" ")),
    dropped: [...drops].map(([id, why]) => `${id} ${why}`).sort(),
  };
}
