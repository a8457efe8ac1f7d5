// First half of a decision: everything that can be tested before a model is asked.
import type { DecisionInput, DecisionRequest } from "../domain/decision.ts";
import { DROPPED, type DropList, DropWriter } from "../domain/drop-list.ts";
import { isAnonymous, type ModelIndex, type PlacementIndex, type TreatmentIndex } from "../domain/ids.ts";
import { ByteTape, IntTape } from "../domain/tape.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import {
  type Action,
  type Placement,
  RULE_ERROR,
  RULE_TRUE,
  type RuleScope,
  type Treatment,
} from "../rulebook/rulebook.ts";
import { propensityOf } from "./arbitration.ts";
import { type ConsentVerdict, consentVerdict } from "./consent.ts";
import type { Ledger } from "./contact-limits.ts";
import { LIVE_POLICY, type Suppressions } from "./contact-policy.ts";
import { unavailable } from "./engagement-policy.ts";
import { type Assignment, armsOf, isOffByArm } from "./experiments.ts";
import { type DueTreatment, dueTreatments, NO_ROOM } from "./held-room.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { QuietTimes } from "./quiet-hours.ts";
import { createRequestPlans, type RequestPlan } from "./request-plan.ts";
import { type KeptContact, NONE_KEPT, stickyContacts } from "./sticky.ts";

export interface Asked {
  readonly placement: Placement;
  /** 1..placement.slots */
  readonly limit: number;
}

/** What is left for `choose`. Owns all that it holds: the next decision does not disturb it. */
export interface Qualified {
  /** Distinct placements in the order asked. */
  readonly asked: readonly Asked[];
  readonly plan: RequestPlan;
  /** Without model outputs. */
  readonly scope: RuleScope;
  /** By VerdictSlot, of the rules that read no model. */
  readonly verdicts: Uint8Array;
  readonly arms: readonly Assignment[];
  /** Pairs of TreatmentIndex and PlacementIndex that may still win, side by side, by action and then by treatment. */
  readonly treatments: Int32Array;
  readonly placements: Int32Array;
  readonly kept: readonly KeptContact[];
  readonly dropped: DropList;
  /** When the first of the quiet hours end that something was dropped for; NEVER where nothing was, or none end. */
  readonly quietUntil: Instant;
  /** Treatments that room under a cap may be held for. */
  readonly due: readonly DueTreatment[];
  /** Ascending; empty where no survivor needs one. */
  readonly needsModels: readonly ModelIndex[];
}

const NO_MODELS: readonly ModelIndex[] = [];
/** A drop at availability by `unavailable`, as a word. */
const UNAVAILABLE = {
  "switched-off": DROPPED.switchedOff,
  "not-yet": DROPPED.notYet,
  "no-longer": DROPPED.noLonger,
} as const;

