// What never changes of the candidates, as columns: the loops over thousands of them read numbers that lie side by side.
import type { CandidateRows } from "../domain/drop-list.ts";
import { DROPPED } from "../domain/drop-list.ts";
import type { Action, Rulebook, Treatment } from "../rulebook/rulebook.ts";
import type { Steps } from "../rulebook/steps.ts";
import type { PreparedAction, PreparedTreatment, TierRule } from "./prepared.ts";

/** By row unless said otherwise. Rows are in canonical order: each action, followed by its treatments. */
export interface CandidateTable extends CandidateRows {
  readonly rowOfAction: Int32Array;
  readonly rowOfTreatment: Int32Array;
  /** Hash of the name of the action or treatment. */
  readonly hashOf: Int32Array;
  /** On offer from (included) to (excluded); where it is switched off, never. */
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** Its rules that read no model, in order of testing: `firstRule[row]` to `firstRule[row + 1]` of the three columns. */
  readonly firstRule: Int32Array;
  readonly ruleSlots: Int32Array;
  readonly ruleIndexes: Int32Array;
  /** What a drop says where it is false; one more where it failed. */
  readonly ruleCodes: Uint8Array;
  /** By TreatmentIndex. */
  readonly action: Int32Array;
  readonly consentRow: Int32Array;
  /** Beta prior: alpha, and alpha + beta. */
  readonly alpha: Float64Array;
  readonly priorSum: Float64Array;
  readonly floor: Float64Array;
  readonly lever: Float64Array;
  /** 1: it has context weights of its own. */
  readonly hasContext: Uint8Array;
  readonly isExempt: Uint8Array;
  readonly channel: Int32Array;
  /** 1: it has rules of its own that read models. */
  readonly readsModels: Uint8Array;
  /** By ActionIndex. 1: rules that read models, a bundle or limits of slates concern it. */
  readonly actionReadsModels: Uint8Array;
  readonly isBundled: Uint8Array;
  readonly isLimited: Uint8Array;
  /** 1: it has context weights. */
  readonly actionHasContext: Uint8Array;
  readonly actionLever: Float64Array;
  /** V: slot of the expression, or -1 and a number. */
  readonly valueSlot: Int32Array;
  readonly value: Float64Array;
}

/** In a few pieces. */
export function* tabulateCandidates(
  { rules }: Rulebook,
  actions: readonly PreparedAction[],
  treatments: readonly PreparedTreatment[],
): Steps<CandidateTable> {
  const rows = actions.length + treatments.length;
  const rowOfAction = new Int32Array(actions.length);
  const rowOfTreatment = new Int32Array(treatments.length);
  const actionOf = new Int32Array(rows);
  const treatmentOf = new Int32Array(rows).fill(-1);
  const floorOf = new Float64Array(rows);
  const subjects: (PreparedAction | PreparedTreatment)[] = [];
  for (const prepared of actions) {
    rowOfAction[prepared.action.index] = subjects.push(prepared) - 1;
    for (const own of prepared.treatments) {
      const row = subjects.push(own) - 1;
      rowOfTreatment[own.treatment.index] = row;
      treatmentOf[row] = own.treatment.index;
    }
  }
  subjects.forEach(({ action }, row) => {
    actionOf[row] = action.index;
    floorOf[row] = action.propensityFloor;
  });
  const ruled = subjects.map(({ freeRules }) => freeRules);
  const all = ruled.flat();
  const firstRule = new Int32Array(rows + 1);
  for (const [row, { length }] of ruled.entries()) firstRule[row + 1] = (firstRule[row] as number) + length;
  const offered = subjects.map((subject): Action | Treatment =>
    "treatment" in subject ? subject.treatment : subject.action,
  );
  yield;
  const ofTreatments = treatmentColumns(treatments);
  yield;
  const ofActions = actionColumns(actions);
  yield;
  return {
    actionOf,
    treatmentOf,
    floorOf,
    rowOfAction,
    rowOfTreatment,
    hashOf: Int32Array.from(offered, ({ hash }) => hash),
    from: fill(new Float64Array(rows), offered, ({ enabled, from }) => (enabled ? from : Number.POSITIVE_INFINITY)),
    to: fill(new Float64Array(rows), offered, ({ enabled, to }) => (enabled ? to : Number.NEGATIVE_INFINITY)),
    firstRule,
    ruleSlots: fill(new Int32Array(all.length), all, ({ rule }) => rules[rule]?.slot ?? 0),
    ruleIndexes: fill(new Int32Array(all.length), all, ({ rule }) => rule),
    ruleCodes: fill(new Uint8Array(all.length), all, codeOf),
    ...ofTreatments,
    ...ofActions,
  };
}

function columnsOf<T>(all: readonly T[]) {
  return {
    numbers: (read: (of: T) => number) => fill(new Float64Array(all.length), all, read),
    integers: (read: (of: T) => number) => fill(new Int32Array(all.length), all, read),
    flags: (read: (of: T) => boolean) => fill(new Uint8Array(all.length), all, (of) => (read(of) ? 1 : 0)),
  };
}

/** As `from`, which takes three times as long: it asks for an iterator. */
function fill<T, Column extends Float64Array | Int32Array | Uint8Array>(
  column: Column,
  all: readonly T[],
  read: (of: T) => number,
): Column {
  for (let index = 0; index < all.length; index++) column[index] = read(all[index] as T);
  return column;
}

function treatmentColumns(treatments: readonly PreparedTreatment[]) {
  const { numbers, integers, flags } = columnsOf(treatments);
  return {
    action: integers(({ action }) => action.index),
    consentRow: integers(({ consentRow }) => consentRow),
    alpha: numbers(({ treatment }) => treatment.prior.alpha),
    priorSum: numbers(({ treatment }) => treatment.prior.alpha + treatment.prior.beta),
    floor: numbers(({ action }) => action.propensityFloor),
    lever: numbers(({ treatment }) => treatment.lever),
    hasContext: flags(({ treatment }) => treatment.context.length > 0),
    isExempt: flags(({ action }) => action.exempt),
    channel: integers(({ channel }) => channel.index),
    readsModels: flags(({ modelRules }) => modelRules.length > 0),
  };
}

function actionColumns(actions: readonly PreparedAction[]) {
  const { numbers, integers, flags } = columnsOf(actions);
  return {
    actionReadsModels: flags(({ modelRules }) => modelRules.length > 0),
    isBundled: flags(({ bundle }) => bundle !== undefined),
    isLimited: flags(({ slateLimits }) => slateLimits.length > 0),
    actionHasContext: flags(({ context }) => context.length > 0),
    actionLever: numbers(({ action }) => action.lever),
    valueSlot: integers(({ action: { value } }) => (value.kind === "constant" ? -1 : value.slot)),
    value: numbers(({ action: { value } }) => (value.kind === "constant" ? value.value : Number.NaN)),
  };
}

const TIER_OFFSET = { eligibility: 0, applicability: 2, suitability: 4 } as const;

function codeOf({ stage }: TierRule): number {
  return DROPPED.rule + TIER_OFFSET[stage];
}
