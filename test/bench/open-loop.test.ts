import { describe, expect, it } from "vitest";
import { openLoop, percentileMs } from "../../bench/load/open-loop.ts";

describe("the open-loop sender", () => {
  it("charges a stall to everyone who would have come meanwhile, not to the one request that hit it", async () => {
    // All are held until 200 ms after the first was sent: of 100 that come every 2 ms, the median one waited about 100 ms.
    let openAt: number | undefined;
    const send = () => {
      openAt ??= performance.now() + 200;
      const leftMs = Math.max(0, openAt - performance.now());
      return new Promise<void>((resolve) => setTimeout(resolve, leftMs));
    };
    const histogram = await openLoop({ ratePerSecond: 500, count: 100, send });
    expect(histogram.totalCount).toBe(100);
    expect(percentileMs(histogram, 50)).toBeGreaterThan(80);
    expect(percentileMs(histogram, 99)).toBeGreaterThan(190);
  });

  it("does not wait for an answer before it sends the next", async () => {
    let underway = 0;
    let most = 0;
    await openLoop({
      ratePerSecond: 1_000,
      count: 50,
      send: async () => {
        most = Math.max(most, ++underway);
        await new Promise((resolve) => setTimeout(resolve, 100));
        underway--;
      },
    });
    expect(most).toBeGreaterThan(10);
  });

  it("ends with the first request that fails", async () => {
    const send = (index: number) => (index === 3 ? Promise.reject(new Error("refused")) : Promise.resolve());
    await expect(openLoop({ ratePerSecond: 2_000, count: 10, send })).rejects.toThrow("refused");
  });
});
