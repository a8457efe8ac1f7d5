import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compileGather } from "../../engine/score/gather-rows.ts";
import { fillRow, type RowPlan } from "../../engine/score/run-batch.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 1_000;
const FLOAT32_MAX = 2 ** 128 - 2 ** 104;
/** The first that rounds to infinity. */
const BEYOND = 2 ** 128 - 2 ** 103;
const WIDTH = 5;

/** Only the columns and the defaults are read. */
const PLAN = { columns: Int32Array.of(3, 0, 4, 2), defaults: Float64Array.of(-1, 2.5, 1e-30, 0) } as unknown as RowPlan;

const cell = fc.oneof(
  { weight: 4, arbitrary: fc.double({ noNaN: true, min: -1e6, max: 1e6 }) },
  fc.double(),
  fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity, FLOAT32_MAX, -FLOAT32_MAX, BEYOND, -BEYOND, 3.4e38, 1e308),
);
const rowsOf = fc.array(fc.array(cell, { minLength: WIDTH, maxLength: WIDTH }), { maxLength: 12 });

/** What stands in `input` and where it stopped, row by row. */
function plainly(rows: readonly Float64Array[], input: Float32Array, from: number): number {
  const columns = PLAN.columns.length;
  for (let row = from; row < rows.length; row++) {
    if (!fillRow(PLAN, rows[row] as Float64Array, input, (row - from) * columns)) return row;
  }
  return rows.length;
}

describe("rows gathered by a function with its columns written out", () => {
  it("has the same cells as rows that are filled one by one, and stops at the same one", () => {
    const gather = compileGather(PLAN);
    fc.assert(
      fc.property(rowsOf, fc.nat(3), (drawn, skipped) => {
        const rows = drawn.map((cells) => Float64Array.from(cells));
        const from = Math.min(skipped, rows.length);
        const fast = new Float32Array(64);
        const plain = new Float32Array(64);
        const stopped = gather(rows, from, rows.length, fast, 0);
        expect(stopped).toBe(plainly(rows, plain, from));
        const cells = (stopped - from) * PLAN.columns.length;
        expect([...fast.subarray(0, cells)]).toEqual([...plain.subarray(0, cells)]);
      }),
      { numRuns: RUNS },
    );
  });

  it("tells the largest float32 from the first number beyond it", () => {
    const gather = compileGather(PLAN);
    const input = new Float32Array(8);
    const last = Float64Array.of(FLOAT32_MAX, 0, 0, -FLOAT32_MAX, 0);
    expect(gather([last, Float64Array.of(0, 0, -BEYOND, 0, 0)], 0, 2, input, 0)).toBe(1);
    expect([...input.subarray(0, 4)]).toEqual([-FLOAT32_MAX, FLOAT32_MAX, 0, 0]);
  });

  it("puts the first row where it is told to", () => {
    const input = new Float32Array(8);
    const row = Float64Array.of(1, 9, Number.NaN, 4, 5);
    expect(compileGather(PLAN)([row], 0, 1, input, 4)).toBe(1);
    expect([...input]).toEqual([0, 0, 0, 0, 4, 1, 5, 0]);
  });
});
