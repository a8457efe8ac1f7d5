// What the hash does fast beside what it does plainly.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hashText, murmur128, murmur128Words, writeAscii } from "../../engine/domain/hash.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 5_000 : 300;
const encoder = new TextEncoder();

function plain(bytes: Uint8Array, seed: number): number[] {
  const out = new Uint32Array(4);
  murmur128(bytes, seed, out);
  return [...out];
}

describe("murmur128", () => {
  test("of words is that of their bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(3), fc.integer(), (bytes, skipped, seed) => {
        const count = (bytes.length >>> 3) * 2;
        const memory = new Uint32Array(count + skipped);
        new Uint8Array(memory.buffer).set(bytes.subarray(0, count * 4), skipped * 4);
        const out = new Uint32Array(4);
        murmur128Words(memory, skipped, count, seed, out);
        expect([...out]).toEqual(plain(bytes.subarray(0, count * 4), seed));
      }),
      { numRuns: RUNS },
    );
  });

  test("of a text, short or long, of whatever letters, is that of its UTF-8", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 300 }), fc.integer(), (text, seed) => {
        expect([...hashText(text, seed)]).toEqual(plain(encoder.encode(text), seed));
        expect([...hashText(text.replace(/[^ -~]/g, "."), seed)]).toEqual(
          plain(encoder.encode(text.replace(/[^ -~]/g, ".")), seed),
        );
      }),
      { numRuns: RUNS },
    );
  });
});

test("a text is written as ASCII only where it is, and short", () => {
  const to = new Uint8Array(160);
  expect(writeAscii("abc", to, 2)).toBe(5);
  expect([...to.subarray(2, 5)]).toEqual([97, 98, 99]);
  expect(writeAscii("größe", to, 0)).toBe(-1);
  expect(writeAscii("a".repeat(129), to, 0)).toBe(-1);
  expect(writeAscii("a".repeat(128), to, 0)).toBe(128);
});
