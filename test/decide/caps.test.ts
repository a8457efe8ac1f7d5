import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { RUNS } from "./arbitrary.ts";
import { judge } from "./caps-oracle.ts";
import { play } from "./caps-world.ts";
import { isNearChange, isZone } from "./wall-clock.ts";

/** 100 worlds of 40 decisions; of the long tests 5,000, so 200,000 decisions. */
const WORLDS = Math.max(RUNS, 100);
const DECISIONS = 40;
const LONGEST_MS = 1_800_000;

const AWAITED = [
  "offered",
  "offered, exempt",
  "many contacts",
  "a change of the clock",
  "a clock that stands still",
  "consent denied",
  "consent not-given",
  "suppression cool-down",
  "suppression related",
  "suppression open-case",
  "suppression snoozed",
  "suppression already-live",
  "quiet-hours quiet",
  "quiet-hours no-time-zone",
  "contact-limit",
  "contact-limit held",
];

const seed = fc.nat(0x7fffffff);

/** The first thing that is wrong, with all that is needed to play it again. */
function firstFault(from: number, breakIt?: (rulebook: Rulebook) => Rulebook): string | undefined {
  const world = play(from, DECISIONS, breakIt);
  for (const [number, step] of world.steps.entries()) {
    const [fault] = judge(world, step);
    if (fault !== undefined) return `seed ${from}, decision ${number}: ${fault}`;
  }
  return undefined;
}

describe("a random customer under random policies", () => {
  test(
    "CON-5 no cap is exceeded, nothing is sent in quiet hours, without consent or while suppressed, and every such drop has its ground",
    () => {
      fc.assert(
        fc.property(seed, (from) => {
          expect(firstFault(from)).toBeUndefined();
        }),
        { numRuns: WORLDS, endOnFailure: true },
      );
    },
    LONGEST_MS,
  );

  // A customer without contacts was refused by a limit of none, and the next one was told that customer's count.
  test("CON-4 what one customer is told is not told the next: seed 37309598", () => {
    expect(firstFault(37_309_598)).toBeUndefined();
  });

  test("the worlds are rich: everything that may be happens in them", () => {
    const seen = new Map<string, number>();
    const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
    let before = 0;
    for (let from = 1; from <= 60; from++) {
      for (const { decision, input } of play(from, DECISIONS).steps) {
        for (const contact of decision.contacts) see(contact.exempt ? "offered, exempt" : "offered");
        for (const drop of decision.dropped) {
          const because =
            "because" in drop ? drop.because : "heldFor" in drop && drop.heldFor !== undefined ? "held" : "";
          see(`${drop.stage} ${because}`.trim());
        }
        if (input.profile.contacts.length > 30) see("many contacts");
        const [zone] = input.profile.attributes;
        if (isZone(zone) && isNearChange(zone, input.now)) see("a change of the clock");
        if (input.now === before) see("a clock that stands still");
        before = input.now;
      }
    }
    for (const what of AWAITED) {
      expect(`${what}: ${(seen.get(what) ?? 0) >= 20}`).toBe(`${what}: true`);
    }
  });
});

describe("the oracle finds out", () => {
  const found = (breakIt: (rulebook: Rulebook) => Rulebook): string | undefined => {
    for (let from = 1; from <= 200; from++) {
      const fault = firstFault(from, breakIt);
      if (fault !== undefined) return fault;
    }
    return undefined;
  };
  const limits = (change: (limit: Rulebook["contactLimits"][number]) => object) => (rulebook: Rulebook) => ({
    ...rulebook,
    contactLimits: rulebook.contactLimits.map((limit) => ({ ...limit, ...change(limit) })),
  });

  test.each([
    ["a ledger that is off by one", limits(({ max }) => ({ max: max + 1 })), /has \d+ of \d+/],
    ["one that refuses too early", limits(({ max }) => ({ max: max - 1 })), /has room/],
    ["a window of a minute less", limits(({ windowMs }) => ({ windowMs: windowMs - 60_000 })), /limit-\d/],
    ["days taken for so many hours", limits(() => ({ calendarDays: 0 })), /limit-\d/],
    ["directions that are not told apart", limits(() => ({ direction: "outbound" })), /limit-\d/],
    [
      "days of another zone",
      (rulebook: Rulebook) => ({ ...rulebook, zones: { ...rulebook.zones, zoneAttribute: undefined } }),
      /limit-\d|quiet|what time it is/,
    ],
    [
      "nights that end an hour too early",
      (rulebook: Rulebook) => ({
        ...rulebook,
        quietHours: rulebook.quietHours.map((hours) => ({ ...hours, toMinute: (hours.toMinute + 1_380) % 1_440 })),
      }),
      /quiet/,
    ],
    ["cool-downs that are forgotten", (rulebook: Rulebook) => ({ ...rulebook, coolDowns: [] }), /cooling down/],
    [
      "runs of which only the last is looked at",
      (rulebook: Rulebook) => ({
        ...rulebook,
        coolDowns: rulebook.coolDowns.map((coolDown) => ({ ...coolDown, times: Math.max(1, coolDown.times + 1) })),
      }),
      /cooling down/,
    ],
    ["related things that are forgotten", (rulebook: Rulebook) => ({ ...rulebook, related: [] }), /related/],
    ["cases that are forgotten", (rulebook: Rulebook) => ({ ...rulebook, caseRules: [] }), /case/],
    [
      "silence taken for consent",
      (rulebook: Rulebook) => ({
        ...rulebook,
        channels: rulebook.channels.map((channel) => ({
          ...channel,
          consentDefault: "granted" as const,
          consentDefaults: new Map(),
        })),
      }),
      /consent/,
    ],
  ] satisfies [string, (rulebook: Rulebook) => Rulebook, RegExp][])("CON-5 %s", (_, breakIt, fault) => {
    expect(found(breakIt as (rulebook: Rulebook) => Rulebook)).toMatch(fault);
  });
});
