// The factors of one candidate's priority. Those of an action are worked out once for all its treatments.
import type { DecisionInput, Priority } from "../domain/decision.ts";
import type { ActionIndex, ChannelIndex, TreatmentIndex } from "../domain/ids.ts";
import type { Action } from "../rulebook/rulebook.ts";
import { contextOf, type Factors, priorityOf, propensityOf, rawPropensity, worth, worthOf } from "./arbitration.ts";
import { createBoosts } from "./boosts.ts";
import { type Assignment, armsLever } from "./experiments.ts";
import { createPressure } from "./fatigue.ts";
import type { Prepared, PreparedAction, PreparedTreatment } from "./prepared.ts";

/** What the factors of one decision are read from. */
export interface Weighing {
  readonly input: DecisionInput;
  readonly verdicts: Uint8Array;
  readonly weights: Float64Array;
  readonly arms: readonly Assignment[];
}

/** Used again for the next decision: `open` starts over. */
export interface Scales {
  readonly open: (weighing: Weighing) => void;
  /** NaN where it cannot be computed. */
  readonly priorityOf: (treatment: TreatmentIndex) => number;
  /** Valid until the next call. */
  readonly weigh: (treatment: TreatmentIndex) => Readonly<Factors & Pick<Priority, "priority">>;
  readonly factorsOf: (treatment: PreparedTreatment) => Priority;
  /** V x L of an action, with the levers of the arms; NaN where it has no V. */
  readonly worth: (action: Action) => number;
  /** Of the customer, over all channels. */
  readonly pressure: () => number;
}

export function createScales({ rulebook, table, actions, treatments }: Prepared): Scales {
  const boosts = createBoosts(rulebook);
  const pressure = createPressure(rulebook);
  const { lever: levers, hasContext, isExempt, channel, action: actionOf } = table;
  const { actionLever, actionHasContext, valueSlot, value: values } = table;
  const found = { propensity: 0, context: 1, value: 0, lever: 1, boost: 1, fatigue: 1, priority: 0 };
  let weighing: Weighing | undefined;
  let current = -1;
  let context = 1;
  let lever = 1;
  let value = 0;
  let boost = 1;
  /** Every factor as it is. */
  const isPlain = Object.values(rulebook.arbitration).every((exponent) => exponent === 1);

  function open(next: Weighing): void {
    weighing = next;
    current = -1;
    const { profile, now } = next.input;
    boosts.open(profile.contacts, now);
    pressure.open(profile.contacts, now);
  }

  function weigh(index: TreatmentIndex): typeof found {
    const { input } = weighing as Weighing;
    const action = actionOf[index] as number;
    if (action !== current) weighAction(action);
    found.propensity = propensityOf(table, index, input.evidence);
    found.context = contextOfTreatment(index);
    found.value = value;
    found.lever = lever * (levers[index] as number);
    found.boost = boost;
    found.fatigue = fatigueOf(index);
    found.priority = priorityOf(rulebook.arbitration, found);
    return found;
  }

  /** As `weigh` has it, without what only an offer tells: most candidates are none. */
  function priorityOfTreatment(index: TreatmentIndex): number {
    if (!isPlain) return weigh(index).priority;
    const action = actionOf[index] as number;
    if (action !== current) weighAction(action);
    const propensity = propensityOf(table, index, (weighing as Weighing).input.evidence);
    const priority =
      propensity * contextOfTreatment(index) * value * (lever * (levers[index] as number)) * boost * fatigueOf(index);
    return priority >= 0 && priority < Number.POSITIVE_INFINITY ? priority : Number.NaN;
  }

  function contextOfTreatment(index: TreatmentIndex): number {
    if (hasContext[index] === 0) return context;
    return contextOf((treatments[index] as PreparedTreatment).context, (weighing as Weighing).verdicts, context);
  }

  function fatigueOf(index: TreatmentIndex): number {
    return isExempt[index] === 1 ? 1 : pressure.leaves(channel[index] as ChannelIndex);
  }

  function weighAction(action: number): void {
    const { verdicts, weights, arms } = weighing as Weighing;
    current = action;
    context = actionHasContext[action] === 0 ? 1 : contextOf((actions[action] as PreparedAction).context, verdicts);
    lever = actionLever[action] as number;
    if (arms.length > 0) lever *= armsLever(arms, action as ActionIndex);
    const slot = valueSlot[action] as number;
    value = worth((slot < 0 ? values[action] : weights[slot]) as number);
    boost = boosts.speaks() ? boosts.of((actions[action] as PreparedAction).action) : 1;
  }

  function factorsOf(candidate: PreparedTreatment): Priority {
    const { input } = weighing as Weighing;
    const { propensity, context, value, lever, boost, fatigue, priority } = weigh(candidate.treatment.index);
    const raw = rawPropensity(candidate.treatment, input.evidence);
    return { raw, propensity, context, value, lever, boost, fatigue, priority };
  }

  function valueTimesLever(action: Action): number {
    const { weights, arms } = weighing as Weighing;
    return worthOf(action, weights) * action.lever * armsLever(arms, action.index);
  }

  return { open, priorityOf: priorityOfTreatment, weigh, factorsOf, worth: valueTimesLever, pressure: pressure.total };
}