export function createQualify(
  prepared: Prepared,
  suppressions: Suppressions,
  quiet: QuietTimes,
  ledger: Ledger,
): (input: DecisionInput) => Qualified {
  const { rulebook, table, actions, treatments: prepareds } = prepared;
  const { from, to, rowOfAction, rowOfTreatment, consentRow, floor } = table;
  const { firstRule, ruleSlots, ruleIndexes, ruleCodes } = table;
  const plans = createRequestPlans(actions, rulebook.channels.length);
  const isAsked = new Uint8Array(rulebook.placements.length);
  const consents: (ConsentVerdict | undefined)[] = [];
  const drops = new DropWriter();
  const rows = table.actionOf.length;
  /** Pairs that may still win, side by side: the next one goes to `open` and `openPlacement`. */
  const treatmentTape = new IntTape();
  const placementTape = new IntTape();
  let openTreatments = treatmentTape.buffer;
  let openPlacements = placementTape.buffer;
  let open = 0;
  let openPlacement = 0;
  const bytes = new ByteTape();
  const isNeeded = new Uint8Array(rulebook.models.length);
  const unscored = new Float64Array(rulebook.models.length).fill(Number.NaN);
  let quietUntil = NEVER;
  /** Who may be suppressed, live, or beyond a cap: asked once, so that most candidates of most customers are not. */
  let mayBeSuppressed = false;
  let mayBeQuiet = false;
  let mayBeFull = false;
  let mayBeOff = false;

  return function qualify(input: DecisionInput): Qualified {
    const { profile, request, now } = input;
    const asked = askedPlacements(request, rulebook.placements);
    isAsked.fill(0);
    for (const { placement } of asked) isAsked[placement.index] = 1;
    const plan = plans.planOf(request.channel, isAsked);
    const scope = scopeOf(input, unscored);
    const verdicts = bytes.zeros(rulebook.verdicts);
    rulebook.evaluateRules(scope, verdicts);
    const arms = armsOf(rulebook, profile.key, now, verdicts);
    start(input, plan, arms);
    const sticky = profile.contacts.length === 0 ? NONE_KEPT : stickyOf(input, asked);
    const kept: KeptContact[] = [];
    for (let action = 0; action < actions.length; action++) {
      test(action, plan, input, verdicts, arms, sticky, kept);
    }
    if (kept.length > 1) kept.sort((a, b) => sticky.indexOf(a) - sticky.indexOf(b));
    const treatments = treatmentTape.keep(open);
    const due = treatments.length === 0 ? NO_ROOM : dueFor(input, verdicts, arms);
    const needsModels = modelsFor(treatments, kept, due);
    return {
      asked,
      plan,
      scope,
      verdicts,
      arms,
      treatments,
      placements: placementTape.keep(openPlacement),
      kept,
      dropped: drops.take(table),
      quietUntil,
      due,
      needsModels,
    };
  };

  function start(input: DecisionInput, { pairs }: RequestPlan, arms: readonly Assignment[]): void {
    consents.length = 0;
    drops.open(rows);
    treatmentTape.open(pairs.length);
    placementTape.open(pairs.length);
    openTreatments = treatmentTape.buffer;
    openPlacements = placementTape.buffer;
    open = treatmentTape.start;
    openPlacement = placementTape.start;
    quietUntil = NEVER;
    suppressions.open(input);
    quiet.open(input);
    ledger.open(input);
    mayBeSuppressed = suppressions.speaks();
    mayBeQuiet = quiet.speaks();
    mayBeFull = ledger.isTight();
    mayBeOff = arms.length > 0;
  }

  /** One action with its treatments: each falls here, with a word that says why, or is left for `choose`. */
  function test(
    action: number,
    plan: RequestPlan,
    input: DecisionInput,
    verdicts: Uint8Array,
    arms: readonly Assignment[],
    sticky: readonly KeptContact[],
    kept: KeptContact[],
  ): void {
    const first = plan.first[action] as number;
    const end = plan.first[action + 1] as number;
    const row = rowOfAction[action] as number;
    if (first === end) {
      drops.add(row, DROPPED.noTreatment, 0);
      return;
    }
    const { now } = input;
    if (!isOnOffer(row, now)) {
      addUnavailable(row, (actions[action] as PreparedAction).action, now);
      return;
    }
    if (falls(row, verdicts)) return;
    for (let n = first; n < end; n++) {
      const index = plan.treatments[n] as TreatmentIndex;
      const own = rowOfTreatment[index] as number;
      if (!isOnOffer(own, now)) addUnavailable(own, (prepareds[index] as PreparedTreatment).treatment, now);
      else if (mayBeOff && isOffByArm(arms, index)) drops.add(own, DROPPED.offByArm, 0);
      else if (!falls(own, verdicts) && !isBarred(index, own, input, sticky, kept)) addPairs(index, n, plan);
    }
  }

  function isOnOffer(row: number, now: Instant): boolean {
    return now >= (from[row] as number) && now < (to[row] as number);
  }

  function addUnavailable(row: number, of: Action | Treatment, now: Instant): void {
    drops.add(row, UNAVAILABLE[unavailable(of, now) ?? "no-longer"], 0);
  }

  /** The first of its rules that is not true drops it. */
  function falls(row: number, verdicts: Uint8Array): boolean {
    const end = firstRule[row + 1] as number;
    for (let n = firstRule[row] as number; n < end; n++) {
      const verdict = verdicts[ruleSlots[n] as number] as number;
      if (verdict === RULE_TRUE) continue;
      drops.add(row, (ruleCodes[n] as number) + (verdict === RULE_ERROR ? 1 : 0), ruleIndexes[n] as number);
      return true;
    }
    return false;
  }

  /** Consent, then what is kept; else suppression, quiet hours, contact limits and the floor. True too for what is kept. */
  function isBarred(
    index: TreatmentIndex,
    row: number,
    { profile, evidence }: DecisionInput,
    sticky: readonly KeptContact[],
    kept: KeptContact[],
  ): boolean {
    const consent = consentOf(consentRow[index] as number, profile.consents);
    if (consent !== "granted") {
      drops.add(row, consent === "denied" ? DROPPED.denied : DROPPED.notGiven, 0);
      return true;
    }
    if (sticky.length > 0 && isKept(index, row, sticky, kept)) return true;
    if (mayBeSuppressed && isSuppressed(index, row)) return true;
    if (mayBeQuiet && isQuiet(index, row)) return true;
    const refusal = mayBeFull ? ledger.refusal(index) : undefined;
    if (refusal !== undefined) {
      drops.addCause(row, DROPPED.limited, refusal);
      return true;
    }
    const propensity = propensityOf(table, index, evidence);
    if (propensity >= (floor[index] as number)) return false;
    drops.addNumber(row, DROPPED.belowFloor, 0, propensity);
    return true;
  }

  /** Does it go on showing what was offered before, or is it barred from that? */
  function isKept(index: TreatmentIndex, row: number, sticky: readonly KeptContact[], kept: KeptContact[]): boolean {
    const candidate = prepareds[index] as PreparedTreatment;
    for (const entry of sticky) {
      if (entry.treatment !== candidate) continue;
      const suppression = suppressions.byCase(candidate.action) ?? suppressions.byOthers(candidate, entry.contact);
      if (suppression !== undefined) {
        drops.addCause(row, DROPPED.suppressed, suppression);
        return true;
      }
      kept.push(entry);
    }
    return kept.at(-1)?.treatment === candidate;
  }

  function isSuppressed(index: TreatmentIndex, row: number): boolean {
    const candidate = prepareds[index] as PreparedTreatment;
    const suppression = suppressions.of(candidate);
    if (suppression !== undefined) {
      drops.addCause(row, DROPPED.suppressed, suppression);
      return true;
    }
    const reopensAt = liveElsewhereUntil(candidate);
    if (reopensAt === LONG_AGO) return false;
    drops.addCause(row, DROPPED.suppressed, { policy: LIVE_POLICY, because: "already-live", reopensAt });
    return true;
  }

  function isQuiet(index: TreatmentIndex, row: number): boolean {
    const silence = quiet.of(prepareds[index] as PreparedTreatment);
    if (silence === undefined) return false;
    drops.addCause(row, DROPPED.quiet, silence);
    if (silence.reopensAt < quietUntil) quietUntil = silence.reopensAt;
    return true;
  }

  /** `n`: position of the treatment in the plan. */
  function addPairs(index: TreatmentIndex, n: number, plan: RequestPlan): void {
    const first = plan.firstPair[n] as number;
    const end = plan.firstPair[n + 1] as number;
    for (let at = first; at < end; at++) {
      const placement = plan.pairs[at] as PlacementIndex;
      if (mayBeSuppressed) {
        const candidate = prepareds[index] as PreparedTreatment;
        if (suppressions.liveElsewhereUntil(candidate, placement) !== LONG_AGO) continue;
      }
      openTreatments[open++] = index;
      openPlacements[openPlacement++] = placement;
    }
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

  function stickyOf({ profile, request, now }: DecisionInput, asked: readonly Asked[]): readonly KeptContact[] {
    const asks = ({ channel, placements }: PreparedTreatment, placement: PlacementIndex) =>
      isAsked[placement] === 1 &&
      (request.channel === undefined || request.channel === channel.index) &&
      placements.includes(placement);
    const places = asked.map(({ placement }) => placement);
    return stickyContacts(prepared, places, profile, now, asks);
  }

  function dueFor(input: DecisionInput, verdicts: Uint8Array, arms: readonly Assignment[]): readonly DueTreatment[] {
    if (prepared.holders.length === 0) return NO_ROOM;
    const mayBeSent = ({ treatment, consentRow: need }: PreparedTreatment) =>
      !isOffByArm(arms, treatment.index) && consentOf(need, input.profile.consents) === "granted";
    return dueTreatments(prepared, suppressions, mayBeSent, verdicts, input);
  }

  /** What is worth how much, and whether its rules let it stand, decides whether room is held for it. */
  function modelsFor(
    open: Int32Array,
    kept: readonly KeptContact[],
    due: readonly DueTreatment[],
  ): readonly ModelIndex[] {
    if (!prepared.readsModels) return NO_MODELS;
    isNeeded.fill(0);
    const need = (action: number) => {
      for (const model of actions[action]?.needsModels ?? []) isNeeded[model] = 1;
    };
    let before = -1;
    for (let at = 0; at < open.length; at++) {
      const action = table.action[open[at] as number] as number;
      if (action !== before) need(action);
      before = action;
    }
    for (const { treatment } of kept) need(treatment.action.index);
    for (const { action } of due) need(action);
    const needs: ModelIndex[] = [];
    for (let model = 0; model < isNeeded.length; model++) if (isNeeded[model] === 1) needs.push(model as ModelIndex);
    return needs;
  }

  function consentOf(row: number, given: DecisionInput["profile"]["consents"]): ConsentVerdict {
    const known = consents[row];
    if (known !== undefined) return known;
    const need = prepared.consentNeeds[row];
    const verdict = need === undefined ? "granted" : consentVerdict(need, given);
    consents[row] = verdict;
    return verdict;
  }
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

function scopeOf({ profile, request }: DecisionInput, models: Float64Array): RuleScope {
  return {
    features: profile.features,
    attributes: profile.attributes,
    context: request.context,
    models,
    openCases: profile.openCases.length,
    anonymous: isAnonymous(profile.key),
  };
}
