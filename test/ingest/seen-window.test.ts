import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { createSeenWindow, eventHash, ringCapacityOf, SEEN_ENTRIES } from "../../engine/ingest/seen-window.ts";

const numRuns = process.env["NBA_LONG"] === "1" ? 3_000 : 200;

/** Of few different hashes, whose low words collide in the table, so that repeats, chains and evictions are frequent. */
const hash = fc.tuple(fc.constantFrom(0, 1, 2, 255, 256, 0xffffffff), fc.integer({ min: 0, max: 5 }));

function naive(capacity: number): (lo: number, hi: number) => boolean {
  const entries: string[] = [];
  return (lo, hi) => {
    const isRepeated = entries.slice(-capacity).includes(`${lo}/${hi}`);
    entries.push(`${lo}/${hi}`);
    return isRepeated;
  };
}

describe("window of what was seen", () => {
  test("says the same as a naive list of the last entries", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.array(hash, { maxLength: 400 }), (capacity, hashes) => {
        const window = createSeenWindow(capacity);
        const expected = naive(capacity);
        for (const [lo, hi] of hashes) expect(window.check(lo, hi)).toBe(expected(lo, hi));
      }),
      { numRuns },
    );
  });

  test("a ring that was persisted piece by piece restores the same window, as of any past head within the slack", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.array(fc.array(hash, { maxLength: 60 }), { maxLength: 8 }),
        fc.nat(),
        fc.array(hash, { maxLength: 60 }),
        (capacity, pieces, slack, after) => {
          const ring = new Uint8Array(ringCapacityOf(capacity) * 8);
          const window = createSeenWindow(capacity);
          const all: [number, number][] = [];
          let written = 0;
          for (const piece of pieces) {
            for (const [lo, hi] of piece) window.check(lo, hi);
            all.push(...piece);
            for (const write of window.since(written)) ring.set(write.bytes, write.offset);
            written = window.head();
          }
          const past = Math.max(0, written - (slack % (ringCapacityOf(capacity) - capacity + 1)));
          const restored = createSeenWindow(capacity);
          restored.restore(ring, past);
          const expected = naive(capacity);
          for (const [lo, hi] of all.slice(0, past)) expected(lo, hi);
          for (const [lo, hi] of after) expect(restored.check(lo, hi)).toBe(expected(lo, hi));
          expect(restored.head()).toBe(past + after.length);
        },
      ),
      { numRuns },
    );
  });

  test("exactly 100,000 entries are remembered, and a repeated one counts as an entry", () => {
    const window = createSeenWindow();
    const words = new Uint32Array(4);
    const check = (id: number): boolean => {
      eventHash(customerKey("c-1"), "clickstream", `e-${id}`, 7, words);
      return window.check(words[0] as number, words[1] as number);
    };
    let repeated = 0;
    for (let id = 0; id < SEEN_ENTRIES; id++) if (check(id)) repeated++;
    expect(repeated).toBe(0);
    expect(check(0)).toBe(true);
    expect(check(1)).toBe(true);
    for (let id = SEEN_ENTRIES; id < 2 * SEEN_ENTRIES - 1; id++) check(id);
    expect(check(1)).toBe(true);
    expect(check(0)).toBe(false);
    expect(check(2)).toBe(false);
    expect(ringCapacityOf(SEEN_ENTRIES)).toBe(131_072);
  });

  test("a ring too short for its head is refused", () => {
    expect(() => createSeenWindow(10).restore(new Uint8Array(72), 11)).toThrow(/72 bytes, but head 11 needs 88/);
  });

  test("the hash tells apart what only concatenation would confuse", () => {
    const of = (key: string, source: string, id: string, seed = 1): string => {
      const words = new Uint32Array(4);
      eventHash(customerKey(key), source, id, seed, words);
      return words.join();
    };
    const forged = [
      of("a", "b", "c"),
      of("ab", "", "c"),
      of("a", "", "bc"),
      of("", "ab", "c"),
      of("a", "bc", ""),
      of("a", "b", "c", 2),
    ];
    expect(new Set(forged).size).toBe(forged.length);
    expect(of("Ольга", "clickstream", "é")).toBe(of("Ольга", "clickstream", "é"));
  });
});
