import { describe, expect, it } from "vitest";
import { sampleRatio } from "../../engine/learn/sample-ratio.ts";

/** Two equal arms of 10,000 customers whose counts differ by so much that chi-square is this. */
const apart = (chiSquare: number) => {
  const off = Math.sqrt((chiSquare * 5_000) / 2);
  return sampleRatio([5_000 + off, 5_000 - off], [1, 1]);
};

describe("the sample-ratio check", () => {
  it("gives the p-values of the tables of chi-square", () => {
    for (const [chiSquare, p] of [
      [0.01579077, 0.9],
      [3.841459, 0.05],
      [6.634897, 0.01],
      [10.827566, 0.001],
      [15.136705, 0.0001],
    ] as const) {
      expect(apart(chiSquare)?.p).toBeCloseTo(p, 7);
    }
    // Two degrees of freedom: exp(-x / 2) exactly.
    const three = sampleRatio([1_050, 1_000, 950], [1, 1, 1]);
    expect(three).toMatchObject({ degrees: 2, chiSquare: 5 });
    expect(three?.p).toBeCloseTo(Math.exp(-2.5), 14);
    // Four: exp(-x / 2) (1 + x / 2).
    const five = sampleRatio([110, 90, 100, 100, 100], [1, 1, 1, 1, 1]);
    expect(five?.p).toBeCloseTo(Math.exp(-1) * 2, 14);
    // Ten, from the table: 18.30704 is the 95th percentile.
    const off = Math.sqrt(18.30704 * 500);
    const eleven = sampleRatio([1_000 + off, 1_000 - off, ...Array<number>(9).fill(1_000)], Array<number>(11).fill(1));
    expect(eleven?.degrees).toBe(10);
    expect(eleven?.p).toBeCloseTo(0.05, 6);
  });

  it("stays exact where p is tiny, as in the example of a mismatch by Fabijan et al. (2019)", () => {
    // 821,588 and 815,482 customers of an even split: p is 1.8e-6.
    const found = sampleRatio([821_588, 815_482], [0.5, 0.5]);
    expect(found?.p).toBeGreaterThan(1.7e-6);
    expect(found?.p).toBeLessThan(1.9e-6);
    expect(found?.isAlarm).toBe(true);
    expect(sampleRatio([60_000, 40_000], [1, 1])?.p).toBe(0);
  });

  it("takes weights of any sum, and alarms below 0.001 only", () => {
    expect(sampleRatio([100, 300], [1, 3])).toMatchObject({ chiSquare: 0, p: 1, isAlarm: false });
    expect(apart(10.8)?.isAlarm).toBe(false);
    expect(apart(10.9)?.isAlarm).toBe(true);
  });

  it("says nothing of one arm, or of an arm that expects fewer than five customers", () => {
    expect(sampleRatio([100], [1])).toBeUndefined();
    expect(sampleRatio([4, 4], [1, 1])).toBeUndefined();
    expect(sampleRatio([0, 5_000], [0.0005, 0.9995])).toBeUndefined();
    expect(sampleRatio([0, 0], [1, 1])).toBeUndefined();
    expect(sampleRatio([5, 5], [1, 1])?.p).toBe(1);
  });
});
