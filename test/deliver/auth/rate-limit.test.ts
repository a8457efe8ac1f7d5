import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRateLimit } from "../../../engine/deliver/auth/rate-limit.ts";

describe("a rate limit", () => {
  it("takes twice the rate at once, then the rate, and says when there is room again", () => {
    const { take } = createRateLimit({ perSecond: 8, callersMax: 10 });
    const waits = Array.from({ length: 18 }, () => take("a", 1_000));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(16);
    expect(waits.at(-1)).toBe(125);
    expect(take("a", 1_062.5)).toBe(63);
    expect(take("a", 1_125)).toBe(0);
    expect(take("b", 1_125)).toBe(0);
  });

  it("has a rate of its own for who is given one", () => {
    const { take } = createRateLimit({ perSecond: 1, callersMax: 10 });
    expect(Array.from({ length: 200 }, () => take("server", 0, 100)).every((wait) => wait === 0)).toBe(true);
  });

  it("forgets who has been quiet longest, never who calls just now", () => {
    const { take } = createRateLimit({ perSecond: 1, callersMax: 2 });
    const spend = (id: string): void => void [take(id, 0), take(id, 0)];
    spend("a");
    spend("b");
    expect(take("a", 0)).toBeGreaterThan(0);
    spend("c");
    expect(take("a", 0)).toBeGreaterThan(0);
    expect(take("b", 0)).toBe(0);
  });

  it("never lets through more than burst and rate, whatever the times", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(400), { maxLength: 200 }), fc.integer({ min: 1, max: 50 }), (gaps, perSecond) => {
        const { take } = createRateLimit({ perSecond, callersMax: 4 });
        let now = 0;
        let taken = 0;
        for (const gap of gaps) {
          now += gap;
          if (take("x", now) === 0) taken++;
        }
        expect(taken).toBeLessThanOrEqual(2 * perSecond + (now / 1_000) * perSecond + 1e-6);
      }),
      { numRuns: 200 },
    );
  });
});
