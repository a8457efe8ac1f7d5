// First half of a decision: everything that can be tested before a model is asked.
import type { DecisionInput, DecisionRequest } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import { isAnonymous, type ModelIndex, type PlacementIndex, type TreatmentIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import type { Placement, RuleScope } from "../rulebook/rulebook.ts";
import { propensityOf } from "./arbitration.ts";
import { type ConsentVerdict, consentVerdict } from "./consent.ts";
import type { Ledger } from "./contact-limits.ts";
import { LIVE_POLICY, type Suppression, type Suppressions } from "./contact-policy.ts";
import { firstFailure, firstTreatmentFailure, unavailable } from "./engagement-policy.ts";
import { type Assignment, armsOf, isOffByArm } from "./experiments.ts";
import { type DueTreatment, dueTreatments } from "./held-room.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { QuietTimes } from "./quiet-hours.ts";
import { type KeptContact, stickyContacts } from "./sticky.ts";

export interface Asked {
  readonly placement: Placement;
  /** 1..placement.slots */
  readonly limit: number;
}

/** What is left for `choose`. Owns all that it holds: the next decision does not disturb it. */
export interface Qualified {
  /** Distinct placements in the order asked. */
  readonly asked: readonly Asked[];
  /** Without model outputs. */
  readonly scope: RuleScope;
  /** By RuleIndex, of the rules that read no model. */
  readonly verdicts: Uint8Array;
  readonly arms: readonly Assignment[];
  /** Pairs that may still win, side by side, by action and then by treatment. */
  readonly treatments: readonly TreatmentIndex[];
  readonly placements: readonly PlacementIndex[];
  readonly kept: readonly KeptContact[];
  readonly dropped: readonly Drop[];
  /** When the first of the quiet hours end that something was dropped for; NEVER where nothing was, or none end. */
  readonly quietUntil: Instant;
  /** Treatments that room under a cap may be held for. */
  readonly due: readonly DueTreatment[];
  /** Ascending; empty where no survivor needs one. */
  readonly needsModels: readonly ModelIndex[];
}

export function createQualify(
  prepared: Prepared,
  suppressions: Suppressions,
  quiet: QuietTimes,
  ledger: Ledger,
): (input: DecisionInput) => Qualified {
  const { rulebook } = prepared;
  const isAsked = new Uint8Array(rulebook.placements.length);
  const consents: (ConsentVerdict | undefined)[] = [];

  return function qualify(input: DecisionInput): Qualified {
    const { profile, request, now } = input;
    const asked = askedPlacements(request, rulebook.placements);
    isAsked.fill(0);
    for (const { placement } of asked) isAsked[placement.index] = 1;
    consents.length = 0;
    suppressions.open(input);
    quiet.open(input);
    ledger.open(input);
    const scope = scopeOf(input, rulebook.models.length);
    const verdicts = new Uint8Array(rulebook.rules.length);
    rulebook.evaluateRules(scope, verdicts);
    const arms = armsOf(rulebook, profile.key, now, verdicts);

    const dropped: Drop[] = [];
    const treatments: TreatmentIndex[] = [];
    const placements: PlacementIndex[] = [];
    const kept: KeptContact[] = [];
    const found = { treatments, placements, kept };
    let quietUntil = NEVER;
    const needs = new Set<ModelIndex>();
    const asks = (treatment: PreparedTreatment, placement: PlacementIndex) =>
      isAsked[placement] === 1 &&
      (request.channel === undefined || request.channel === treatment.channel.index) &&
      treatment.placements.includes(placement);
    const sticky = stickyContacts(
      prepared,
      asked.map(({ placement }) => placement),
      profile,
      now,
      asks,
    );

    for (const candidate of prepared.actions) {
      const fell = beforeTreatments(candidate, request, verdicts, now);
      if (fell !== undefined) {
        dropped.push(fell);
        continue;
      }
      const before = treatments.length + kept.length;
      for (const treatment of candidate.treatments) {
        if (!isOpen(treatment, request)) continue;
        const drop = notOffered(treatment, verdicts, arms, now) ?? testTreatment(treatment, input, sticky, found);
        if (drop === undefined) continue;
        dropped.push(drop);
        if (drop.stage === "quiet-hours" && drop.reopensAt < quietUntil) quietUntil = drop.reopensAt;
      }
      if (treatments.length + kept.length > before) for (const model of candidate.needsModels) needs.add(model);
    }
    kept.sort((a, b) => sticky.indexOf(a) - sticky.indexOf(b));
    const mayBeSent = (treatment: PreparedTreatment) =>
      !isOffByArm(arms, treatment.treatment.index) && consentOf(treatment, profile.consents) === "granted";
    const due = treatments.length > 0 ? dueTreatments(prepared, suppressions, mayBeSent, verdicts, input) : [];
    // What it is worth, and whether its rules let it stand, decides whether room is held for it.
    for (const { action } of due) for (const model of prepared.actions[action]?.needsModels ?? []) needs.add(model);
    const needsModels = [...needs].sort((a, b) => a - b);
    return { asked, scope, verdicts, arms, treatments, placements, kept, dropped, quietUntil, due, needsModels };
  };

  function beforeTreatments(
    { action, treatments, freeRules }: PreparedAction,
    request: DecisionRequest,
    verdicts: Uint8Array,
    now: Instant,
  ): Drop | undefined {
    let isWanted = false;
    for (const treatment of treatments) isWanted ||= isOpen(treatment, request);
    const because = isWanted ? unavailable(action, now) : "no-treatment";
    if (because !== undefined) return { stage: "availability", action: action.index, because };
    return firstFailure(action, freeRules, verdicts);
  }

  /** Availability and engagement policy of the treatment itself. */
  function notOffered(
    { treatment, freeRules }: PreparedTreatment,
    verdicts: Uint8Array,
    arms: readonly Assignment[],
    now: Instant,
  ): Drop | undefined {
    const because = unavailable(treatment, now) ?? (isOffByArm(arms, treatment.index) ? "arm" : undefined);
    if (because !== undefined) return { stage: "availability", treatment: treatment.index, because };
    return freeRules.length === 0 ? undefined : firstTreatmentFailure(treatment, freeRules, verdicts);
  }

  /** Is the treatment asked for in any placement? */
  function isOpen(treatment: PreparedTreatment, request: DecisionRequest): boolean {
    if (request.channel !== undefined && request.channel !== treatment.channel.index) return false;
    for (const placement of treatment.placements) if (isAsked[placement] === 1) return true;
    return false;
  }

  /** Consent, then what is kept; else suppression, quiet hours, contact limits and the floor. Survivors go to `found`. */
  function testTreatment(
    prepared: PreparedTreatment,
    { profile, evidence }: DecisionInput,
    sticky: readonly KeptContact[],
    found: { treatments: TreatmentIndex[]; placements: PlacementIndex[]; kept: KeptContact[] },
  ): Drop | undefined {
    const { index } = prepared.treatment;
    const consent = consentOf(prepared, profile.consents);
    if (consent !== "granted") return { stage: "consent", treatment: index, because: consent };
    for (const entry of sticky) {
      if (entry.treatment !== prepared) continue;
      const suppression = suppressions.byCase(prepared.action) ?? suppressions.byOthers(prepared, entry.contact);
      if (suppression !== undefined) return suppressed(index, suppression);
      found.kept.push(entry);
    }
    if (found.kept.at(-1)?.treatment === prepared) return undefined;

    const suppression = suppressions.of(prepared);
    if (suppression !== undefined) return suppressed(index, suppression);
    const reopensAt = liveElsewhereUntil(prepared);
    if (reopensAt !== LONG_AGO) {
      return { stage: "suppression", treatment: index, policy: LIVE_POLICY, because: "already-live", reopensAt };
    }
    const drop = quietOrFull(prepared, propensityOf(prepared.treatment, evidence));
    if (drop !== undefined) return drop;
    for (const placement of prepared.placements) {
      if (isAsked[placement] !== 1 || suppressions.liveElsewhereUntil(prepared, placement) !== LONG_AGO) continue;
      found.treatments.push(index);
      found.placements.push(placement);
    }
    return undefined;
  }

  function quietOrFull(candidate: PreparedTreatment, propensity: number): Drop | undefined {
    const { treatment, action } = candidate;
    const silence = quiet.of(candidate);
    if (silence !== undefined) return { stage: "quiet-hours", treatment: treatment.index, ...silence };
    const refusal = ledger.refusal(treatment.index);
    if (refusal !== undefined) return { stage: "contact-limit", treatment: treatment.index, ...refusal };
    if (propensity >= action.propensityFloor) return undefined;
    return { stage: "propensity", treatment: treatment.index, propensity, floor: action.propensityFloor };
  }

  /** The first instant at which an asked placement opens; LONG_AGO where the action is not live outside one of them. */
  function liveElsewhereUntil(treatment: PreparedTreatment): Instant {
    let first = NEVER;
    for (const placement of treatment.placements) {
      if (isAsked[placement] !== 1) continue;
      const until = suppressions.liveElsewhereUntil(treatment, placement);
      if (until < first) first = until;
    }
    return first;
  }

  function consentOf({ consentRow }: PreparedTreatment, given: DecisionInput["profile"]["consents"]): ConsentVerdict {
    const need = prepared.consentNeeds[consentRow];
    if (need === undefined) return "granted";
    const known = consents[consentRow] ?? consentVerdict(need, given);
    consents[consentRow] = known;
    return known;
  }
}

function suppressed(treatment: TreatmentIndex, { policy, because, reopensAt }: Suppression): Drop {
  return { stage: "suppression", treatment, policy, because, reopensAt };
}

/** Each placement once, in the order first asked, with the largest limit asked for it. */
function askedPlacements(request: DecisionRequest, known: readonly Placement[]): readonly Asked[] {
  const limits = new Map<PlacementIndex, number>();
  for (const { placement, limit } of request.placements) {
    limits.set(placement, Math.max(limits.get(placement) ?? 0, limit));
  }
  const asked: Asked[] = [];
  for (const [index, limit] of limits) {
    const placement = known[index] as Placement;
    const bounded = Math.floor(Math.min(limit, placement.slots));
    if (bounded >= 1) asked.push({ placement, limit: bounded });
  }
  return asked;
}

function scopeOf({ profile, request }: DecisionInput, models: number): RuleScope {
  return {
    features: profile.features,
    attributes: profile.attributes,
    context: request.context,
    models: new Float64Array(models).fill(Number.NaN),
    openCases: profile.openCases.length,
    anonymous: isAnonymous(profile.key),
  };
}
