import { expect, test } from "vitest";
import { murmur128, murmur128OfWords } from "../../engine/domain/hash.ts";

test("words give the hash of their bytes", () => {
  const words = Int32Array.from({ length: 40 }, (_, index) => Math.imul(index + 1, 0x9e3779b1));
  for (let length = 0; length <= words.length; length += 4) {
    const [ofWords, ofBytes] = [new Uint32Array(4), new Uint32Array(4)];
    murmur128OfWords(words, length, 42, ofWords);
    murmur128(new Uint8Array(words.buffer, 0, 4 * length), 42, ofBytes);
    expect(ofWords).toEqual(ofBytes);
  }
});
