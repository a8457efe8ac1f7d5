// Ids that asks get by chance: no two alike, none of them in a buffer that another one still uses.
import { expect, test } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { partitionOfDecision, randomId } from "../../engine/partition/questions.ts";
import { createRandomBits, drawSingly, RANDOM_BYTES } from "../../engine/partition/random-bits.ts";

test.each([
  ["many at once", createRandomBits()],
  ["one by one", drawSingly],
])("drawn %s they differ in every byte, and stay as they are", (_, draw) => {
  const drawn = Array.from({ length: 2_000 }, draw);
  const before = drawn.map((bits) => bits.toString("hex"));
  expect(new Set(before).size).toBe(2_000);
  expect(drawn.every(({ length }) => length === RANDOM_BYTES)).toBe(true);
  draw();
  expect(drawn.map((bits) => bits.toString("hex"))).toEqual(before);
  for (let at = 0; at < RANDOM_BYTES; at++) {
    // Of 256 values 2,000 draws miss fewer than one on average.
    expect(new Set(drawn.map((bits) => bits[at])).size, `byte ${at}`).toBeGreaterThan(240);
  }
});

test("an id names its partition, whatever was drawn", () => {
  const random = createRandomBits();
  for (const partition of [0, 1, 255, 256, 65_535] as PartitionIndex[]) {
    expect(partitionOfDecision(randomId(partition, random), 65_536)).toBe(partition);
  }
});
