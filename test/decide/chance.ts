// Chance by a seed, so that what fails can be played again.

export interface Chance {
  /** A whole number in [0, bound). */
  readonly below: (bound: number) => number;
  readonly is: (share: number) => boolean;
  /** Throws RangeError where there is nothing to pick from. */
  readonly pick: <Value>(values: readonly Value[]) => Value;
  /** 1 to `most` different ones. */
  readonly some: <Value>(values: readonly Value[], most: number) => readonly Value[];
}

/** mulberry32 (Tommy Ettinger, public domain). */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;
  const draw = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (bound: number) => Math.floor(draw() * bound);
  const pick = <Value>(values: readonly Value[]): Value => {
    if (values.length === 0) throw new RangeError("nothing to pick from");
    return values[below(values.length)] as Value;
  };
  const some = <Value>(values: readonly Value[], most: number): readonly Value[] => {
    const found = new Set<Value>();
    for (let left = 1 + below(most); left > 0; left--) found.add(pick(values));
    return [...found];
  };
  return { below, is: (share) => draw() < share, pick, some };
}
