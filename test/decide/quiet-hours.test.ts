import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { explain } from "../../engine/decide/explain.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { nameHash } from "../../engine/domain/hash.ts";
import type { AttributeIndex, NameHash, PolicyIndex } from "../../engine/domain/ids.ts";
import { type Instant, NEVER } from "../../engine/domain/time.ts";
import type { QuietHours } from "../../engine/rulebook/policies.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { type ActionDraft, buildRulebook, dropOf, type InputDraft, inputFor, shown } from "./build.ts";

const EVERY_DAY = [true, true, true, true, true, true, true];
const MON_TO_FRI = [true, true, true, true, true, false, false];

/** Night from 21:00 to 08:00 unless said otherwise. */
function quiet(draft: { from?: string; to?: string; days?: readonly boolean[]; channels?: readonly string[] } = {}) {
  const minute = (text: string) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3));
  return (index: number): QuietHours => ({
    index: index as PolicyIndex,
    id: `quiet-${index}`,
    place: { file: "rules/test.yaml", line: 300 + index, column: 1 },
    fromMinute: minute(draft.from ?? "21:00"),
    toMinute: minute(draft.to ?? "08:00"),
    days: draft.days ?? EVERY_DAY,
    channels: (draft.channels ?? []).map((name): NameHash => nameHash("channel", name)),
  });
}

function rulebookWith(hours: readonly ReturnType<typeof quiet>[], action: Partial<ActionDraft> = {}, zone = "") {
  return buildRulebook({
    attributes: ["zone"],
    placements: [
      { name: "outreach", channels: ["email", "push"], slots: 2, direction: "outbound" },
      { name: "desk", channels: ["email"], slots: 1, direction: "inbound" },
    ],
    actions: [
      {
        id: "a",
        treatments: [
          { channel: "email", placements: ["outreach", "desk"] },
          { channel: "push", placements: ["outreach"], prior: { alpha: 1, beta: 9 } },
        ],
        ...action,
      },
    ],
    parts: {
      quietHours: hours.map((make, index) => make(index)),
      zones: {
        zoneAttribute: 0 as AttributeIndex,
        countryAttribute: undefined,
        countries: new Map(),
        fallback: zone === "" ? undefined : zone,
      },
    },
  });
}

function at(rulebook: Rulebook, time: string, zone = "Europe/Vienna", draft: InputDraft = {}) {
  const decider = createDecider(rulebook);
  const input = inputFor(rulebook, {
    placements: ["outreach"],
    direction: "outbound",
    now: Date.parse(time),
    profile: { attributes: [zone] },
    ...draft,
  });
  const decision = decide(decider, input, []);
  const { quietUntil } = decider.qualify(input);
  const drop = dropOf(rulebook, decision.dropped, "a:email");
  const reopens = drop?.stage === "quiet-hours" ? drop.reopensAt : undefined;
  return {
    shown: shown(rulebook, decision).join(),
    drop,
    quietUntil,
    until: reopens === undefined ? "open" : reopens === NEVER ? "never" : new Date(reopens).toISOString().slice(0, 16),
  };
}

