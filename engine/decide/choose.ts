// Second half of a decision: rules that read models, quotas, priorities, and the slots.
import type { Decision, DecisionInput, ModelScore } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex, PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Bundle } from "../rulebook/policies.ts";
import type { Action } from "../rulebook/rulebook.ts";
import type { Ranking } from "./arbitration.ts";
import { type Entry, incomplete, isFollower, isWhole, keptParties, type Party } from "./bundles.ts";
import type { Choice } from "./choice.ts";
import { conclude } from "./conclude.ts";
import type { Ledger } from "./contact-limits.ts";
import { firstFailure, firstTreatmentFailure } from "./engagement-policy.ts";
import { createPlacing, unranked } from "./placing.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { Qualified } from "./qualify.ts";
import { createPurse } from "./quotas.ts";
import { createScales } from "./scales.ts";
import { createBoard, lose, outrun, slotsOf } from "./slots.ts";

export function createChoose(
  prepared: Prepared,
  ledger: Ledger,
  ranking: Ranking,
): (input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]) => Decision {
  const { rulebook } = prepared;
  const purse = createPurse(prepared.quotas);
  const scales = createScales(prepared);
  const placing = createPlacing(prepared, ledger, purse, scales);

  return function choose(input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]): Decision {
    const choice = begin(input, qualified, scores);
    ledger.open(input);
    purse.open(input.quotas);
    const early = restage(qualified.dropped);
    for (const party of keptParties(prepared, qualified.kept)) keep(party, choice);
    rank(choice);
    fill(choice);
    tellFollowers(choice);
    return conclude(prepared, choice, early, scales.pressure());
  };

  function begin(input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]): Choice {
    const models = qualified.scope.models.slice();
    for (const { model, value } of scores) models[model] = value;
    const scope = { ...qualified.scope, models };
    let { verdicts } = qualified;
    if (qualified.needsModels.length > 0) {
      verdicts = verdicts.slice();
      rulebook.evaluateModelRules(scope, verdicts);
    }
    const weights = new Float64Array(rulebook.weights);
    if (qualified.treatments.length + qualified.kept.length > 0) rulebook.evaluateWeights(scope, weights);
    scales.open({ input, verdicts, weights, arms: qualified.arms });
    return {
      input,
      qualified,
      scope,
      locales: { asked: input.request.locale, fallback: rulebook.defaultLocale },
      verdicts,
      board: createBoard(qualified.asked, prepared.treatments.length),
      fallen: new Map(),
      followers: [],
    };
  }

  function falls(index: ActionIndex, { fallen, verdicts }: Choice): boolean {
    const { action, modelRules } = prepared.actions[index] as PreparedAction;
    if (modelRules.length === 0) return false;
    const drop = firstFailure(action, modelRules, verdicts);
    if (drop !== undefined) fallen.set(index, drop);
    return drop !== undefined;
  }

  /** Does a rule of its own that reads models drop the treatment? */
  function fallsAlone({ treatment, modelRules }: PreparedTreatment, { verdicts, board }: Choice): boolean {
    if (modelRules.length === 0) return false;
    const drop = firstTreatmentFailure(treatment, modelRules, verdicts);
    if (drop !== undefined) lose(board, treatment.index, drop);
    return drop !== undefined;
  }

  function keep({ placement, bundle, members }: Party, choice: Choice): void {
    const { board } = choice;
    const slots = slotsOf(board, placement);
    const standing = members.filter(
      ({ treatment }) => !falls(treatment.action.index, choice) && !fallsAlone(treatment, choice),
    );
    const entries = standing.map(
      ({ treatment, contact }): Entry => ({
        treatment,
        placement,
        priority: scales.weigh(treatment).priority,
        kept: contact,
      }),
    );
    if (bundle !== undefined && !isWhole({ placement, bundle, members: standing })) {
      for (const entry of entries) lose(board, entry.treatment.treatment.index, incomplete(bundle, entry, slots));
      return;
    }
    const isShown = ({ treatment }: Entry) => board.taken.get(treatment.action.index) === treatment.treatment.index;
    const first = entries.filter(
      ({ treatment }, at) => at === entries.findIndex((other) => other.treatment.action === treatment.action),
    );
    const parts = first.filter((entry) => bundle !== undefined || !isShown(entry)).map((entry) => [entry]);
    placing.placeAll(parts, slots, bundle, choice);
    for (const entry of entries) {
      if (bundle === undefined || first.includes(entry) || isShown(entry)) continue;
      const loss = placing.beaten(entry, choice) ?? incomplete(bundle, entry, slots);
      lose(board, entry.treatment.treatment.index, loss);
    }
  }

  function rank(choice: Choice): void {
    const { qualified } = choice;
    ranking.clear();
    let treatment: PreparedTreatment | undefined;
    let action: Action | undefined;
    let hasFallen = false;
    let isOut = false;
    let priority = 0;
    qualified.treatments.forEach((index, position) => {
      if (treatment?.treatment.index !== index) {
        treatment = prepared.treatments[index] as PreparedTreatment;
        if (treatment.action !== action) {
          action = treatment.action;
          hasFallen = falls(action.index, choice);
        }
        isOut = hasFallen || fallsAlone(treatment, choice) || isShort(index, choice);
        if (!isOut) ({ priority } = scales.weigh(treatment));
      }
      if (!isOut) enter(treatment, qualified.placements[position] as PlacementIndex, priority, choice);
    });
  }

  function isShort(treatment: TreatmentIndex, { board }: Choice): boolean {
    const shortage = purse.shortage(treatment);
    if (shortage !== undefined) lose(board, treatment, { stage: "quota", treatment, ...shortage });
    return shortage !== undefined;
  }

  /**
   * The floor was tested before the models were asked, for it may spare them; what a quota has no room for falls there all the
   * same, as that stage comes first.
   */
  function restage(early: readonly Drop[]): readonly Drop[] {
    if (rulebook.quotas.length === 0) return early;
    return early.map((drop): Drop => {
      if (drop.stage !== "propensity") return drop;
      const shortage = purse.shortage(drop.treatment);
      return shortage === undefined ? drop : { stage: "quota", treatment: drop.treatment, ...shortage };
    });
  }

  function enter(treatment: PreparedTreatment, placement: PlacementIndex, priority: number, choice: Choice): void {
    const { board, followers } = choice;
    const { index } = treatment.treatment;
    const slots = slotsOf(board, placement);
    if (Number.isNaN(priority)) lose(board, index, unranked(treatment, slots, "rule-error", Number.NaN));
    else if (isFollower(prepared, treatment)) followers.push({ treatment, placement, priority, kept: undefined });
    else if (priority < slots.placement.minPriority) {
      lose(board, index, unranked(treatment, slots, "below-minimum", priority));
    } else ranking.add(index, placement, priority);
  }

  /** Walks down the ranking until every slot is taken; those left then lost by that alone, in whatever order. */
  function fill(choice: Choice): void {
    const { board } = choice;
    for (let next = board.free > 0 ? ranking.take() : undefined; next !== undefined; ) {
      const entry = entryOf(next.treatment, next.placement, next.priority);
      if (board.taken.get(entry.treatment.action.index) !== next.treatment) placing.offer(entry, choice);
      next = board.free > 0 ? ranking.take() : undefined;
    }
    ranking.rest((index, placement, priority) => {
      const entry = entryOf(index, placement, priority);
      if (board.taken.get(entry.treatment.action.index) === index) return;
      lose(board, index, placing.beaten(entry, choice) as Drop);
    });
  }

  function entryOf(treatment: TreatmentIndex, placement: PlacementIndex, priority: number): Entry {
    return { treatment: prepared.treatments[treatment] as PreparedTreatment, placement, priority, kept: undefined };
  }

  /** What waited for a lead in vain: another treatment of the action stands there, or the bundle is not whole. */
  function tellFollowers({ board, followers }: Choice): void {
    for (const entry of followers) {
      const { treatment, placement, priority } = entry;
      const { index } = treatment.treatment;
      const winner = board.taken.get(treatment.action.index);
      if (winner === index) continue;
      const slots = slotsOf(board, placement);
      const bundle = prepared.actions[treatment.action.index]?.bundle as Bundle;
      const taken = winner === undefined ? undefined : outrun(board, treatment, slots, priority, []);
      lose(board, index, taken ?? incomplete(bundle, entry, slots));
    }
  }
}
