import { describe, expect, it } from "vitest";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, LONG_AGO, NEVER } from "../../engine/domain/time.ts";
import { dayNumber, lastDaily, nextDaily } from "../../engine/profile/daily.ts";

const ana = customerKey("ana");

describe("the instant of the day", () => {
  it("DAY-1 comes once in every UTC day, always at the same time of it", () => {
    const first = nextDaily(ana, Date.UTC(2026, 0, 1) as Instant);
    for (let day = 0; day < 400; day++) {
      const at = (first + day * DAY_MS) as Instant;
      expect(lastDaily(ana, at)).toBe(at);
      expect(lastDaily(ana, (at - 1) as Instant)).toBe(at - DAY_MS);
      expect(nextDaily(ana, at)).toBe(at + DAY_MS);
      expect(nextDaily(ana, (at - 1) as Instant)).toBe(at);
      expect(dayNumber(at)).toBe(dayNumber(first) + day);
    }
    expect(nextDaily(ana, LONG_AGO)).toBe(NEVER);
  });

  it("DAY-1 is spread evenly over the customers", () => {
    const hours = new Array<number>(24).fill(0);
    for (let n = 0; n < 24_000; n++) {
      const hour = Math.floor((lastDaily(customerKey(`c-${n}`), DAY_MS as Instant) % DAY_MS) / HOUR_MS);
      hours[hour] = (hours[hour] as number) + 1;
    }
    // Five standard deviations of a fair spread.
    for (const count of hours) expect(Math.abs(count - 1_000)).toBeLessThan(155);
  });
});
