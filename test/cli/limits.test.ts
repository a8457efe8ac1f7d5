import { describe, expect, it } from "vitest";
import { assertLimits, LIMITS, type Limits, limitFaults } from "../../engine/limits.ts";

describe("limits", () => {
  it("fit their neighbours", () => {
    expect(() => assertLimits()).not.toThrow();
  });

  it.each<[Partial<Limits>, string]>([
    [{ contactsMax: 100 }, "contactsMax must exceed contactLimitMax"],
    [{ behindMsMax: LIMITS.windowMsMax - 1 }, "late events miss their window"],
    [{ seenRingSlots: 100_001 }, "seenRingSlots must be a power of two"],
    [{ seenRingSlots: 65_536 }, "seenRingSlots must exceed seenEventsMax"],
    [{ attributeSetMax: 65 }, "attributeSetMax must not exceed propListMax"],
    [{ panesMax: 0 }, "panesMax is no positive whole number"],
  ])("%j alone is refused", (change, words) => {
    const faults = limitFaults({ ...LIMITS, ...change });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain(words);
    expect(() => assertLimits({ ...LIMITS, ...change })).toThrow("contradicts itself");
  });
});
