import { describe, expect, it } from "vitest";
import { nameHash } from "../../engine/domain/hash.ts";
import type { QuotaIndex } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { quotaDay } from "../../engine/partition/quota-day.ts";
import {
  grant,
  leftOn,
  limitOf,
  lineOf,
  type QuotaLedger,
  quotaView,
  spend,
} from "../../engine/partition/quota-ledger.ts";
import type { Quota } from "../../engine/rulebook/policies.ts";

const at = (text: string) => Date.parse(text) as Instant;
const hours = ({ from, to }: { from: number; to: number }) => (to - from) / 3_600_000;

function quota(changes: Partial<Quota>): Quota {
  return {
    index: 0 as QuotaIndex,
    id: "pushes",
    hash: nameHash("quota", "pushes"),
    place: { file: "quotas.yaml", line: 1, column: 1 },
    channel: undefined,
    issue: undefined,
    group: undefined,
    action: undefined,
    unit: "contacts",
    max: 100,
    per: "day",
    timeZone: "Europe/Vienna",
    pacing: "none",
    ...changes,
  };
}

describe("the day of a quota", () => {
  it("begins at midnight of its zone, not of UTC", () => {
    expect(lineOf(quota({}), at("2026-11-22T22:59:59.999Z"))).toBe("pushes/contacts/2026-11-22");
    expect(lineOf(quota({}), at("2026-11-22T23:00:00Z"))).toBe("pushes/contacts/2026-11-23");
    expect(lineOf(quota({ timeZone: "Pacific/Auckland" }), at("2026-11-22T11:00:00Z"))).toBe(
      "pushes/contacts/2026-11-23",
    );
    expect(lineOf(quota({ per: "total", unit: "cost" }), at("2026-11-22T11:00:00Z"))).toBe("pushes/cost/total");
  });

  it("has 23 or 25 hours where the clocks are changed, also where that is at midnight", () => {
    expect(hours(quotaDay("Europe/Vienna", at("2026-03-29T12:00:00Z")))).toBe(23);
    expect(hours(quotaDay("Europe/Vienna", at("2026-10-25T12:00:00Z")))).toBe(25);
    expect(hours(quotaDay("Europe/Vienna", at("2026-10-26T12:00:00Z")))).toBe(24);
    const beirut = quotaDay("Asia/Beirut", at("2026-03-29T12:00:00Z"));
    expect(new Date(beirut.from).toISOString()).toBe("2026-03-28T22:00:00.000Z"); // 01:00 local: 00:00 does not exist
    expect(hours(beirut)).toBe(23);
  });
});

describe("what may be granted by now", () => {
  it("is everything without pacing, and the part of the local day gone by with it", () => {
    expect(limitOf(quota({}), at("2026-11-22T00:00:00Z"))).toBe(100);
    const even = quota({ pacing: "even" });
    expect(limitOf(even, at("2026-11-21T23:00:00Z"))).toBe(0);
    expect(limitOf(even, at("2026-11-22T05:00:00Z"))).toBe(25);
    expect(limitOf(even, at("2026-11-22T22:59:59.999Z"))).toBe(99);
    expect(limitOf(quota({ pacing: "even", per: "total" }), at("2026-11-22T05:00:00Z"))).toBe(100);
  });

  it("counts money in millionths, without losing any to rounding", () => {
    expect(limitOf(quota({ unit: "cost", max: 0.07 }), at("2026-11-22T00:00:00Z"))).toBe(70_000);
    const ledger: QuotaLedger = new Map();
    const budget = quota({ unit: "cost", max: 0.3 });
    const now = at("2026-11-22T12:00:00Z");
    grant(ledger, lineOf(budget, now), 300_000);
    for (let n = 0; n < 3; n++) {
      expect(quotaView(ledger, [budget], now)[0]).toBeGreaterThanOrEqual(0.1);
      spend(ledger, [budget], now, [{ quota: "pushes", units: 0.1 }]);
    }
    expect(quotaView(ledger, [budget], now)[0]).toBe(0);
  });
});

describe("a ledger", () => {
  const now = at("2026-11-22T12:00:00Z");

  it("has nothing left where nothing was granted, and never less than nothing", () => {
    const ledger: QuotaLedger = new Map();
    expect([...quotaView(ledger, [quota({})], now)]).toEqual([0]);
    grant(ledger, "pushes/contacts/2026-11-22", 3);
    spend(ledger, [quota({})], now, [{ quota: "pushes", units: 1 }]);
    expect([...quotaView(ledger, [quota({})], now)]).toEqual([2]);
    grant(ledger, "pushes/contacts/2026-11-22", 1);
    expect(leftOn(ledger, "pushes/contacts/2026-11-22")).toBe(0);
  });

  it("does not take what was never granted, nor of a quota that is not there", () => {
    expect(() => spend(new Map(), [quota({})], now, [{ quota: "pushes", units: 1 }])).toThrow(/nothing was granted/);
    expect(() => spend(new Map(), [], now, [{ quota: "pushes", units: 1 }])).toThrow(/does not have/);
  });

  it("forgets days that are over, never a total", () => {
    const ledger: QuotaLedger = new Map();
    grant(ledger, "pushes/contacts/total", 1);
    grant(ledger, "pushes-2/contacts/2026-11-01", 1);
    for (let day = 10; day < 20; day++) grant(ledger, `pushes/contacts/2026-11-${day}`, 1);
    expect([...ledger.keys()].sort()).toEqual([
      "pushes-2/contacts/2026-11-01",
      ...["16", "17", "18", "19"].map((day) => `pushes/contacts/2026-11-${day}`),
      "pushes/contacts/total",
    ]);
  });
});
