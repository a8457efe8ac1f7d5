// Is the share of customers that each arm has the one that was declared? Where it is not, something drops or adds customers
// of one arm, and its rates cannot be compared. Pearson's chi-square test of goodness of fit, as Fabijan et al., "Diagnosing
// Sample Ratio Mismatch in Online Controlled Experiments" (KDD 2019) recommend; they alarm below p = 0.0005, we below 0.001.

export interface SampleRatio {
  readonly chiSquare: number;
  /** Arms less one. */
  readonly degrees: number;
  /** Probability of at least this chi-square if customers are divided as declared. */
  readonly p: number;
  readonly isAlarm: boolean;
}

const ALARM_BELOW = 0.001;

/**
 * `customers` and `weights` by arm; weights > 0 of any sum. Undefined with fewer than two arms, or where an arm expects fewer
 * than five customers: the test says nothing then (Cochran's rule).
 */
export function sampleRatio(customers: readonly number[], weights: readonly number[]): SampleRatio | undefined {
  const total = customers.reduce((sum, count) => sum + count, 0);
  const weight = weights.reduce((sum, one) => sum + one, 0);
  const expected = weights.map((one) => (total * one) / weight);
  if (customers.length < 2 || expected.some((count) => !(count >= 5))) return undefined;
  let chiSquare = 0;
  for (const [arm, count] of customers.entries()) {
    const wanted = expected[arm] as number;
    chiSquare += (count - wanted) ** 2 / wanted;
  }
  const degrees = customers.length - 1;
  const p = upperGamma(degrees / 2, chiSquare / 2);
  return { chiSquare, degrees, p, isAlarm: p < ALARM_BELOW };
}

const EPSILON = 1e-15;
const TERMS_MAX = 10_000;

/** Regularized upper incomplete gamma function Q(a, x); a > 0, x >= 0. The survival function of chi-square is Q(degrees / 2, x / 2). */
function upperGamma(a: number, x: number): number {
  if (x === 0) return 1;
  return x < a + 1 ? 1 - lowerSeries(a, x) : upperFraction(a, x);
}

/** DLMF 8.7.1: P(a, x) = x^a e^-x / Gamma(a + 1) * sum x^n / ((a + 1) ... (a + n)). */
function lowerSeries(a: number, x: number): number {
  let term = 1;
  let sum = 1;
  for (let n = 1; n < TERMS_MAX && term > sum * EPSILON; n++) {
    term *= x / (a + n);
    sum += term;
  }
  return sum * Math.exp(a * Math.log(x) - x - logGamma(a + 1));
}

/** DLMF 8.9.2 as a continued fraction, by the method of Lentz. */
function upperFraction(a: number, x: number): number {
  const tiny = 1e-300;
  let b = x + 1 - a;
  let c = 1 / tiny;
  let d = 1 / b;
  let product = d;
  for (let n = 1; n < TERMS_MAX; n++) {
    const factor = -n * (n - a);
    b += 2;
    d = 1 / nonZero(factor * d + b, tiny);
    c = nonZero(b + factor / c, tiny);
    product *= d * c;
    if (Math.abs(d * c - 1) < EPSILON) break;
  }
  return product * Math.exp(a * Math.log(x) - x - logGamma(a));
}

function nonZero(value: number, tiny: number): number {
  return Math.abs(value) < tiny ? tiny : value;
}

/** ln Gamma(x), x > 0: recurrence up to 15, then the Stirling series (DLMF 5.11.1); better than 1e-14 relative. */
function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 15; at++) shift -= Math.log(at);
  const inverse = 1 / at;
  const square = inverse * inverse;
  const series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square * (1 / 1680 - square / 1188))));
  return shift + (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series;
}
