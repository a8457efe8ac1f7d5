// The factors of one candidate's priority. Those of an action are worked out once for all its treatments.
import type { DecisionInput, Priority } from "../domain/decision.ts";
import type { Action } from "../rulebook/rulebook.ts";
import { contextOf, type Factors, priorityOf, propensityOf, rawPropensity, worthOf } from "./arbitration.ts";
import { createBoosts } from "./boosts.ts";
import { type Assignment, armsLever } from "./experiments.ts";
import { createPressure } from "./fatigue.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";

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
  /** Valid until the next call. The priority is NaN where it cannot be computed. */
  readonly weigh: (treatment: PreparedTreatment) => Readonly<Factors & Pick<Priority, "priority">>;
  readonly factorsOf: (treatment: PreparedTreatment) => Priority;
  /** V x L of an action, with the levers of the arms; NaN where it has no V. */
  readonly worth: (action: Action) => number;
  /** Of the customer, over all channels. */
  readonly pressure: () => number;
}

export function createScales({ rulebook }: Prepared): Scales {
  const boosts = createBoosts(rulebook);
  const pressure = createPressure(rulebook);
  const found = { propensity: 0, context: 1, value: 0, lever: 1, boost: 1, fatigue: 1, priority: 0 };
  let weighing: Weighing | undefined;
  let current: Action | undefined;
  let context = 1;
  let lever = 1;

  function open(next: Weighing): void {
    weighing = next;
    current = undefined;
    const { profile, now } = next.input;
    boosts.open(profile.contacts, now);
    pressure.open(profile.contacts, now);
  }

  function weigh(candidate: PreparedTreatment): typeof found {
    const { input, verdicts, weights, arms } = weighing as Weighing;
    const { treatment, action } = candidate;
    if (action !== current) {
      current = action;
      context = contextOf(action, verdicts);
      lever = action.lever * armsLever(arms, action.index);
      found.value = worthOf(action, weights);
      found.boost = boosts.of(action);
    }
    found.propensity = propensityOf(treatment, input.evidence);
    found.context = contextOf(treatment, verdicts, context);
    found.lever = lever * treatment.lever;
    found.fatigue = action.exempt ? 1 : pressure.leaves(treatment.channel);
    found.priority = priorityOf(rulebook.arbitration, found);
    return found;
  }

  function factorsOf(candidate: PreparedTreatment): Priority {
    const { input } = weighing as Weighing;
    return { raw: rawPropensity(candidate.treatment, input.evidence), ...weigh(candidate) };
  }

  function worth(action: Action): number {
    const { weights, arms } = weighing as Weighing;
    return worthOf(action, weights) * action.lever * armsLever(arms, action.index);
  }

  return { open, weigh, factorsOf, worth, pressure: pressure.total };
}
