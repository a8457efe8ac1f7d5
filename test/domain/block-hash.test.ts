import { expect, test } from "vitest";
import { BlockHash } from "../../engine/domain/block-hash.ts";
import { murmur128 } from "../../engine/domain/hash.ts";

const SEED = 42;

function hexOf(words: Int32Array | Float64Array): string {
  const out = new Uint32Array(4);
  murmur128(new Uint8Array(words.buffer), SEED, out);
  return Array.from(out, (word) => word.toString(16).padStart(8, "0")).join("");
}

test("words one by one give the hash of their bytes", () => {
  const words = Int32Array.from({ length: 40 }, (_, index) => Math.imul(index + 1, 0x9e3779b1));
  const hash = new BlockHash();
  for (let round = 0; round < 2; round++) {
    hash.open(SEED);
    for (let at = 0; at < words.length; at += 4) {
      const [a, b, c, d] = words.subarray(at, at + 4) as unknown as [number, number, number, number];
      hash.mix(a, b, c, d);
    }
    expect(hash.hex()).toBe(hexOf(words));
  }
});

test("two numbers are a block: every NaN is the same, and so are both zeros", () => {
  const hexFor = (first: number, second: number): string => {
    const hash = new BlockHash();
    hash.open(SEED);
    hash.mixNumbers(first, second);
    return hash.hex();
  };
  expect(hexFor(0.1, -3e300)).toBe(hexOf(Float64Array.of(0.1, -3e300)));
  expect(hexFor(-0, 1)).toBe(hexOf(Float64Array.of(0, 1)));
  expect(hexFor(1, Number.NaN)).toBe(hexOf(Float64Array.of(1, Number.NaN)));
  expect(hexFor(Number.NaN, 1)).not.toBe(hexFor(0, 1));
});
