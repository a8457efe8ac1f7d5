import { expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { firstDropDigest } from "../../engine/decide/first-drop-digest.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { replay } from "../../engine/decide/replay.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import { DAY_MS, HOUR_MS, type Instant, NEVER, plus } from "../../engine/domain/time.ts";
import type { Campaign, Trigger } from "../../engine/rulebook/triggers.ts";
import { buildRulebook, inputFor, NOW, no } from "./build.ts";
import { EVERYBODY, PLACE } from "./policies.ts";

const HOME = [{ channel: "app", placements: ["home"] }];

function decided() {
  const rulebook = buildRulebook({
    actions: [
      { id: "a", treatments: HOME },
      { id: "b", eligibility: [no()], treatments: HOME },
      { id: "c", treatments: [{ channel: "push", placements: ["outreach"] }] },
      { id: "d", floor: 0.9, treatments: HOME },
      { id: "e", treatments: HOME },
      { id: "f", value: -1, treatments: HOME },
    ],
    limits: [{ id: "cap", max: 0, windowMs: DAY_MS, action: "e" }],
  });
  const decider = createDecider(rulebook);
  const trials = Object.fromEntries(rulebook.treatments.map(({ id }) => [id, [10, 3] as const]));
  const input = inputFor(rulebook, { trials });
  const decision = decide(decider, input, []);
  return { rulebook, decider, decision, record: recordOf(decider, input, decision, { models: [], degraded: [] }) };
}

test("DET-7 keeps the evidence that was read, and the replay needs no other", () => {
  const { rulebook, decider, record } = decided();
  const names = record.input.evidence.map(([treatment]) => rulebook.treatments[treatment]?.id);
  expect(names).toEqual(["a:app", "d:app", "e:app", "f:app"]);
  expect(replay(decider, record).differences).toEqual([]);
});

test("DET-8 a record with the first form of the digest is computed again in that form", () => {
  const { decider, record, decision } = decided();
  const first = firstDropDigest(decider.prepared, decision.dropped);
  expect(first).toMatch(/^[0-9a-f]{32}$/);
  expect(replay(decider, { ...record, droppedDigest: first }).differences).toEqual([]);
  const other = `${first.startsWith("0") ? "1" : "0"}${first.slice(1)}`;
  const difference = `droppedDigest: recorded "${other}", computed "${first}"`;
  expect(replay(decider, { ...record, droppedDigest: other }).differences).toEqual([difference]);
});

const TRIGGER: Trigger = {
  id: "basket",
  hash: nameHash("trigger", "basket"),
  kind: "event",
  on: ["basket"],
  pattern: undefined,
  keptAs: nameHash("pattern", "basket"),
  outcomes: [],
  when: undefined,
  placement: 0 as Trigger["placement"],
  holdForMs: DAY_MS,
  place: PLACE,
};
const CAMPAIGN: Campaign = {
  id: "spring",
  hash: nameHash("campaign", "spring"),
  place: PLACE,
  when: undefined,
  placement: 0 as Campaign["placement"],
  from: NOW,
  to: NEVER,
  perSecond: 1,
  holdForMs: DAY_MS,
};

test.each([
  ["a trigger", "basket", {}, {}, HOUR_MS],
  ["a campaign", "spring", {}, {}, HOUR_MS],
  ["what nobody declared", "other", {}, {}, undefined],
  ["a trigger without holdFor", "basket", { holdForMs: 0 }, {}, undefined],
  ["a trigger that has something else to say", "basket", {}, { loud: true }, undefined],
  ["a trigger of which something is withheld", "basket", {}, { loud: true, holdout: true }, undefined],
  ["a trigger without a time zone", "basket", {}, { zone: undefined }, undefined],
] as const)("HEL-1 holds the message of %s until the end of quiet hours", (_, trigger, draft, given, expected) => {
  const { loud, holdout, zone } = { loud: false, holdout: false, zone: "UTC", ...given };
  // NOW is 08:26:40 UTC, so quiet hours that end at 09:26 end an hour after 08:26.
  const minute = 506;
  const rulebook = buildRulebook({
    placements: [{ name: "outreach", channels: ["push", "email"], slots: 1, direction: "outbound" }],
    actions: [
      { id: "a", treatments: [{ channel: "push", placements: ["outreach"] }] },
      { id: "b", enabled: loud, treatments: [{ channel: "email", placements: ["outreach"] }] },
    ],
    parts: {
      triggers: [{ ...TRIGGER, ...draft }],
      campaigns: [CAMPAIGN],
      holdout: holdout ? EVERYBODY : undefined,
      zones: { zoneAttribute: undefined, countryAttribute: undefined, countries: new Map(), fallback: zone },
      quietHours: [
        {
          index: 0 as never,
          id: "night",
          place: PLACE,
          fromMinute: 0,
          toMinute: minute + 60,
          days: new Array(7).fill(true),
          channels: [nameHash("channel", "push")],
        },
      ],
    },
  });
  const decider = createDecider(rulebook);
  const input = inputFor(rulebook, { placements: ["outreach"], direction: "outbound", trigger });
  const decision = decide(decider, input, []);
  const start = (Math.floor(NOW / 60_000) * 60_000) as Instant;
  expect(decision.heldUntil).toBe(expected === undefined ? undefined : plus(start, expected));
  const record = recordOf(decider, input, decision, { models: [], degraded: [] });
  expect(record.heldUntil).toBe(decision.heldUntil);
  expect(replay(decider, record).differences).toEqual([]);
});
