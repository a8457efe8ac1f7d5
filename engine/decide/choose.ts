// Second half of a decision: rules that read models, priorities, and the slots.
import type { Contact } from "../domain/contact.ts";
import type { Decision, DecisionInput, Item, ModelScore, NoneReason, Slate } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex } from "../domain/ids.ts";
import type { Action, RuleScope } from "../rulebook/rulebook.ts";
import { contextOf, factorsOf, priorityOf, propensityOf, type Ranking, worthOf } from "./arbitration.ts";
import type { Ledger } from "./contact-limits.ts";
import { type Locales, renderContent, renderReasons } from "./content.ts";
import { firstFailure, firstTreatmentFailure } from "./engagement-policy.ts";
import { heldRoom } from "./held-room.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";
import type { Qualified } from "./qualify.ts";
import { reserve } from "./reserve.ts";
import { type Board, createBoard, lose, outrun, place, type Slots, slotsOf } from "./slots.ts";

/** One decision on its way: the qualified part, completed by the scores. */
interface Choice {
  readonly input: DecisionInput;
  readonly qualified: Qualified;
  readonly scope: RuleScope;
  readonly locales: Locales;
  readonly verdicts: Uint8Array;
  readonly weights: Float64Array;
  readonly board: Board;
  /** Actions that a rule reading models dropped. */
  readonly fallen: Map<ActionIndex, Drop>;
}

