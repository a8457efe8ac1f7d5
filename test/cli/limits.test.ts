import { describe, expect, it } from "vitest";
import { RULEBOOK_FILE_BYTES_MAX, RULEBOOK_FILES_MAX } from "../../engine/cli/read-rulebook.ts";
import { CONTACTS_KEPT_MAX } from "../../engine/decide/contact-limits.ts";
import * as events from "../../engine/ingest/bounds.ts";
import { ringCapacityOf, SEEN_ENTRIES } from "../../engine/ingest/seen-window.ts";
import { assertLimits, LIMITS, type Limits, limitFaults } from "../../engine/limits.ts";
import * as profiles from "../../engine/profile/bounds.ts";
import { BATCH_ROWS_MAX } from "../../engine/score/score-batch.ts";

describe("limits", () => {
  it("are what the parts enforce", () => {
    const enforced: Partial<Record<keyof Limits, number>> = {
      eventBytesMax: events.PAYLOAD_BYTES_MAX,
      eventIdCharsMax: events.ID_LENGTH_MAX,
      eventTypeCharsMax: events.TYPE_LENGTH_MAX,
      customerCharsMax: events.CUSTOMER_LENGTH_MAX,
      propsMax: events.PROPS_MAX,
      propStringCharsMax: events.TEXT_LENGTH_MAX,
      propListMax: events.SET_MAX,
      aheadMsMax: events.AHEAD_MS_MAX,
      behindMsMax: events.BEHIND_MS_MAX,
      seenEventsMax: SEEN_ENTRIES,
      seenRingSlots: ringCapacityOf(SEEN_ENTRIES),
      contactsMax: profiles.CONTACTS_MAX,
      openCasesMax: profiles.OPEN_CASES_MAX,
      tasksMax: profiles.TASKS_MAX,
      consentsMax: profiles.CONSENTS_MAX,
      attributeStringCharsMax: profiles.TEXT_LENGTH_MAX,
      attributeSetMax: profiles.SET_STRINGS_MAX,
      contactMemoryMsMax: profiles.CONTACT_MEMORY_MAX_MS,
      scoreRowsMax: BATCH_ROWS_MAX,
      rulebookFilesMax: RULEBOOK_FILES_MAX,
      rulebookFileBytesMax: RULEBOOK_FILE_BYTES_MAX,
    };
    expect(LIMITS).toMatchObject(enforced);
    expect(CONTACTS_KEPT_MAX).toBe(LIMITS.contactsMax);
  });

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
