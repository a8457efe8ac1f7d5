import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PartitionIndex } from "../../engine/domain/ids.ts";
import { type Sharer, shareOf } from "../../engine/partition/share.ts";

/** Engines that joined one after the other and hold what they hold; what nobody holds is free. */
const fleet = fc
  .record({
    partitions: fc.integer({ min: 1, max: 64 }),
    since: fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 9 }),
    picks: fc.array(fc.nat(), { minLength: 64, maxLength: 64 }),
  })
  .map(({ partitions, since, picks }) => {
    const owned = since.map(() => new Set<PartitionIndex>());
    for (let index = 0; index < partitions; index++) {
      owned[(picks[index] as number) % (since.length + 1)]?.add(index as PartitionIndex);
    }
    const engines = since.map((at, n) => ({ id: `e-${n}`, since: at, owned: owned[n] as Set<PartitionIndex> }));
    return { partitions, engines };
  });

function shares({ partitions, engines }: { readonly partitions: number; readonly engines: readonly Sharer[] }) {
  return engines.map((engine) => ({ engine, ...shareOf(engines, engine.id, partitions) }));
}

describe("the share of an engine", () => {
  it("adds up to all partitions, and differs by one at most", () => {
    fc.assert(
      fc.property(fleet, (one) => {
        const targets = shares(one).map(({ target }) => target);
        expect(targets.reduce((sum, target) => sum + target, 0)).toBe(one.partitions);
        expect(Math.max(...targets) - Math.min(...targets)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it("moves nothing that need not: only who has too many gives, never below its share, and only where others miss some", () => {
    fc.assert(
      fc.property(fleet, (one) => {
        const all = shares(one);
        const missing = all.reduce((sum, { engine, target }) => sum + Math.max(0, target - engine.owned.size), 0);
        for (const { engine, target, give, take } of all) {
          expect(give).toBe(Math.min(Math.max(0, engine.owned.size - target), missing));
          if (take.length > 0) expect(engine.owned.size).toBeLessThan(target);
          for (const index of take) expect(all.some((other) => other.engine.owned.has(index))).toBe(false);
        }
      }),
    );
  });

  it("is reached by giving and taking, whoever moves first", () => {
    fc.assert(
      fc.property(fleet, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), ({ partitions, engines }, turns) => {
        for (let turn = 0; turn < 64 * engines.length; turn++) {
          const first = turns[Math.floor(turn / engines.length) % turns.length] as number;
          const engine = engines[(first + turn) % engines.length] as Sharer;
          const owned = engine.owned as Set<PartitionIndex>;
          const { target, take, give } = shareOf(engines, engine.id, partitions);
          for (const index of [...owned].slice(0, give)) owned.delete(index);
          for (const index of take.slice(0, target - owned.size)) owned.add(index);
        }
        for (const { engine, target } of shares({ partitions, engines })) expect(engine.owned.size).toBe(target);
      }),
    );
  });
});
