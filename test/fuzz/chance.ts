// Chance that a seed determines. CI fuzzes with one seed, always the same; a long run takes a new one and prints it.
export interface Chance {
  /** A whole number from 0 to `below - 1`. */
  readonly below: (below: number) => number;
  readonly pick: <T>(from: readonly T[]) => T;
}

export const isLong = process.env["NBA_LONG"] === "1";
/** `NBA_SEED=N` plays a run again. */
export const SEED = Number(process.env["NBA_SEED"] ?? (isLong ? Date.now() % 1_000_000_000 : 20_251_122));

/** How many inputs: by default, and by NBA_LONG=1. */
export function inputs(some: number, many: number): number {
  return isLong ? many : some;
}

/** mulberry32, public domain. `name` keeps targets apart: the inputs of one do not depend on which others run. */
export function chanceOf(name: string, seed = SEED): Chance {
  let state = seed;
  for (let at = 0; at < name.length; at++) state = Math.imul(state ^ name.charCodeAt(at), 0x01000193);
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % bound;
  };
  return { below, pick: <T>(from: readonly T[]): T => from[below(from.length)] as T };
}
