import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../engine/domain/time.ts";
import { parseRetention, RETENTION_DEFAULT } from "../../engine/retain/retention.ts";

describe("RETENTION", () => {
  it.each([
    [RETENTION_DEFAULT, { journalMs: 30 * DAY_MS, logMs: 3 * DAY_MS, bytes: 4 * 2 ** 30 }],
    ["7d,2GiB", { journalMs: 7 * DAY_MS, logMs: 3 * DAY_MS, bytes: 2 * 2 ** 30 }],
    ["12h", { journalMs: 12 * HOUR_MS, logMs: 12 * HOUR_MS, bytes: 4 * 2 ** 30 }],
    ["512MiB", { journalMs: 30 * DAY_MS, logMs: 3 * DAY_MS, bytes: 512 * 2 ** 20 }],
    ["log=90s, 5m,1TiB", { journalMs: 5 * MINUTE_MS, logMs: 90 * SECOND_MS, bytes: 2 ** 40 }],
  ])("takes %s", (text, value) => {
    expect(parseRetention(text)).toEqual({ value });
  });

  it.each([
    ["30", '"30": "30" is no part of it; want parts such as 30d (decisions), log=3d (input logs), 4GiB (all together)'],
    ["7d,30d", '"7d,30d" says the same twice'],
    ["9s", '"9s": "9s" is not between 10 seconds and ten years'],
    ["log=4000d", '"log=4000d": "log=4000d" is not between 10 seconds and ten years'],
    ["0MiB", '"0MiB": "0MiB" is not between 1MiB and 8191TiB'],
    [
      "4GB",
      '"4GB": "4GB" is no part of it; want parts such as 30d (decisions), log=3d (input logs), 4GiB (all together)',
    ],
  ])("refuses %s in words", (text, fault) => {
    expect(parseRetention(text)).toEqual({ fault });
  });

  it("takes or refuses any text, in one line", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const parsed = parseRetention(text);
        if ("fault" in parsed) expect(parsed.fault).not.toContain("\n");
        else expect(Object.values(parsed.value).every((value) => Number.isSafeInteger(value) && value > 0)).toBe(true);
      }),
    );
  });
});
