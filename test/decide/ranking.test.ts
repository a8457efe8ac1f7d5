// The order in which candidates are tried, beside a plain sort: for few that are taken, and for all.
import { describe, expect, test } from "vitest";
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { NONE, Ranking } from "../../engine/decide/ranking.ts";

const SEED = Number(process.env["SEED"] ?? 7);

function drawn(seed: number, count: number) {
  const random = createRandom(seed);
  const below = (bound: number): number => Math.floor(random.next() * bound);
  const treatments = Int32Array.from({ length: count }, () => below(count / 2));
  const placements = Int32Array.from({ length: count }, (_, at) => at); // no pair twice
  const priorities = Array.from({ length: count }, () => (random.chance(0.2) ? NONE : below(12) / 4));
  return { treatments, placements, priorities };
}

describe(`the ranking (SEED=${SEED})`, () => {
  const ranking = new Ranking();

  test.each([0, 1, 2, 7, 8, 9, 10, 64, 65, 300])("of %i pairs each that waits comes once, the best first", (count) => {
    for (let round = 0; round < 20; round++) {
      const { treatments, placements, priorities } = drawn(SEED + 100 * count + round, count);
      ranking.open(treatments, placements);
      priorities.forEach((priority, at) => {
        if (priority !== NONE) ranking.add(at, priority);
      });
      const number = (column: ArrayLike<number>, at: number): number => column[at] as number;
      const expected = priorities
        .flatMap((priority, at) => (priority === NONE ? [] : [at]))
        .sort(
          (a, b) =>
            number(priorities, b) - number(priorities, a) ||
            number(treatments, a) - number(treatments, b) ||
            number(placements, a) - number(placements, b),
        );
      for (const [taken, at] of expected.entries()) {
        expect(ranking.waiting).toBe(expected.length - taken);
        expect(ranking.take()).toBe(at);
        expect(ranking.priority).toBe(priorities[at]);
        expect(ranking.priorities[at]).toBe(NONE);
      }
      expect(ranking.take()).toBe(NONE);
    }
  });
});
