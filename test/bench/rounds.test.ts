import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { alternate, figureOf, rowOf } from "../../bench/load/rounds.ts";

describe("rounds of a benchmark", () => {
  it("give every contender one turn in each round, and turn the order round", async () => {
    const turns: string[] = [];
    const turn = (name: string) => (round: number) => {
      turns.push(`${name}${round}`);
      return round;
    };
    const figures = await alternate(3, { a: turn("a"), b: turn("b") });
    expect(turns).toEqual(["a0", "b0", "b1", "a1", "a2", "b2"]);
    expect(figures).toEqual({ a: [0, 1, 2], b: [0, 1, 2] });
  });

  it("take the ratio within a round: what slows both changes nothing", () => {
    expect(rowOf("x", "events/s", [10, 20, 40], [100, 200, 400])).toMatchObject({ median: 20, "of its peer": 0.1 });
    expect(rowOf("x", "events/s", [10])).not.toHaveProperty("of its peer");
  });

  it("have a median with as many figures at or below as at or above it, between the least and the most", () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 9 }), (values) => {
        const { median, least, most } = figureOf(values);
        expect([least, most]).toEqual([Math.min(...values), Math.max(...values)]);
        const below = values.filter((value) => value <= median).length;
        const above = values.filter((value) => value >= median).length;
        expect(Math.min(below, above) * 2).toBeGreaterThanOrEqual(values.length);
      }),
    );
  });
});
