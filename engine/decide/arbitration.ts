// Priority = P^a x C^b x V^c x L^d x B^e x F^f, and the order in which candidates are tried.
import type { BetaCounts, Priority } from "../domain/decision.ts";
import type { PlacementIndex, TreatmentIndex } from "../domain/ids.ts";
import { type Action, type Arbitration, RULE_ERROR, RULE_TRUE, type Treatment } from "../rulebook/rulebook.ts";

/**
 * Posterior mean of a Beta prior after Bernoulli trials, (alpha + positives) / (alpha + beta + trials)
 * (Gelman et al., Bayesian Data Analysis, 3rd ed., section 2.4). In [0, 1] for sane evidence.
 */
export function propensityOf({ prior, index }: Treatment, { trials, positives }: BetaCounts): number {
  return (prior.alpha + (positives[index] ?? 0)) / (prior.alpha + prior.beta + (trials[index] ?? 0));
}

/** Share of positives without the prior; NaN where nothing was tried. */
export function rawPropensity({ index }: Treatment, { trials, positives }: BetaCounts): number {
  const tried = trials[index] ?? 0;
  return tried > 0 ? (positives[index] ?? 0) / tried : Number.NaN;
}

interface Weighed {
  readonly context: Action["context"];
}

/** C: product of the weights whose rule is true, of the action and then of the treatment; NaN where a rule failed with an error. */
export function contextOf({ context }: Weighed, verdicts: Uint8Array, start = 1): number {
  let product = start;
  for (const { when, weight } of context) {
    const verdict = verdicts[when];
    if (verdict === RULE_ERROR) return Number.NaN;
    if (verdict === RULE_TRUE) product *= weight;
  }
  return product;
}

/** V; NaN where it is no finite number >= 0. `weights` by slot. */
export function worthOf({ value }: Action, weights: Float64Array): number {
  const found = value.kind === "constant" ? value.value : (weights[value.slot] ?? Number.NaN);
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

export interface Ranked {
  readonly treatment: TreatmentIndex;
  readonly placement: PlacementIndex;
  readonly priority: number;
}

/**
 * A binary heap over (priority descending, treatment ascending, placement ascending). Only the few that fill the slots
 * have to come out in order, so nothing sorts the rest. Used again for the next customer: `clear` starts over.
 */
export interface Ranking {
  readonly clear: () => void;
  readonly add: (treatment: TreatmentIndex, placement: PlacementIndex, priority: number) => void;
  /** The first of those left; undefined where none is. Adding after taking is not allowed. */
  readonly take: () => Ranked | undefined;
  /** Those left, in no order. */
  readonly rest: (visit: (treatment: TreatmentIndex, placement: PlacementIndex, priority: number) => void) => void;
}

export function createRanking(): Ranking {
  const treatments: TreatmentIndex[] = [];
  const placements: PlacementIndex[] = [];
  const priorities: number[] = [];
  const heap: number[] = [];
  let ordered = false;

  function clear(): void {
    treatments.length = 0;
    placements.length = 0;
    priorities.length = 0;
    heap.length = 0;
    ordered = false;
  }

  function add(treatment: TreatmentIndex, placement: PlacementIndex, priority: number): void {
    heap.push(priorities.length);
    treatments.push(treatment);
    placements.push(placement);
    priorities.push(priority);
  }

  function take(): Ranked | undefined {
    if (!ordered) {
      for (let at = (heap.length >> 1) - 1; at >= 0; at--) sink(at);
      ordered = true;
    }
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) {
      heap[0] = last;
      sink(0);
    }
    return {
      treatment: treatments[first] as TreatmentIndex,
      placement: placements[first] as PlacementIndex,
      priority: priorities[first] as number,
    };
  }

  function rest(visit: (treatment: TreatmentIndex, placement: PlacementIndex, priority: number) => void): void {
    for (const entry of heap) {
      visit(treatments[entry] as TreatmentIndex, placements[entry] as PlacementIndex, priorities[entry] as number);
    }
  }

  function sink(from: number): void {
    const entry = heap[from] as number;
    let at = from;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!before(heap[child] as number, entry)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = entry;
  }

  function before(a: number, b: number): boolean {
    const byPriority = (priorities[a] as number) - (priorities[b] as number);
    if (byPriority !== 0) return byPriority > 0;
    const byTreatment = (treatments[a] as number) - (treatments[b] as number);
    return byTreatment !== 0 ? byTreatment < 0 : (placements[a] as number) < (placements[b] as number);
  }

  return { clear, add, take, rest };
}
