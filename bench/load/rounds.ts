// Contenders measured side by side: one turn each in every round, in an order that turns round, so that a machine which is
// slow for a while is slow for all of them. Ratios are taken within a round, then their median.
import type { BenchOptions, BenchRow } from "../../engine/cli/bench.ts";

/** One measurement of one contender: returns its figure. `round` is 0-based. */
export type Turn = (round: number) => Promise<number> | number;

export interface Figure {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export function roundsOf({ quick }: Pick<BenchOptions, "quick">): number {
  return quick ? 2 : 5;
}

/** Of a point of a curve: it is its neighbours that it is held against. */
export function curveRounds({ quick }: Pick<BenchOptions, "quick">): number {
  return quick ? 1 : 3;
}

/** The figures of each contender, by round. */
export async function alternate<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, Turn>>,
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : names.toReversed();
    for (const name of order) figures[name].push(await contenders[name](round));
  }
  return figures;
}

/** Of at least one value. */
export function figureOf(values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >>> 1;
  const upper = sorted[middle] as number;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
  return { median, least: sorted[0] as number, most: sorted.at(-1) as number };
}

/** A row of the table; with a peer, its ratio (median over the rounds of figure / figure of the peer). */
export function rowOf(measured: string, unit: string, values: readonly number[], peer?: readonly number[]): BenchRow {
  const row = { measured, unit, ...figureOf(values) };
  if (peer === undefined) return row;
  const { median, least, most } = figureOf(values.map((value, round) => value / (peer[round] as number)));
  return { ...row, "of its peer": median, "least of it": least, "most of it": most };
}
