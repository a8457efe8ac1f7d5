// Bytes that were right, changed as a broken producer, a cut connection or an attacker would: bits, cuts, repetitions, pieces of
// another input, and words that mean something to one parser or another.
import type { Chance } from "./chance.ts";

const SPICE = [
  "__proto__",
  "constructor",
  '"__proto__":{"a":1},',
  "\0",
  '"',
  "'",
  "{",
  "[",
  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
  "}",
  "1e999",
  "-1e999",
  "NaN",
  "-0",
  "9007199254740993",
  "\\ud800",
  "\\u0000",
  "\xff\xfe",
  "\xed\xa0\x80",
  "\xef\xbb\xbf",
  "\r\n",
  "\r\n\r\n",
  "\n",
  "\t",
  ": ",
  "&a ",
  "*a ",
  "!!js/function ",
  "<<: ",
  "- ",
  "%2e%2e%2f",
  "%00",
  "%",
  "{{",
  "}}",
  "${",
  "x".repeat(70),
  "x".repeat(300),
].map((each) => Buffer.from(each, "latin1"));

/** Lengths, tags and numbers at the edges of binary formats. */
const TOKENS = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0xc0, 0xc1, 0xc4, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd9, 0xdb, 0xdc, 0xdd,
  0xde, 0xdf, 0xf8, 0xff,
];

/** One to four changes of `bytes`, which stays as it is. `others` lend pieces. */
export function mutateBytes(bytes: Uint8Array, chance: Chance, others: readonly Uint8Array[] = []): Buffer {
  let mutated = Buffer.from(bytes);
  for (let times = 1 + chance.below(4); times > 0; times--) mutated = mutateOnce(mutated, chance, others);
  return mutated;
}

function mutateOnce(bytes: Buffer, chance: Chance, others: readonly Uint8Array[]): Buffer<ArrayBuffer> {
  const at = chance.below(bytes.length + 1);
  const set = (value: number): Buffer<ArrayBuffer> => {
    const changed = Buffer.from(bytes);
    if (at < changed.length) changed[at] = value;
    return changed;
  };
  const splice = (cut: number, ...put: readonly Uint8Array[]): Buffer<ArrayBuffer> =>
    Buffer.concat([bytes.subarray(0, at), ...put, bytes.subarray(at + cut)]);
  const piece = (): Buffer => bytes.subarray(at, at + 1 + chance.below(40));
  switch (chance.below(10)) {
    case 0:
      return set((bytes[at] ?? 0) ^ (1 << chance.below(8)));
    case 1:
      return set(chance.below(256));
    case 2:
      return set(chance.pick(TOKENS));
    case 3:
      return Buffer.from(bytes.subarray(0, at));
    case 4:
      return splice(0, chance.pick(SPICE));
    case 5:
      return splice(1 + chance.below(8));
    case 6:
      return splice(0, piece());
    case 7:
      return splice(chance.below(20), chance.pick(SPICE));
    case 8:
      return splice(4, Buffer.from(Array.from({ length: 4 }, () => chance.pick(TOKENS))));
    default: {
      const other = others.length === 0 ? bytes : chance.pick(others);
      const from = chance.below(other.length + 1);
      return splice(chance.below(30), other.subarray(from, from + chance.below(200)));
    }
  }
}
