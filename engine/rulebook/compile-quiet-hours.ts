// quietHours of rules/contact-policy.yaml, and timeZone of rules/rulebook.yaml, which says whose night it is.
import type { AttributeIndex, NameHash, PolicyIndex } from "../domain/ids.ts";
import type { FaultLog } from "./fault.ts";
import type { NameTable } from "./names.ts";
import type { QuietHours, Zones } from "./policies.ts";
import type { AttributeSpec } from "./rulebook.ts";
import type { RulebookFile } from "./schema.ts";
import { WEEKDAYS, type WrittenQuietHours } from "./schema-policy.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

const DAY_MINUTES = 24 * 60;

export function compileQuietHours(
  list: readonly WrittenQuietHours[],
  channels: NameTable,
  source: Source,
  faults: FaultLog,
): readonly QuietHours[] {
  return list.map((written, index): QuietHours => {
    const path: Path = ["quietHours", index];
    const { from, to, days = WEEKDAYS } = written;
    if (from === to || from === "24:00") {
      const message = `from ${from} to ${to} is no time at all: a whole day is from "00:00" to "24:00"`;
      faults.add(source.placeOf([...path, from === to ? "to" : "from"]), message);
    }
    if (new Set(days).size < days.length) {
      faults.add(source.placeOf([...path, "days"]), "a day is named twice: keep one");
    }
    const named = (written.channels ?? []).map((name, at) =>
      channels.refer(name, source.placeOf([...path, "channels", at])),
    );
    return {
      index: index as PolicyIndex,
      id: written.id,
      place: source.placeOf(path),
      fromMinute: minuteOf(from),
      toMinute: minuteOf(to),
      days: WEEKDAYS.map((day) => days.includes(day)),
      channels: named.filter((hash): hash is NameHash => hash !== undefined),
    };
  });
}

/** `"24:00"` is the midnight of the next day: 0. */
function minuteOf(time: string): number {
  const [hours, minutes] = time.split(":");
  return (Number(hours) * 60 + Number(minutes)) % DAY_MINUTES;
}

export function compileZones(
  written: NonNullable<RulebookFile["timeZone"]>,
  attributes: readonly AttributeSpec[],
  source: Source,
  faults: FaultLog,
): Zones {
  const path: Path = ["timeZone"];
  const attribute = (field: "attribute" | "countryAttribute"): AttributeIndex | undefined => {
    const name = written[field];
    if (name === undefined) return undefined;
    const found = attributes.find((candidate) => candidate.name === name);
    if (found?.type === "string") return found.index;
    const texts = attributes.filter(({ type }) => type === "string").map((candidate) => candidate.name);
    const what = found === undefined ? "unknown attribute" : `a ${found.type}, where a string is needed:`;
    faults.add(source.placeOf([...path, field]), `${what} ${JSON.stringify(name)}${suggest(name, texts)}`);
    return undefined;
  };
  const countries = Object.entries((written.countries ?? {}) as Readonly<Record<string, string>>);
  for (const [country, zone] of countries) checkZone(zone, [...path, "countries", country], source, faults);
  if (written.default !== undefined) checkZone(written.default, [...path, "default"], source, faults);
  if (countries.length > 0 && written.countryAttribute === undefined) {
    const message = "countries of whom? add countryAttribute: the attribute that holds the customer's country";
    faults.add(source.placeOfKey(path, "countries"), message);
  }
  if (countries.length === 0 && written.countryAttribute !== undefined) {
    const message = "a country has no time zone by itself: add countries, such as { AT: Europe/Vienna }";
    faults.add(source.placeOfKey(path, "countryAttribute"), message);
  }
  return {
    zoneAttribute: attribute("attribute"),
    countryAttribute: attribute("countryAttribute"),
    countries: new Map(countries),
    fallback: written.default,
  };
}

export const NO_ZONES: Zones = {
  zoneAttribute: undefined,
  countryAttribute: undefined,
  countries: new Map(),
  fallback: undefined,
};

/** Reports a zone that this platform does not know. */
export function checkZone(zone: string, path: Path, source: Source, faults: FaultLog): void {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const hint = suggest(zone, Intl.supportedValuesOf("timeZone"));
    faults.add(
      source.placeOf(path),
      `unknown time zone ${JSON.stringify(zone)}${hint || ": write e.g. Europe/Vienna"}`,
    );
  }
}
