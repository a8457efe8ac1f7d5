import { describe, expect, test } from "vitest";
import { zoneOf } from "../../engine/decide/customer-zone.ts";
import {
  dayOf,
  type LocalZone,
  localTime,
  startOfLocalDay,
  weekdayOf,
  zoneNamed,
} from "../../engine/decide/local-time.ts";
import type { AttributeIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";

function zone(name: string): LocalZone {
  const found = zoneNamed(name);
  if (found === undefined) throw new Error(`no zone "${name}"`);
  return found;
}

function utc(text: string): Instant {
  return Date.parse(text) as Instant;
}

/** Milliseconds of a local clock that shows this. */
function clock(text: string): number {
  return Date.parse(`${text}Z`);
}

function iso(at: Instant): string {
  return new Date(at).toISOString().replace(".000Z", "Z");
}

/** The local date by the runtime alone. */
function dateIn(name: string, at: number): string {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short" }).format(at);
}

describe("names of zones", () => {
  test("are found whatever their case, and nothing else is one", () => {
    expect(zoneNamed("europe/VIENNA")).toBe(zoneNamed("Europe/Vienna"));
    for (const name of ["", "Wien", "+05:30", "Europe/Nowhere", "UTC; drop", "a".repeat(100), " UTC"]) {
      expect(zoneNamed(name)).toBeUndefined();
      expect(zoneNamed(name)).toBeUndefined();
    }
    for (let n = 0; n < 1_100; n++) expect(zoneNamed(`Nowhere/N${n}`)).toBeUndefined();
    expect(zoneNamed("UTC")?.offsetAt(utc("2026-01-01T00:00Z"))).toBe(0);
  });

  test("QUI-3 own zone, then country, then default; a name that is none counts as not set", () => {
    const zones = {
      zoneAttribute: 0 as AttributeIndex,
      countryAttribute: 1 as AttributeIndex,
      countries: new Map([
        ["AT", "Europe/Vienna"],
        ["XX", "Nowhere/At_All"],
      ]),
      fallback: "UTC",
    };
    const found = (...attributes: (string | number | undefined)[]) => zoneOf(zones, attributes)?.name;
    expect(found("Asia/Tokyo", "AT")).toBe("Asia/Tokyo");
    expect(found("Tokyo", "AT")).toBe("Europe/Vienna");
    expect(found(9, "AT")).toBe("Europe/Vienna");
    expect(found(undefined, "DE")).toBe("UTC");
    expect(found("Tokyo", "XX")).toBe("UTC");
    expect(zoneOf({ ...zones, fallback: undefined }, [undefined, "DE"])).toBeUndefined();
    expect(zoneOf({ ...zones, fallback: "Nowhere" }, [])).toBeUndefined();
    expect(
      zoneOf({ ...zones, zoneAttribute: undefined, countryAttribute: undefined }, ["Asia/Tokyo", "AT"])?.name,
    ).toBe("UTC");
  });
});

describe("instants of local times", () => {
  test.each([
    ["ordinary", "Europe/Vienna", "2026-01-15T08:00", "2026-01-15T07:00:00Z", "2026-01-15T07:00:00Z"],
    ["half an hour", "Asia/Kolkata", "2026-01-15T08:00", "2026-01-15T02:30:00Z", "2026-01-15T02:30:00Z"],
    ["three quarters", "Asia/Kathmandu", "2026-01-15T08:00", "2026-01-15T02:15:00Z", "2026-01-15T02:15:00Z"],
    ["far east", "Pacific/Kiritimati", "2026-01-15T08:00", "2026-01-14T18:00:00Z", "2026-01-14T18:00:00Z"],
    ["far west", "Pacific/Pago_Pago", "2026-01-15T08:00", "2026-01-15T19:00:00Z", "2026-01-15T19:00:00Z"],
    ["forward", "Europe/Vienna", "2026-03-29T02:30", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"],
    ["back", "Europe/Vienna", "2026-10-25T02:30", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"],
    ["back, its first minute", "Europe/Vienna", "2026-10-25T02:00", "2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z"],
    ["back, after it", "Europe/Vienna", "2026-10-25T03:00", "2026-10-25T02:00:00Z", "2026-10-25T02:00:00Z"],
    [
      "forward by half an hour",
      "Australia/Lord_Howe",
      "2026-10-04T02:10",
      "2026-10-03T15:30:00Z",
      "2026-10-03T15:30:00Z",
    ],
    ["back by half an hour", "Australia/Lord_Howe", "2026-04-05T01:45", "2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"],
    ["forward by two hours", "Antarctica/Troll", "2026-03-29T02:00", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z"],
    ["a day that is missing", "Pacific/Apia", "2011-12-30T12:00", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"],
  ])("%s: %s %s", (_, name, local, first, settled) => {
    expect(iso(zone(name).firstAt(clock(local)))).toBe(first);
    expect(iso(zone(name).settledAt(clock(local)))).toBe(settled);
  });

  test.each([
    ["an ordinary one", "Europe/Vienna", "2026-01-15T13:00Z", 0, "2026-01-14T23:00:00Z"],
    ["six days back over a change", "Europe/Vienna", "2026-03-31T13:00Z", 6, "2026-03-24T23:00:00Z"],
    ["one that begins at one", "America/Sao_Paulo", "2018-11-04T15:00Z", 0, "2018-11-04T03:00:00Z"],
    ["one that begins at one", "Africa/Cairo", "2026-04-24T10:00Z", 0, "2026-04-23T22:00:00Z"],
    ["one that begins at one", "Asia/Beirut", "2026-03-29T10:00Z", 0, "2026-03-28T22:00:00Z"],
    ["the long one before midnight goes back", "Africa/Cairo", "2026-10-29T20:30Z", 0, "2026-10-28T21:00:00Z"],
    ["its second last hour", "Africa/Cairo", "2026-10-29T21:30Z", 0, "2026-10-28T21:00:00Z"],
    ["one that has begun goes on", "America/St_Johns", "2010-11-07T03:00Z", 0, "2010-11-07T02:30:00Z"],
    ["one after a missing day", "Pacific/Apia", "2011-12-31T00:00Z", 1, "2011-12-30T10:00:00Z"],
  ])("the first instant of a day: %s, %s", (_, name, at, daysBack, start) => {
    expect(iso(startOfLocalDay(zone(name), utc(at), daysBack))).toBe(start);
  });

  test("weeks begin on Monday", () => {
    expect(weekdayOf(dayOf(zone("UTC"), utc("2026-11-22T12:00Z")))).toBe(6);
    expect(weekdayOf(dayOf(zone("UTC"), utc("1969-12-29T12:00Z")))).toBe(0);
    expect(localTime(1, 90)).toBe(DAY_MS + 90 * MINUTE_MS);
  });

  test("nothing makes it throw or run for ever", () => {
    const vienna = zone("Europe/Vienna");
    for (const at of [Number.NaN, Infinity, -Infinity, 1e18, -1e18, 0.5, -1, 8.64e15]) {
      expect(vienna.offsetAt(at as Instant)).toBeTypeOf("number");
      expect(vienna.firstAt(at)).toBeTypeOf("number");
      expect(vienna.settledAt(at)).toBeTypeOf("number");
      expect(dayOf(vienna, at as Instant)).toBeTypeOf("number");
    }
  });
});

test("every zone of this runtime agrees with its own calendar, over changes of the clock", () => {
  const names = Intl.supportedValuesOf("timeZone").filter((_, index) => index % 16 === 0);
  for (const name of names) {
    const own = zone(name);
    for (const [from, days] of [
      [utc("2026-03-06T00:17Z"), 3],
      [utc("2026-03-28T00:17Z"), 3],
      [utc("2026-10-24T00:17Z"), 3],
    ] as const) {
      let last = "";
      for (let at = from; at < from + days * DAY_MS; at = (at + 3 * HOUR_MS) as Instant) {
        const date = new Date(dayOf(own, at) * DAY_MS).toISOString().slice(0, 10);
        expect(`${name} ${date}`).toBe(`${name} ${dateIn(name, at)}`);
        expect(date >= last).toBe(true);
        last = date;
        const start = startOfLocalDay(own, at, 0);
        expect(dateIn(name, start)).toBe(date);
        expect(dateIn(name, start - 1) < date).toBe(true);
      }
    }
  }
});
