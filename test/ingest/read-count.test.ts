import fc from "fast-check";
import { expect, it } from "vitest";
import type { Position } from "../../engine/domain/ids.ts";
import { createReadCount } from "../../engine/ingest/read-count.ts";
import type { RawEntry } from "../../engine/journal/journal.ts";

const BOUNDS = { countMax: 256, entriesMax: 2_048, bytesMax: 16_777_216 };

const entries = (count: number, bytes: number): RawEntry[] =>
  Array.from({ length: count }, (_, n) => ({ position: `${n + 1}-0` as Position, fields: [Buffer.alloc(bytes)] }));

it("asks for fewer of each log the more logs there are, and never for none", () => {
  const counts = createReadCount(BOUNDS);
  const logs = [1, 4, 8, 64, 256, 4_096];
  for (let read = 0; read < 5; read++) counts.learn(entries(counts.of(1), 150));
  expect(logs.map(counts.of)).toEqual([256, 256, 256, 32, 8, 8]);
});

it("begins with few, when nobody knows yet how large they are", () => {
  const counts = createReadCount(BOUNDS);
  expect([1, 4, 64, 256].map(counts.of)).toEqual([64, 16, 1, 1]);
  const asked = Array.from({ length: 7 }, () => {
    const count = counts.of(16);
    counts.learn(entries(16 * count, 150));
    return count;
  });
  expect(asked).toEqual([4, 8, 16, 32, 64, 128, 128]);
});

it("large entries are fetched a few at a time, and small ones many again after them", () => {
  const counts = createReadCount(BOUNDS);
  counts.learn(entries(10, 4_194_304));
  expect(counts.of(1)).toBe(4);
  expect(counts.of(64)).toBe(1);
  for (let read = 0; read < 200; read++) counts.learn(entries(4, 150));
  expect(counts.of(8)).toBe(256);
});

it("whatever came before, a read of entries no larger than those stays within the bytes, or is one entry of each log", () => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ count: fc.nat(40), bytes: fc.nat(200_000) }), { minLength: 1, maxLength: 5 }),
      fc.integer({ min: 1, max: 128 }),
      (reads, logs) => {
        const counts = createReadCount(BOUNDS);
        for (const { count, bytes } of reads) counts.learn(entries(count, bytes));
        const last = reads.at(-1);
        const asked = counts.of(logs);
        expect(asked).toBeGreaterThanOrEqual(1);
        if (last !== undefined && last.count > 0 && asked > 1)
          expect(asked * logs * last.bytes).toBeLessThanOrEqual(BOUNDS.bytesMax);
      },
    ),
  );
});
