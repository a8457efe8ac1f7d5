import { expect, test } from "vitest";
import { fatigueOf } from "../../engine/deliver/fatigue.ts";
import type { AttributeIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { buildRulebook, contactOf } from "../decide/build.ts";

const rulebook = buildRulebook({
  attributes: ["zone"],
  actions: [{ id: "a", treatments: [{ channel: "app", placements: ["home"] }] }],
  limits: [
    { id: "daily", max: 2, windowMs: DAY_MS + 2 * HOUR_MS, calendarDays: 1 },
    { id: "each", max: 3, windowMs: 7 * DAY_MS, direction: "each" },
    { id: "outbound", max: 1, windowMs: DAY_MS, direction: "outbound" },
    { id: "actions", max: 6, windowMs: DAY_MS, per: "action" },
  ],
  parts: {
    zones: {
      zoneAttribute: 0 as AttributeIndex,
      countryAttribute: undefined,
      countries: new Map(),
      fallback: "Europe/Vienna",
    },
  },
});
const NOW = Date.parse("2026-01-15T12:00Z") as Instant;
const contacts = ["2026-01-15T09:00Z", "2026-01-14T22:30Z", "2026-01-14T13:00Z"].map((at, index) =>
  contactOf(rulebook, { of: "a:app", at: Date.parse(at) as Instant, inbound: index > 0 }),
);

function rows(attributes: Readonly<Record<string, string>>) {
  return fatigueOf(rulebook, { attributes, contacts, now: NOW }).map(({ limit, per, direction, days, counted, max }) =>
    [limit, per, direction, days && `${days}d`, `${counted}/${max}`].filter((part) => part !== undefined).join(" "),
  );
}

test("what a profile shows of its limits is what the contact policy counts", () => {
  expect(rows({})).toEqual(["daily 1d 1/2", "each inbound 2/3", "each outbound 1/3", "outbound 1/1", "actions a 3/6"]);
  expect(rows({ zone: "Atlantic/Azores" })[0]).toBe("daily 1d 1/2");
  expect(rows({ zone: "Pacific/Kiritimati" })[0]).toBe("daily 1d 0/2");
  expect(rows({ zone: "Asia/Kolkata" })[0]).toBe("daily 1d 2/2");
});

test("exempt and released contacts are not counted", () => {
  const others = [{ exempt: true }, { state: "released" as const }].map((parts) =>
    contactOf(rulebook, { of: "a:app", at: NOW, ...parts }),
  );
  expect(fatigueOf(rulebook, { attributes: {}, contacts: others, now: NOW }).map(({ counted }) => counted)).toEqual([
    0, 0, 0, 0,
  ]);
});
