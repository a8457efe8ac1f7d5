// Calendar days of a quota's time zone.
import { dayOf, type LocalZone, localTime, startOfLocalDay, zoneNamed } from "../decide/local-time.ts";
import { DAY_MS, type Instant } from "../domain/time.ts";

export interface QuotaDay {
  /** YYYY-MM-DD */
  readonly date: string;
  /** [from, to): 23 to 25 hours, where the clocks are changed. */
  readonly from: Instant;
  readonly to: Instant;
}

const last = new Map<string, QuotaDay>();

/** The day in this IANA zone that holds `at`. Throws RangeError for a name that is no zone. */
export function quotaDay(timeZone: string, at: Instant): QuotaDay {
  const known = last.get(timeZone);
  if (known !== undefined && at >= known.from && at < known.to) return known;
  const zone = zoneNamed(timeZone);
  if (zone === undefined) throw new RangeError(`"${timeZone}" is no time zone that this runtime knows`);
  const day = dayOf(zone, at);
  const found = {
    date: new Date(day * DAY_MS).toISOString().slice(0, 10),
    from: startOfLocalDay(zone, at, 0),
    to: endOf(zone, day),
  };
  last.set(timeZone, found);
  return found;
}

function endOf(zone: LocalZone, day: number): Instant {
  return zone.firstAt(localTime(day + 1, 0));
}
