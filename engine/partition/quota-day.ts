// Calendar days of a quota's time zone.
import { DAY_MS, HOUR_MS, type Instant } from "../domain/time.ts";

export interface LocalDay {
  /** YYYY-MM-DD */
  readonly date: string;
  /** [from, to): 23 to 25 hours, where the clocks are changed. */
  readonly from: Instant;
  readonly to: Instant;
}

const LONGEST_DAY_MS = DAY_MS + 2 * HOUR_MS;
const known = new Map<string, { readonly dateAt: (at: number) => string; last: LocalDay | undefined }>();

/** The day in this IANA zone that holds `at`. Throws RangeError for a name that is no zone. */
export function localDay(timeZone: string, at: Instant): LocalDay {
  let zone = known.get(timeZone);
  if (zone === undefined) {
    const format = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
    zone = { dateAt: (instant) => format.format(instant), last: undefined };
    known.set(timeZone, zone);
  }
  const { last, dateAt } = zone;
  if (last !== undefined && at >= last.from && at < last.to) return last;
  const date = dateAt(at);
  const day = {
    date,
    from: firstWith(dateAt, at - LONGEST_DAY_MS, at, (found) => found >= date),
    to: firstWith(dateAt, at, at + LONGEST_DAY_MS, (found) => found > date),
  };
  zone.last = day;
  return day;
}

/** The first millisecond in (before, until] whose date is so; dates never go back. */
function firstWith(
  dateAt: (at: number) => string,
  before: number,
  until: number,
  isSo: (date: string) => boolean,
): Instant {
  let low = Math.floor(before);
  let high = Math.ceil(until);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isSo(dateAt(middle))) high = middle;
    else low = middle;
  }
  return high as Instant;
}
