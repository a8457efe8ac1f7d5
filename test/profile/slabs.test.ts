import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createSlabs, type Slot } from "../../engine/profile/slabs.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 2_000 : 100;

describe("slabs", () => {
  test("hold what was written to a place until it is freed, whatever is taken and freed meanwhile", () => {
    const step = fc.record({ cells: fc.integer({ min: 1, max: 3_000 }), frees: fc.nat(3), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const slabs = createSlabs();
        const held: { slot: Slot; cells: number; mark: number }[] = [];
        let inUse = 0;
        for (const [mark, { cells, frees, pick }] of steps.entries()) {
          const slot = slabs.take(cells);
          const room = slabs.roomOf(slot);
          expect(room).toBe(slabs.roomFor(cells));
          expect(room).toBeGreaterThanOrEqual(cells);
          slabs.chunkOf(slot).f64.fill(mark, slabs.cellOf(slot), slabs.cellOf(slot) + cells);
          held.push({ slot, cells, mark });
          inUse += room;
          for (let n = 0; n < Math.min(frees, held.length); n++) {
            const [gone] = held.splice((pick + n) % held.length, 1);
            inUse -= slabs.roomOf((gone as { slot: Slot }).slot);
            slabs.free((gone as { slot: Slot }).slot);
          }
          expect(slabs.bytes()).toBe(inUse * 8);
        }
        for (const { slot, cells, mark } of held) {
          const found = slabs.chunkOf(slot).f64.subarray(slabs.cellOf(slot), slabs.cellOf(slot) + cells);
          expect(found.length).toBe(cells);
          expect(found.every((value) => value === mark)).toBe(true);
        }
        for (const { slot } of held) slabs.free(slot);
        expect([slabs.bytes(), slabs.chunkBytes()]).toEqual([0, 0]);
      }),
      { numRuns: RUNS },
    );
  });

  test("of records that all grow through every size take little more than what is in use", () => {
    const slabs = createSlabs();
    let slots = Array.from({ length: 2_000 }, () => slabs.take(12));
    for (let cells = 20; cells <= 500; cells += 20) {
      slots = slots.map((slot) => {
        const next = slabs.take(cells);
        slabs.free(slot);
        return next;
      });
      expect(slabs.chunkBytes()).toBeLessThan(slabs.bytes() * 1.5);
    }
  });

  test("do not take a large chunk each time that a single record comes and goes", () => {
    const slabs = createSlabs();
    for (let n = 0; n < 50; n++) slabs.free(slabs.take(100));
    slabs.take(100);
    expect(slabs.chunkBytes()).toBeLessThan(100 * 8 * 32);
  });
});
