import { describe, expect, it } from "vitest";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { CAMPAIGN_SOURCE, endHolds, holdMessage } from "../../engine/profile/held.ts";
import { compileLayout } from "../../engine/profile/layout.ts";
import { decodeState } from "../../engine/profile/state.ts";

const EMPTY = decodeState(new Uint8Array(0), compileLayout([], []));
const at = (hour: number) => (hour * HOUR_MS) as Instant;

/** Of the message that is worth it until 20:00. */
function record(event: string, heldUntil: number | undefined, source = "http", id = "basket"): DecisionRecord {
  const trigger = { id, source, event, hold: { at: at(1), dropAfter: at(20), again: false } };
  const input = { request: { context: { event } } };
  const until = heldUntil === undefined ? {} : { heldUntil: at(heldUntil) };
  return { trigger, input, ...until } as unknown as DecisionRecord;
}

describe("a held message", () => {
  it("HLM-1 keeps what names and describes its event", () => {
    const { held } = holdMessage(EMPTY, record("one", 8));
    expect(held).toEqual([
      {
        trigger: nameHash("trigger", "basket"),
        source: "http",
        event: "one",
        at: at(1),
        until: at(8),
        dropAfter: at(20),
        context: { event: "one" },
      },
    ]);
    const campaign = holdMessage(EMPTY, record("run", 8, CAMPAIGN_SOURCE)).held;
    expect(campaign[0]?.trigger, "a campaign is no trigger of the same name").toBe(nameHash("campaign", "basket"));
  });

  it("HLM-2 waits again where it is held again, and gives way to a later one of its trigger only", () => {
    let state = holdMessage(EMPTY, record("one", 8));
    state = holdMessage(state, record("other", 9, "http", "another"));
    state = holdMessage(state, record("one", 10));
    expect(state.held.map(({ event, until }) => [event, until])).toEqual([
      ["other", at(9)],
      ["one", at(10)],
    ]);
    state = holdMessage(state, record("two", 11));
    expect(state.held.map(({ event }) => event)).toEqual(["other", "two"]);
    expect(holdMessage(state, record("three", undefined)), "what is not held changes nothing").toBe(state);
    const { ended, waiting } = endHolds(state.held, at(9));
    expect([ended, waiting].map((list) => list.map(({ event }) => event))).toEqual([["other"], ["two"]]);
  });

  it("HLM-3 is none where the hold ends after its time, at which it may still be decided", () => {
    expect(holdMessage(EMPTY, record("one", 20)).held).toHaveLength(1);
    expect(holdMessage(EMPTY, record("one", 20.001))).toBe(EMPTY);
    const { trigger, ...rest } = record("one", 8);
    const bare = { ...rest, trigger: { id: trigger?.id, source: "http", event: "one" } } as unknown as DecisionRecord;
    expect(holdMessage(EMPTY, bare)).toBe(EMPTY);
  });
});
