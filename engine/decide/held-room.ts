// Room under a cap that is held for a more valuable action: where one more contact would fill a limit up, and another action
// that is due and worth more could still need that place, the lesser one waits.
import type { DecisionInput } from "../domain/decision.ts";
import type { ActionIndex, PolicyIndex, TreatmentIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import { type Action, RULE_TRUE } from "../rulebook/rulebook.ts";
import type { Ledger } from "./contact-limits.ts";
import type { Suppressions } from "./contact-policy.ts";
import { isAllowed, unavailable } from "./engagement-policy.ts";
import { type Prepared, type PreparedAction, type PreparedTreatment, slotOf } from "./prepared.ts";

/** A treatment that room may be held for. */
export interface DueTreatment {
  readonly action: ActionIndex;
  readonly treatment: TreatmentIndex;
  /** When its suppression ends; LONG_AGO where it is not suppressed. */
  readonly from: Instant;
}

export interface HeldRoom {
  readonly policy: PolicyIndex;
  readonly counted: number;
  /** When there is room for both, if nothing is added until then. */
  readonly reopensAt: Instant;
  readonly heldFor: ActionIndex;
}

export const NO_ROOM: readonly DueTreatment[] = [];

/**
 * Treatments of actions that are due: their `holdsRoom` is true, they are on offer, pass the rules that read no model,
 * `mayBeSent` as to consent and arms, and are on no screen yet. Whether this request asks for them does not matter.
 */
export function dueTreatments(
  prepared: Prepared,
  suppressions: Suppressions,
  mayBeSent: (treatment: PreparedTreatment) => boolean,
  verdicts: Uint8Array,
  { now }: DecisionInput,
): readonly DueTreatment[] {
  if (prepared.holders.length === 0) return NO_ROOM;
  const due: DueTreatment[] = [];
  for (const { action, freeRules, treatments } of prepared.holders) {
    const { holdsRoom } = action;
    if (
      holdsRoom === undefined ||
      verdicts[slotOf(prepared.rulebook, holdsRoom)] !== RULE_TRUE ||
      suppressions.isLive(action)
    )
      continue;
    if (unavailable(action, now) !== undefined || !isAllowed(freeRules, verdicts)) continue;
    for (const treatment of treatments) {
      const { index } = treatment.treatment;
      if (treatment.placements.length === 0) continue;
      if (unavailable(treatment.treatment, now) !== undefined) continue;
      if (!isAllowed(treatment.freeRules, verdicts) || !mayBeSent(treatment)) continue;
      due.push({ action: action.index, treatment: index, from: suppressions.of(treatment)?.reopensAt ?? LONG_AGO });
    }
  }
  return due;
}

/**
 * The place that is held against one more contact of this treatment; undefined where it may have it. `verdicts` after the
 * models answered; `worth` of an action is V x L, NaN where it has none; `isTaken`: does this decision offer the action already?
 */
export function heldRoom(
  prepared: Prepared,
  ledger: Ledger,
  due: readonly DueTreatment[],
  { action, treatment }: PreparedTreatment,
  input: DecisionInput,
  verdicts: Uint8Array,
  worth: (action: Action) => number,
  isTaken: (action: ActionIndex) => boolean,
): HeldRoom | undefined {
  if (due.length === 0) return undefined;
  let heldFor: ActionIndex | undefined;
  const refusal = ledger.lastRoom(treatment.index, (counter, leavesAt) => {
    for (const holder of due) {
      // After this contact has left, the place is free again.
      if (holder.action === action.index || holder.from >= leavesAt || isTaken(holder.action)) continue;
      if (!needs(prepared, holder.treatment, counter, input) || failsModel(prepared, holder, verdicts)) continue;
      // A cap of its own may keep it out for longer than that.
      if ((ledger.refusal(holder.treatment)?.reopensAt ?? LONG_AGO) >= leavesAt) continue;
      const held = prepared.rulebook.actions[holder.action] as Action;
      if (!(worth(held) > worth(action))) continue;
      if (heldFor === undefined || worth(held) > worth(prepared.rulebook.actions[heldFor] as Action))
        heldFor = held.index;
    }
    return heldFor !== undefined;
  });
  return refusal === undefined || heldFor === undefined ? undefined : { ...refusal, heldFor };
}

/** Do rules that read models keep it out? */
function failsModel(prepared: Prepared, { action, treatment }: DueTreatment, verdicts: Uint8Array): boolean {
  const { modelRules } = prepared.actions[action] as PreparedAction;
  const own = prepared.treatments[treatment] as PreparedTreatment;
  return !isAllowed(modelRules, verdicts) || !isAllowed(own.modelRules, verdicts);
}

/** Would a contact of this treatment advance the counter as well? One that tells directions apart, only in this direction. */
function needs(prepared: Prepared, treatment: TreatmentIndex, counter: number, { request }: DecisionInput): boolean {
  const { countersOf, counters } = prepared.limits;
  if (!(countersOf[treatment] as readonly number[]).includes(counter)) return false;
  if (counters[counter]?.limit.direction === "both") return true;
  const { placements } = prepared.treatments[treatment] as PreparedTreatment;
  return placements.some((placement) => prepared.rulebook.placements[placement]?.direction === request.direction);
}
