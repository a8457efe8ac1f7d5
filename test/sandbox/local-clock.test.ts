import { expect, test } from "vitest";
import type { Instant } from "../../engine/domain/time.ts";
import { createLocalClock, type LocalClock } from "../../engine/sandbox/local-clock.ts";

const iso = (at: Instant | undefined): string => (at === undefined ? "none" : new Date(at).toISOString());
const vienna = createLocalClock("Europe/Vienna") as LocalClock;

test("a time of day is that of the place, in winter and in summer", () => {
  expect(iso(vienna.instant("2026-01-15", "09:00"))).toBe("2026-01-15T08:00:00.000Z");
  expect(iso(vienna.instant("2026-07-15", "09:00"))).toBe("2026-07-15T07:00:00.000Z");
});

test("the hour that the clock change leaves out is read by the old offset, the one that comes twice is the first", () => {
  expect(iso(vienna.instant("2026-03-29", "02:30"))).toBe("2026-03-29T01:30:00.000Z");
  expect(iso(vienna.instant("2026-03-29", "03:00"))).toBe("2026-03-29T01:00:00.000Z");
  expect(iso(vienna.instant("2026-10-25", "02:30"))).toBe("2026-10-25T00:30:00.000Z");
  expect(iso(vienna.instant("2026-10-25", "03:00"))).toBe("2026-10-25T02:00:00.000Z");
});

test("every hour of two years comes back as it was written, but those that do not exist", () => {
  for (const zone of ["Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"]) {
    const clock = createLocalClock(zone) as LocalClock;
    for (let hour = 0; hour < 2 * 366 * 24; hour += 7) {
      const at = (Date.UTC(2025, 0, 1) + hour * 3_600_000) as Instant;
      const again = clock.instant(clock.date(at), clock.time(at)) as Instant;
      expect(`${clock.date(again)} ${clock.time(again)}`).toBe(`${clock.date(at)} ${clock.time(at)}`);
      expect(again).toBeLessThanOrEqual(at);
    }
  }
});

test("what is no date, no time and no zone is told", () => {
  expect(vienna.instant("2026-02-30", "09:00")).toBeUndefined();
  expect(vienna.instant("2026-02-03", "24:00")).toBeUndefined();
  expect(createLocalClock("Europe/Wien")).toBeUndefined();
});
