import fc from "fast-check";
import { expect, it } from "vitest";
import type { Position } from "../../engine/domain/ids.ts";
import type { RawEntry } from "../../engine/journal/journal.ts";
import { createPageSize, readPage, readPages } from "../../engine/journal/page-size.ts";
import { RedisTrouble } from "../../engine/journal/redis.ts";

const MAX = 1_000;

/** A stream whose entries have so many bytes each, and how many were read at once. */
function streamOf(sizes: readonly number[]) {
  const asked: number[] = [];
  const read = async (count: number, last: RawEntry | undefined): Promise<readonly RawEntry[]> => {
    asked.push(count);
    const from = last === undefined ? 0 : Number.parseInt(last.position, 10);
    return sizes
      .slice(from, from + count)
      .map((bytes, n) => ({ position: `${from + n + 1}-0` as Position, fields: [Buffer.alloc(bytes)] }));
  };
  return { asked, read };
}

const small = (count: number): number[] => Array.from({ length: count }, () => 200);

it("small entries are soon read as many at once as may be", async () => {
  const size = createPageSize();
  const { asked, read } = streamOf(small(5_000));
  expect(await readPages(size, 3_000, read)).toHaveLength(3_000);
  expect(asked).toEqual([16, 32, 64, 128, 256, 512, 1_024, 968]);
  expect(size.next(MAX)).toBe(MAX);
});

it("large entries are read a few at a time, from the first read on, and small ones many again after them", async () => {
  const size = createPageSize({ bytesMax: 4_000_000 });
  const large = streamOf(Array.from({ length: 100 }, () => 1_000_000));
  expect(await readPages(size, MAX, large.read, 10_000_000)).toHaveLength(16);
  expect(size.next(MAX)).toBe(4);
  const { asked, read } = streamOf(small(20_000));
  await readPages(size, 20_000, read);
  expect(Math.max(...asked)).toBeGreaterThanOrEqual(MAX);
});

it("after a read that failed it asks for a quarter, and again, until one succeeds; what is refused does not count", async () => {
  const size = createPageSize();
  const grown = streamOf(small(2_000));
  await readPages(size, 2_000, grown.read);
  const asked: number[] = [];
  const failing = async (count: number): Promise<readonly RawEntry[]> => {
    asked.push(count);
    throw asked.length < 6 ? new RedisTrouble("no answer") : new Error("WRONGTYPE");
  };
  for (let time = 0; time < 8; time++) await expect(readPage(size, MAX, failing)).rejects.toThrow();
  expect(asked).toEqual([1_000, 16, 4, 1, 1, 1, 1, 1]);
});

it("every entry comes once and in order, whatever their sizes, and fewer than asked for only at the end or where they are large", () => {
  const sizes = fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 10_000, max: 90_000 })), { maxLength: 300 });
  return fc.assert(
    fc.asyncProperty(sizes, fc.integer({ min: 1, max: 400 }), async (bytes, countMax) => {
      const bytesMax = 500_000;
      const { read } = streamOf(bytes);
      const size = createPageSize({ bytesMax });
      const found: RawEntry[] = [];
      for (;;) {
        const last = found.at(-1);
        const page = await readPages(size, countMax, (count, at) => read(count, at ?? last), bytesMax);
        if (page.length === 0) break;
        const sum = page.reduce((total, { fields }) => total + (fields[0]?.length ?? 0), 0);
        const isShort = page.length < countMax && found.length + page.length < bytes.length;
        expect(page.length <= countMax && (!isShort || sum >= bytesMax)).toBe(true);
        found.push(...page);
      }
      expect(found.map(({ fields }) => fields[0]?.length)).toEqual(bytes);
    }),
  );
});
