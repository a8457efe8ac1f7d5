// What decays with time, and sums that do not depend on the order in which their terms came.
import type { Instant } from "../domain/time.ts";

/** 2^(-age / halfLifeMs): 1 now, 0.5 after one half-life. What lies ahead of `now` counts as now. */
export function recency(at: Instant, now: Instant, halfLifeMs: number): number {
  return 2 ** (-Math.max(0, now - at) / halfLifeMs);
}

/** Sorts `terms` in place: floating-point sums depend on the order of their terms, a decision must not. */
export function orderlySum(terms: number[]): number {
  terms.sort((a, b) => a - b);
  let sum = 0;
  for (const term of terms) sum += term;
  return sum;
}
