// The record of a commit: read as written, whatever is in it; and as the version before wrote it.
import { readFileSync } from "node:fs";
import { Packr } from "msgpackr";
import { describe, expect, test } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import type { CommitSeq, Position } from "../../engine/domain/ids.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { type CommitRecord, decodeCommit, encodeCommit } from "../../engine/journal/commit-record.ts";
import { GOLDEN_FILE, readGolden } from "../golden/golden-file.ts";

const hold = { at: 5 as Instant, dropAfter: 9 as Instant, again: true };
const trigger = { id: "cart-left", source: "clickstream", event: "e-1", hold };

/** Every third is given what only a running engine adds. */
const goldens = readFileSync(GOLDEN_FILE, "utf8")
  .trim()
  .split("\n")
  .slice(0, 200)
  .map((line) => readGolden(line).record)
  .map((record, nth) => (nth % 3 === 0 ? { ...record, trigger, requestHash: "ab12" } : record));

function commitOf(decisions: readonly DecisionRecord[]): CommitRecord {
  return { position: "1-0" as Position, now: 7 as Instant, decisions, withdrawals: [], learned: [] };
}

describe("the record of a commit", () => {
  test("every golden decision is read as it was written", () => {
    expect(decodeCommit(encodeCommit(commitOf(goldens))).decisions).toEqual(goldens);
  });

  test("there are goldens with all that a decision may have, and without", () => {
    const have = (has: (record: DecisionRecord) => boolean): boolean => goldens.some(has) && !goldens.every(has);
    expect(have(({ trigger }) => trigger !== undefined)).toBe(true);
    expect(have(({ heldUntil }) => heldUntil !== undefined)).toBe(true);
    expect(have(({ withheld }) => withheld.length > 0)).toBe(true);
    expect(have(({ slates }) => slates.some(({ because }) => because !== undefined))).toBe(true);
    expect(have(({ input }) => input.profile.contacts.length > 0)).toBe(true);
  });

  test("a record of version 2, of maps by name, is read still", () => {
    const packr = new Packr({ useRecords: false, encodeUndefinedAsNil: false });
    const named = goldens.map((record) => {
      const { buffer, byteOffset, byteLength } = record.input.profile.features;
      const features = Buffer.from(buffer, byteOffset, byteLength);
      return { ...record, input: { ...record.input, profile: { ...record.input.profile, features } } };
    });
    const payload = packr.pack([2, "1-0", 7, named, [], [], { after: 5 }]);
    expect(decodeCommit(payload)).toEqual({ ...commitOf(goldens), after: 5 as CommitSeq });
  });

  test("a version that is not known is refused by name", () => {
    const payload = new Packr({ useRecords: false }).pack([4, "1-0", 7, [], [], []]);
    expect(() => decodeCommit(payload)).toThrow("journal entry of version 4: this engine reads versions 2 to 3");
  });
});
