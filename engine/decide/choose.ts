// Second half of a decision: rules that read models, quotas, priorities, and the slots.
import type { Decision, DecisionInput, ModelScore } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import { DROPPED, type DropList, DropWriter } from "../domain/drop-list.ts";
import type { ActionIndex, PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Bundle } from "../rulebook/policies.ts";
import type { RuleScope } from "../rulebook/rulebook.ts";
import { type Entry, incomplete, isFollower, isWhole, keptParties, type Party } from "./bundles.ts";
import type { Choice } from "./choice.ts";
import { conclude } from "./conclude.ts";
import type { Ledger } from "./contact-limits.ts";
import { firstFailure, firstTreatmentFailure } from "./engagement-policy.ts";
import { createPlacing, unranked } from "./placing.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { Qualified } from "./qualify.ts";
import { createPurse } from "./quotas.ts";
import { NONE, type Ranking } from "./ranking.ts";
import { createScales } from "./scales.ts";
import { closeBoard, createBoard, lastOf, lose, NOBODY, openBoard, outrun, slotsOf, takenBy } from "./slots.ts";

const NO_DROPS: ReadonlyMap<number, Drop> = new Map();

export function createChoose(
  prepared: Prepared,
  ledger: Ledger,
  ranking: Ranking,
): (input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]) => Decision {
  const { rulebook, table } = prepared;
  const purse = createPurse(prepared.quotas);
  const scales = createScales(prepared);
  const placing = createPlacing(prepared, ledger, purse, scales);
  const board = createBoard(rulebook);
  const drops = new DropWriter();
  const weights = new Float64Array(rulebook.weights);
  /** By PlacementIndex: what was placed last. */
  const lastIn = new Int32Array(rulebook.placements.length);

  return function choose(input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]): Decision {
    purse.open(input.quotas);
    const choice = begin(input, qualified, scores);
    ledger.openAgain(input);
    if (qualified.kept.length > 0) for (const party of keptParties(prepared, qualified.kept)) keep(party, choice);
    rank(choice);
    fill(choice);
    if (choice.followers.length > 0) tellFollowers(choice);
    const decision = conclude(prepared, choice, drops, scales.pressure());
    closeBoard(board);
    return decision;
  };

  function begin(input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]): Choice {
    const scope = scores.length === 0 ? qualified.scope : scored(qualified.scope, scores);
    let { verdicts } = qualified;
    if (qualified.needsModels.length > 0) {
      verdicts = verdicts.slice();
      rulebook.evaluateModelRules(scope, verdicts);
    }
    if (qualified.treatments.length + qualified.kept.length > 0) rulebook.evaluateWeights(scope, weights);
    scales.open({ input, verdicts, weights, arms: qualified.arms });
    openBoard(board, qualified.asked);
    return {
      input,
      qualified,
      scope,
      locales: { asked: input.request.locale, fallback: rulebook.defaultLocale },
      verdicts,
      board,
      fallen: new Map(),
      restaged: rulebook.quotas.length === 0 ? NO_DROPS : restage(qualified.dropped),
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
  function fallsAlone(index: TreatmentIndex, { verdicts }: Choice): boolean {
    const { treatment, modelRules } = prepared.treatments[index] as PreparedTreatment;
    if (modelRules.length === 0) return false;
    const drop = firstTreatmentFailure(treatment, modelRules, verdicts);
    if (drop !== undefined) lose(board, treatment.index, drop);
    return drop !== undefined;
  }

  function keep({ placement, bundle, members }: Party, choice: Choice): void {
    const { board } = choice;
    const slots = slotsOf(board, placement);
    const standing = members.filter(
      ({ treatment }) => !falls(treatment.action.index, choice) && !fallsAlone(treatment.treatment.index, choice),
    );
    const entries = standing.map(
      ({ treatment, contact }): Entry => ({
        treatment,
        placement,
        priority: scales.weigh(treatment.treatment.index).priority,
        kept: contact,
      }),
    );
    if (bundle !== undefined && !isWhole({ placement, bundle, members: standing })) {
      for (const entry of entries) lose(board, entry.treatment.treatment.index, incomplete(bundle, entry, slots));
      return;
    }
    const isShown = ({ treatment }: Entry) => takenBy(board, treatment.action.index) === treatment.treatment.index;
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

  /**
   * The floor was tested before the models were asked, for it may spare them; what a quota has no room for falls there all the
   * same, as that stage comes first.
   */
  function restage(early: DropList): ReadonlyMap<number, Drop> {
    const restaged = new Map<number, Drop>();
    early.forEachPacked(({ row, code }) => {
      if (code !== DROPPED.belowFloor) return;
      const treatment = prepared.table.treatmentOf[row] as TreatmentIndex;
      const shortage = purse.shortage(treatment);
      if (shortage !== undefined) restaged.set(row, { stage: "quota", treatment, ...shortage });
    });
    return restaged;
  }

  function rank(choice: Choice): void {
    const { treatments, placements } = choice.qualified;
    ranking.open(treatments, placements);
    let before = -1;
    let action = -1;
    let hasFallen = false;
    let isOut = false;
    let priority = 0;
    for (let at = 0; at < treatments.length; at++) {
      const index = treatments[at] as TreatmentIndex;
      if (index !== before) {
        before = index;
        if (table.action[index] !== action) {
          action = table.action[index] as number;
          hasFallen = table.actionReadsModels[action] === 1 && falls(action as ActionIndex, choice);
        }
        isOut = hasFallen || (table.readsModels[index] === 1 && fallsAlone(index, choice)) || isShort(index);
        if (!isOut) priority = scales.priorityOf(index);
      }
      if (!isOut) enter(at, index, action, placements[at] as PlacementIndex, priority, choice);
    }
  }

  function isShort(treatment: TreatmentIndex): boolean {
    if (rulebook.quotas.length === 0) return false;
    const shortage = purse.shortage(treatment);
    if (shortage !== undefined) lose(board, treatment, { stage: "quota", treatment, ...shortage });
    return shortage !== undefined;
  }

  /** `at`: position of the pair. */
  function enter(
    at: number,
    index: TreatmentIndex,
    action: number,
    placement: PlacementIndex,
    priority: number,
    { followers }: Choice,
  ): void {
    const slots = slotsOf(board, placement);
    if (priority >= slots.placement.minPriority && table.isBundled[action] === 0) {
      ranking.add(at, priority);
      return;
    }
    const treatment = prepared.treatments[index] as PreparedTreatment;
    if (Number.isNaN(priority)) lose(board, index, unranked(treatment, slots, "rule-error", Number.NaN));
    else if (isFollower(prepared, treatment)) followers.push({ treatment, placement, priority, kept: undefined });
    else if (priority < slots.placement.minPriority) {
      lose(board, index, unranked(treatment, slots, "below-minimum", priority));
    } else ranking.add(at, priority);
  }

  /** Walks down the ranking until every slot is taken; those left then lost by that alone. */
  function fill(choice: Choice): void {
    const { treatments, placements } = choice.qualified;
    while (board.free > 0) {
      const at = ranking.take();
      if (at === NONE) return;
      const treatment = treatments[at] as TreatmentIndex;
      const entry = entryOf(treatment, placements[at] as PlacementIndex, ranking.priority);
      if (takenBy(board, entry.treatment.action.index) !== treatment) placing.offer(entry, choice);
    }
    if (ranking.waiting > 0) tellLost(choice);
  }

  /** Every slot is taken. */
  function tellLost(choice: Choice): void {
    const { treatments, placements } = choice.qualified;
    const { priorities } = ranking;
    const { losses, taken } = board;
    for (const slots of board.slots) lastIn[slots.placement.index] = lastOf(slots);
    for (let at = 0; at < treatments.length; at++) {
      const priority = priorities[at] as number;
      if (priority === NONE) continue;
      const index = treatments[at] as TreatmentIndex;
      const action = table.action[index] as number;
      const winner = taken[action] as number;
      if (winner === index) continue;
      const placement = placements[at] as PlacementIndex;
      if (winner !== NOBODY) losses.lose(index, DROPPED.sameAction, placement, winner, priority);
      else if (table.isLimited[action] === 0) {
        losses.lose(index, DROPPED.slots, placement, lastIn[placement] as number, priority);
      } else lose(board, index, placing.beaten(entryOf(index, placement, priority), choice) as Drop);
    }
  }

  function entryOf(treatment: TreatmentIndex, placement: PlacementIndex, priority: number): Entry {
    return { treatment: prepared.treatments[treatment] as PreparedTreatment, placement, priority, kept: undefined };
  }

  /** What waited for a lead in vain: another treatment of the action stands there, or the bundle is not whole. */
  function tellFollowers({ board, followers }: Choice): void {
    for (const entry of followers) {
      const { treatment, placement, priority } = entry;
      const { index } = treatment.treatment;
      const winner = takenBy(board, treatment.action.index);
      if (winner === index) continue;
      const slots = slotsOf(board, placement);
      const bundle = prepared.actions[treatment.action.index]?.bundle as Bundle;
      const taken = winner === undefined ? undefined : outrun(board, treatment, slots, priority, []);
      lose(board, index, taken ?? incomplete(bundle, entry, slots));
    }
  }
}

/** With what the models answered. */
function scored(scope: RuleScope, scores: readonly ModelScore[]): RuleScope {
  const models = scope.models.slice();
  for (const { model, value } of scores) models[model] = value;
  return { ...scope, models };
}
