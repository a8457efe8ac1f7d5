// Priority = P^a x C^b x V^c x L^d x B^e x F^f.
import type { BetaCounts, Priority } from "../domain/decision.ts";
import type { TreatmentIndex, VerdictSlot } from "../domain/ids.ts";
import { type Action, type Arbitration, RULE_ERROR, RULE_TRUE, type Treatment } from "../rulebook/rulebook.ts";
import type { CandidateTable } from "./candidate-table.ts";

/**
 * Posterior mean of a Beta prior after Bernoulli trials, (alpha + positives) / (alpha + beta + trials)
 * (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4). In [0, 1] for sane evidence.
 */
export function propensityOf(
  { alpha, priorSum }: Pick<CandidateTable, "alpha" | "priorSum">,
  index: TreatmentIndex,
  { trials, positives }: BetaCounts,
): number {
  return ((alpha[index] as number) + (positives[index] ?? 0)) / ((priorSum[index] as number) + (trials[index] ?? 0));
}

/** Share of positives without the prior; NaN where nothing was tried. */
export function rawPropensity({ index }: Treatment, { trials, positives }: BetaCounts): number {
  const tried = trials[index] ?? 0;
  return tried > 0 ? (positives[index] ?? 0) / tried : Number.NaN;
}

/** A context weight with the place of its rule's verdict. */
export interface ContextWeight {
  readonly slot: VerdictSlot;
  readonly weight: number;
}

/** C: product of the weights whose rule is true, of the action and then of the treatment; NaN where a rule failed with an error. */
export function contextOf(context: readonly ContextWeight[], verdicts: Uint8Array, start = 1): number {
  let product = start;
  for (const { slot, weight } of context) {
    const verdict = verdicts[slot];
    if (verdict === RULE_ERROR) return Number.NaN;
    if (verdict === RULE_TRUE) product *= weight;
  }
  return product;
}

/** V; NaN where it is no finite number >= 0. `weights` by slot. */
export function worthOf({ value }: Action, weights: Float64Array): number {
  return worth(value.kind === "constant" ? value.value : (weights[value.slot] ?? Number.NaN));
}

/** V of what was written or computed. */
export function worth(found: number): number {
  return found >= 0 && found < Number.POSITIVE_INFINITY ? found + 0 : Number.NaN;
}

/** All that enters a priority. */
export type Factors = Omit<Priority, "raw" | "priority">;

/** The priority: finite and >= 0, or NaN where it cannot be computed. A factor whose exponent is 0 is switched off. */
export function priorityOf(exponents: Arbitration, factors: Factors): number {
  const { propensity, context, value, lever, boost, fatigue } = factors;
  if (Number.isNaN(value) || Number.isNaN(context)) return Number.NaN;
  const priority =
    power(propensity, exponents.propensity) *
    power(context, exponents.context) *
    power(value, exponents.value) *
    power(lever, exponents.lever) *
    power(boost, exponents.boost) *
    power(fatigue, exponents.fatigue);
  return priority >= 0 && priority < Number.POSITIVE_INFINITY ? priority : Number.NaN;
}

function power(base: number, exponent: number): number {
  if (exponent === 1) return base;
  return exponent === 0 ? 1 : base ** exponent;
}