export function createChoose(
  prepared: Prepared,
  ledger: Ledger,
  ranking: Ranking,
): (input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]) => Decision {
  const { rulebook } = prepared;
  const exponents = rulebook.arbitration;

  return function choose(input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]): Decision {
    const choice = begin(input, qualified, scores);
    ledger.open(input);
    for (const { treatment, placement, contact } of qualified.kept) {
      if (falls(treatment.action.index, choice)) continue;
      keep(treatment, slotsOf(choice.board, placement), contact, choice);
    }
    rank(choice);
    fill(choice);
    return conclude(choice);
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
    return {
      input,
      qualified,
      scope,
      locales: { asked: input.request.locale, fallback: rulebook.defaultLocale },
      verdicts,
      weights,
      board: createBoard(qualified.asked, prepared.treatments.length),
      fallen: new Map(),
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

  function keep(treatment: PreparedTreatment, slots: Slots, contact: Contact, choice: Choice): void {
    const { board } = choice;
    const winner = board.taken.get(treatment.action.index);
    if (winner === treatment.treatment.index || fallsAlone(treatment, choice)) return;
    const factors = factorsFor(treatment, choice);
    const loss = outrun(board, treatment, slots, factors.priority);
    if (loss !== undefined) lose(board, treatment.treatment.index, loss);
    else if (Number.isNaN(factors.priority)) lose(board, treatment.treatment.index, ruleError(treatment, slots));
    else show(treatment, slots, contact, choice);
  }

  function rank(choice: Choice): void {
    const { input, qualified, verdicts, weights, board } = choice;
    ranking.clear();
    let action: Action | undefined;
    let isOut = false;
    let context = 1;
    let value = 0;
    qualified.treatments.forEach((index, position) => {
      const treatment = prepared.treatments[index] as PreparedTreatment;
      const placement = qualified.placements[position] as Slots["placement"]["index"];
      if (treatment.action !== action) {
        action = treatment.action;
        isOut = falls(action.index, choice);
        context = contextOf(action, verdicts);
        value = worthOf(action, weights);
      }
      if (isOut || fallsAlone(treatment, choice)) return;
      const propensity = propensityOf(treatment.treatment, input.evidence);
      const priority = priorityOf(exponents, propensity, context, value, treatment.action.lever);
      if (!Number.isNaN(priority)) ranking.add(index, placement, priority);
      else lose(board, index, ruleError(treatment, slotsOf(board, placement)));
    });
  }

  /** Walks down the ranking until every slot is taken; those left then lost by that alone, in whatever order. */
  function fill(choice: Choice): void {
    const { board } = choice;
    for (let next = board.free > 0 ? ranking.take() : undefined; next !== undefined; ) {
      const treatment = prepared.treatments[next.treatment] as PreparedTreatment;
      const slots = slotsOf(board, next.placement);
      if (board.taken.get(treatment.action.index) !== next.treatment) offer(treatment, slots, next.priority, choice);
      next = board.free > 0 ? ranking.take() : undefined;
    }
    ranking.rest((index, placement, priority) => {
      const treatment = prepared.treatments[index] as PreparedTreatment;
      if (board.taken.get(treatment.action.index) === index) return;
      lose(board, index, outrun(board, treatment, slotsOf(board, placement), priority) as Drop);
    });
  }

  function offer(treatment: PreparedTreatment, slots: Slots, priority: number, choice: Choice): void {
    const { index } = treatment.treatment;
    const loss = outrun(choice.board, treatment, slots, priority);
    if (loss !== undefined) {
      lose(choice.board, index, loss);
      return;
    }
    const refusal = ledger.refusal(index) ?? held(treatment, choice);
    if (refusal !== undefined) lose(choice.board, index, { stage: "contact-limit", treatment: index, ...refusal });
    else if (show(treatment, slots, undefined, choice)) ledger.add(index);
  }

  function held(treatment: PreparedTreatment, { input, qualified, weights, board }: Choice) {
    const worth = (action: Action) => worthOf(action, weights) * action.lever;
    const isTaken = (action: ActionIndex) => board.taken.has(action);
    return heldRoom(prepared, ledger, qualified.due, treatment, input, worth, isTaken);
  }

  /** Places it if every text can be rendered. */
  function show(treatment: PreparedTreatment, slots: Slots, kept: Contact | undefined, choice: Choice): boolean {
    const { index } = treatment.treatment;
    const factors = factorsFor(treatment, choice);
    const rendered = renderContent(treatment.treatment, choice.locales, choice.scope);
    if (rendered.kind === "missing") {
      lose(choice.board, index, {
        stage: "content",
        treatment: index,
        placement: slots.placement.index,
        missing: rendered.read,
        priority: factors.priority,
      });
      return false;
    }
    place(choice.board, slots, { treatment, kept, factors, content: rendered.content });
    return true;
  }

  function factorsFor({ treatment, action }: PreparedTreatment, { input, verdicts, weights }: Choice) {
    return factorsOf(exponents, treatment, action, input.evidence, verdicts, weights);
  }

  function conclude({ input, qualified, scope, locales, verdicts, board, fallen }: Choice): Decision {
    const contacts: Contact[] = [];
    const slates = board.slots.map(({ placement, placed }): Slate => {
      const items = placed.map(({ treatment, kept, factors, content }, position): Item => {
        const rank = position + 1;
        const contact = kept ?? reserve(input, treatment, placement, contacts.length, rank);
        if (kept === undefined) contacts.push(contact);
        return {
          action: treatment.action.index,
          treatment: treatment.treatment.index,
          rank,
          trackingCode: contact.trackingCode,
          kept: kept !== undefined,
          factors,
          content,
          reasons: renderReasons(treatment.action, locales, scope, verdicts),
          expiresAt: contact.expiresAt,
        };
      });
      if (items.length > 0) return { placement: placement.index, kind: "act", items };
      return { placement: placement.index, kind: "none", because: whyEmpty(placement.index, input), items };
    });
    const dropped = allDrops(prepared, qualified.dropped, board.losses, fallen);
    const decided = { slates, withheld: [], dropped, contacts, arms: [], spent: [], pressure: 0, heldUntil: undefined };
    if (slates.some(({ kind }) => kind === "act")) return { kind: "act", ...decided };
    const because = slates.every((slate) => slate.because === "no-treatment") ? "no-treatment" : "all-dropped";
    return { kind: "none", because, ...decided };
  }

  function whyEmpty(placement: Slots["placement"]["index"], { request }: DecisionInput): NoneReason {
    const fits = prepared.treatments.some(
      ({ channel, placements }) =>
        placements.includes(placement) && (request.channel === undefined || request.channel === channel.index),
    );
    return fits ? "all-dropped" : "no-treatment";
  }
}

function ruleError({ treatment }: PreparedTreatment, { placement }: Slots): Drop {
  return {
    stage: "arbitration",
    treatment: treatment.index,
    placement: placement.index,
    lostTo: treatment.index,
    priority: Number.NaN,
    because: "rule-error",
  };
}

/**
 * One for each action that fell as a whole, else one for each of its treatments, in canonical order: `early` has that
 * order already, and a treatment is either there or among the losses.
 */
function allDrops(
  prepared: Prepared,
  early: readonly Drop[],
  losses: readonly (Drop | undefined)[],
  fallen: ReadonlyMap<ActionIndex, Drop>,
): readonly Drop[] {
  const dropped: Drop[] = [];
  let next = 0;
  for (const { action, treatments } of prepared.actions) {
    const fell = fallen.get(action.index);
    if (fell !== undefined) dropped.push(fell);
    const first = early[next];
    if (first !== undefined && "action" in first && first.action === action.index) {
      dropped.push(first);
      next++;
      continue;
    }
    for (const { treatment } of treatments) {
      const drop = early[next];
      const isNext = drop !== undefined && "treatment" in drop && drop.treatment === treatment.index;
      if (isNext) next++;
      const loss = isNext ? drop : losses[treatment.index];
      if (loss !== undefined && fell === undefined) dropped.push(loss);
    }
  }
  return dropped;
}
