import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { AttributeIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { type ActionDraft, buildRulebook, contactOf, dropOf, inputFor, type LimitDraft, shown } from "./build.ts";

function book(limit: Partial<LimitDraft>, actions?: readonly ActionDraft[]): Rulebook {
  const days = limit.calendarDays ?? 1;
  return buildRulebook({
    attributes: ["zone"],
    placements: [{ name: "home", channels: ["app"], slots: 3 }],
    actions: actions ?? [{ id: "a", treatments: [{ channel: "app", placements: ["home"] }] }],
    limits: [{ id: "cap", max: 1, windowMs: Math.max(1, days) * DAY_MS + HOUR_MS, calendarDays: days, ...limit }],
    parts: {
      zones: {
        zoneAttribute: 0 as AttributeIndex,
        countryAttribute: undefined,
        countries: new Map(),
        fallback: undefined,
      },
    },
  });
}

/** `open`, or when one more fits; contacts at these instants. */
function asks(rulebook: Rulebook, zone: string, now: string, ...contacts: string[]): string {
  const made = contacts.map((at) => contactOf(rulebook, { of: "a:app", at: Date.parse(at) as Instant }));
  const input = inputFor(rulebook, { now: Date.parse(now), profile: { contacts: made, attributes: [zone] } });
  const drop = dropOf(rulebook, decide(createDecider(rulebook), input, []).dropped, "a:app");
  if (drop === undefined) return "open";
  return drop.stage === "contact-limit" ? new Date(drop.reopensAt).toISOString().slice(0, 16) : drop.stage;
}

describe("limits by calendar day", () => {
  const daily = book({});

  test.each([
    ["Europe/Vienna", "2026-01-15T12:00Z", "2026-01-14T23:00Z", "2026-01-15T23:00"],
    ["Europe/Vienna", "2026-01-15T12:00Z", "2026-01-14T22:59Z", "open"],
    ["Europe/Vienna", "2026-01-15T22:59Z", "2026-01-15T12:00Z", "2026-01-15T23:00"],
    ["Europe/Vienna", "2026-01-15T23:00Z", "2026-01-15T22:59Z", "open"],
    ["Asia/Kolkata", "2026-01-15T18:29Z", "2026-01-15T12:00Z", "2026-01-15T18:30"],
    ["Asia/Kolkata", "2026-01-15T18:30Z", "2026-01-15T12:00Z", "open"],
    // The day of 25 hours, the day of 23, the day that begins at one, the day that midnight does not end.
    ["Europe/Vienna", "2026-10-25T22:59Z", "2026-10-24T22:00Z", "2026-10-25T23:00"],
    ["Europe/Vienna", "2026-03-29T21:59Z", "2026-03-28T23:00Z", "2026-03-29T22:00"],
    ["Africa/Cairo", "2026-04-23T22:00Z", "2026-04-23T21:59Z", "open"],
    ["Africa/Cairo", "2026-10-29T21:30Z", "2026-10-29T20:59Z", "2026-10-29T22:00"],
    ["America/St_Johns", "2010-11-07T03:00Z", "2010-11-07T02:30Z", "2010-11-08T03:30"],
  ])("CON-8 one a day in %s, at %s with a contact at %s: %s", (zone, now, contact, answer) => {
    expect(asks(daily, zone, now, contact)).toBe(answer);
  });

  test("CON-8 seven days, today included", () => {
    const weekly = book({ max: 2, calendarDays: 7 });
    const first = "2026-03-24T23:30Z";
    expect(asks(weekly, "Europe/Vienna", "2026-03-31T12:00Z", first, "2026-03-27T12:00Z")).toBe("2026-03-31T22:00");
    expect(asks(weekly, "Europe/Vienna", "2026-03-31T22:00Z", first, "2026-03-27T12:00Z")).toBe("open");
    expect(asks(weekly, "Europe/Vienna", "2026-03-31T12:00Z", "2026-03-24T22:59Z", "2026-03-27T12:00Z")).toBe("open");
  });

  test("CON-8 in the zone that the customer has now", () => {
    expect(asks(daily, "Europe/Vienna", "2026-01-15T01:00Z", "2026-01-14T22:00Z")).toBe("open");
    expect(asks(daily, "America/New_York", "2026-01-15T01:00Z", "2026-01-14T22:00Z")).toBe("2026-01-15T05:00");
  });

  test("CON-8 without a zone a day is 25 hours long", () => {
    expect(asks(daily, "", "2026-01-15T22:59Z", "2026-01-14T22:00Z")).toBe("2026-01-15T23:00");
    expect(asks(daily, "Nowhere", "2026-01-15T23:00Z", "2026-01-14T22:00Z")).toBe("open");
  });
});

describe("what counts", () => {
  const two: readonly ActionDraft[] = ["a", "b"].map((id) => ({
    id,
    exempt: id === "b",
    treatments: [{ channel: "app", placements: ["home"] }],
  }));

  test("CON-1 contacts of exempt actions are not counted, shadow contacts are", () => {
    const rulebook = book({ calendarDays: 0 });
    const at = (parts: object) => contactOf(rulebook, { of: "a:app", ...parts });
    const run = (parts: object) =>
      decide(createDecider(rulebook), inputFor(rulebook, { profile: { contacts: [at(parts)] } }), []);
    expect([...run({ exempt: true }).dropped]).toEqual([]);
    expect([...run({ shadow: true }).dropped]).toMatchObject([{ stage: "contact-limit", counted: 1 }]);
  });

  test("CON-2 exempt actions pass, and count for nobody", () => {
    const rulebook = book({ calendarDays: 0 }, two);
    const none = inputFor(rulebook);
    expect(shown(rulebook, decide(createDecider(rulebook), none, []))).toEqual(["home: a:app b:app"]);
    const full = inputFor(rulebook, { profile: { contacts: [contactOf(rulebook, { of: "a:app" })] } });
    expect(shown(rulebook, decide(createDecider(rulebook), full, []))).toEqual(["home: b:app"]);
  });

  test("CON-2 each direction has a counter of its own", () => {
    const rulebook = book({ calendarDays: 0, direction: "each" });
    const asked = (direction: "inbound" | "outbound", inbound: boolean) =>
      decide(
        createDecider(rulebook),
        inputFor(rulebook, { direction, profile: { contacts: [contactOf(rulebook, { of: "a:app", inbound })] } }),
        [],
      ).kind;
    expect(asked("inbound", true)).toBe("none");
    expect(asked("inbound", false)).toBe("act");
    expect(asked("outbound", true)).toBe("act");
    expect(asked("outbound", false)).toBe("none");
  });
});
