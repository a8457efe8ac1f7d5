// Distinct values by linear counting (Whang, Vander-Zanden, Taylor: A linear-time probabilistic counting algorithm, 1990):
// each value sets one of 256 bits; with z bits still zero the estimate is -256 ln(z / 256), rounded.
//
//   true count     10     100     256     500    1000
//   std. error   1.4 %   4.7 %   5.3 %   6.5 %   10.7 %      sqrt(256 (e^t - t - 1)) / n,  t = n / 256
//
// All 256 bits set reads as 1,597, the end of the scale. Bitmaps of panes are joined by OR: a value that occurs in two
// panes counts once, and the order of arrival does not matter.
import { hashText } from "../domain/hash.ts";

const BITMAP_BITS = 256;
/** In 32-bit words. */
export const BITMAP_WORDS = BITMAP_BITS / 32;
/** In cells of 8 bytes. */
export const BITMAP_CELLS = BITMAP_BITS / 64;

const DISTINCT_SEED = 0x64697374;

/** The bit of a value, 0..255. */
export function bitOf(value: string): number {
  return (hashText(value, DISTINCT_SEED)[0] as number) & (BITMAP_BITS - 1);
}

export function setBit(words: Uint32Array, at: number, bit: number): void {
  const word = at + (bit >>> 5);
  words[word] = (words[word] as number) | (1 << (bit & 31));
}

/** Ones among the 256 bits at `at`. */
export function onesAt(words: Uint32Array, at: number): number {
  let ones = 0;
  for (let index = 0; index < BITMAP_WORDS; index++) {
    let word = words[at + index] as number;
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    ones += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return ones;
}

/** Estimated number of distinct values, a whole number. `ones` in 0..256. */
export function estimateDistinct(ones: number): number {
  const zeros = ones === BITMAP_BITS ? 0.5 : BITMAP_BITS - ones;
  return Math.round(-BITMAP_BITS * Math.log(zeros / BITMAP_BITS));
}