describe("quiet hours", () => {
  const night = rulebookWith([quiet()]);

  test.each([
    ["2026-01-14T19:59Z", "open"],
    ["2026-01-14T20:00Z", "2026-01-15T07:00"],
    ["2026-01-14T23:30Z", "2026-01-15T07:00"],
    ["2026-01-15T06:59Z", "2026-01-15T07:00"],
    ["2026-01-15T07:00Z", "open"],
  ])("QUI-1 from 21:00 to 08:00 in Vienna, at %s: %s", (time, until) => {
    expect(at(night, time).until).toBe(until);
  });

  test("QUI-1 an asked decision is never quiet, and no other action is offered in the place of a quiet one", () => {
    expect(at(night, "2026-01-15T01:00Z").shown).toBe("outreach:");
    expect(at(night, "2026-01-15T01:00Z", "Europe/Vienna", { direction: "inbound" }).shown).toBe("outreach: a:email");
    expect(at(night, "2026-01-15T01:00Z").drop).toEqual({
      stage: "quiet-hours",
      treatment: 0,
      policy: 0,
      because: "quiet",
      reopensAt: Date.parse("2026-01-15T07:00Z"),
    });
  });

  test("QUI-1 what a trigger puts on a screen is not quiet", () => {
    const desk = at(night, "2026-01-15T01:00Z", "Europe/Vienna", { placements: ["desk"] });
    expect([desk.shown, desk.quietUntil]).toEqual(["desk: a:email", NEVER]);
  });

  test.each([
    // 2026-01-16 is a Friday.
    ["2026-01-16T22:00Z", "2026-01-17T07:00"],
    ["2026-01-17T02:00Z", "2026-01-17T07:00"],
    ["2026-01-17T22:00Z", "open"],
    ["2026-01-19T02:00Z", "open"],
    ["2026-01-19T22:00Z", "2026-01-20T07:00"],
  ])("QUI-2 days are those of the evening, at %s: %s", (time, until) => {
    expect(at(rulebookWith([quiet({ days: MON_TO_FRI })]), time).until).toBe(until);
  });

  test("QUI-2 other channels are not quiet", () => {
    const rulebook = rulebookWith([quiet({ channels: ["email"] })]);
    expect(at(rulebook, "2026-01-15T01:00Z").shown).toBe("outreach: a:push");
    expect(at(rulebookWith([quiet({ channels: ["app"] })]), "2026-01-15T01:00Z").shown).toBe("outreach: a:email");
  });

  test("QUI-3 it is the customer's night, else the rulebook's", () => {
    expect(at(night, "2026-01-15T01:00Z", "America/New_York").until).toBe("open");
    expect(at(night, "2026-01-15T03:00Z", "America/New_York").until).toBe("2026-01-15T13:00");
    expect(at(rulebookWith([quiet()], {}, "Asia/Kolkata"), "2026-01-15T01:00Z", "").until).toBe("2026-01-15T02:30");
    expect(at(rulebookWith([quiet()], {}, "Asia/Kolkata"), "2026-01-15T01:00Z", "Narnia").until).toBe(
      "2026-01-15T02:30",
    );
  });

  test("QUI-4 without a zone nothing is sent at any time", () => {
    for (const time of ["2026-01-15T01:00Z", "2026-01-15T12:00Z"]) {
      expect(at(night, time, "").drop).toEqual({
        stage: "quiet-hours",
        treatment: 0,
        policy: 0,
        because: "no-time-zone",
        reopensAt: NEVER,
      });
      expect(at(night, time, "").quietUntil).toBe(NEVER);
    }
    expect(at(rulebookWith([quiet({ channels: ["push"] })]), "2026-01-15T12:00Z", "").shown).toBe("outreach: a:email");
  });

  test.each([
    ["forward, ends in the gap", "21:00", "02:30", "2026-03-29T00:59Z", "2026-03-29T01:00"],
    ["forward, begins in the gap", "02:30", "06:00", "2026-03-29T01:00Z", "2026-03-29T04:00"],
    ["forward, all in the gap", "02:10", "02:40", "2026-03-29T01:00Z", "open"],
    ["back, ends at the later", "21:00", "02:30", "2026-10-25T00:31Z", "2026-10-25T01:30"],
    ["back, is over at the later", "21:00", "02:30", "2026-10-25T01:30Z", "open"],
    ["back, begins at the earlier", "02:30", "06:00", "2026-10-25T00:30Z", "2026-10-25T05:00"],
    ["back, goes on", "02:30", "06:00", "2026-10-25T01:10Z", "2026-10-25T05:00"],
    ["back, not before", "02:30", "06:00", "2026-10-25T00:29Z", "open"],
    ["the night of 10 hours", "21:00", "08:00", "2026-03-28T20:00Z", "2026-03-29T06:00"],
    ["the night of 12 hours", "21:00", "08:00", "2026-10-24T19:00Z", "2026-10-25T07:00"],
  ])("QUI-5 %s: %s to %s, at %s: %s", (_, from, to, time, until) => {
    expect(at(rulebookWith([quiet({ from, to })]), time).until).toBe(until);
  });

  test("QUI-5 a night from midnight on, where the day begins at one", () => {
    const rulebook = rulebookWith([quiet({ from: "00:00", to: "06:00" })]);
    expect(at(rulebook, "2026-04-23T21:59Z", "Africa/Cairo").until).toBe("open");
    expect(at(rulebook, "2026-04-23T22:00Z", "Africa/Cairo").until).toBe("2026-04-24T03:00");
  });

  test("QUI-6 reopens when the last of several is over, and tells the one that ends last", () => {
    const rulebook = rulebookWith([
      quiet(),
      quiet({ from: "06:00", to: "09:00" }),
      quiet({ from: "09:00", to: "10:00" }),
    ]);
    expect(at(rulebook, "2026-01-15T01:00Z")).toMatchObject({ until: "2026-01-15T09:00", drop: { policy: 0 } });
    expect(at(rulebook, "2026-01-15T06:00Z")).toMatchObject({ until: "2026-01-15T09:00", drop: { policy: 1 } });
    expect(at(rulebook, "2026-01-15T08:30Z")).toMatchObject({ until: "2026-01-15T09:00", drop: { policy: 2 } });
  });

  test("QUI-6 whole days follow one another, and always is never", () => {
    const weekend = [false, false, false, false, false, true, true];
    const rulebook = rulebookWith([quiet({ from: "00:00", to: "00:00", days: weekend }), quiet()]);
    expect(at(rulebook, "2026-01-16T22:00Z").until).toBe("2026-01-19T07:00");
    expect(at(rulebookWith([quiet({ from: "00:00", to: "00:00" })]), "2026-01-16T22:00Z").until).toBe("never");
  });

  test("QUI-7 only what is exempt and urgent passes", () => {
    const time = "2026-01-15T01:00Z";
    expect(at(rulebookWith([quiet()], { exempt: true, urgent: true }), time).shown).toBe("outreach: a:email");
    expect(at(rulebookWith([quiet()], { exempt: true }), time).shown).toBe("outreach:");
    expect(at(rulebookWith([quiet()], { urgent: true }), time).shown).toBe("outreach:");
    expect(at(rulebookWith([quiet()], { exempt: true, urgent: true }), time, "").shown).toBe("outreach: a:email");
  });

  test("QUI-8 tells when the first of the channels opens", () => {
    const rulebook = rulebookWith([quiet({ channels: ["email"] }), quiet({ to: "07:00", channels: ["push"] })]);
    expect(at(rulebook, "2026-01-15T01:00Z").quietUntil).toBe(Date.parse("2026-01-15T06:00Z") as Instant);
    expect(at(rulebook, "2026-01-15T12:00Z").quietUntil).toBe(NEVER);
  });

  test("EXP-3 quiet hours are told with id, place and reopening", () => {
    const decider = createDecider(night);
    const input = inputFor(night, {
      placements: ["outreach"],
      direction: "outbound",
      now: Date.parse("2026-01-15T01:00Z"),
      profile: { attributes: ["Europe/Vienna"] },
    });
    const record = recordOf(decider, input, decide(decider, input, []), { models: [], degraded: [] });
    const explained = JSON.stringify(explain(decider, record));
    expect(explained).toContain(`"policy":"quiet-0","policyPlace":{"file":"rules/test.yaml","line":300,"column":1}`);
    expect(explained).toContain(`"reopensAt":${Date.parse("2026-01-15T07:00Z")}`);
  });
});
