// Times as written in rules, with the faults that they can have.
import { formatDuration, type Instant, LONG_AGO, NEVER, parseDuration } from "../domain/time.ts";
import type { FaultLog } from "./fault.ts";
import type { Path, Source } from "./source.ts";

/** Milliseconds; 0 or more than `maxMs` is a fault, with `why` there is a limit. */
export function boundedDuration(
  text: string,
  path: Path,
  source: Source,
  faults: FaultLog,
  maxMs = Number.POSITIVE_INFINITY,
  why = "",
): number {
  const ms = parseDuration(text) as number;
  if (ms > 0 && ms <= maxMs) return ms;
  const most = maxMs === Number.POSITIVE_INFINITY ? "" : ` and at most ${formatDuration(maxMs)}`;
  const because = why === "" ? "" : `: ${why}`;
  faults.add(source.placeOf(path), `${JSON.stringify(text)} must be longer than 0${most}${because}`);
  return ms;
}

/** `from` included to `to` excluded, in UTC; open where not written. */
export function readPeriod(
  { from, to }: { readonly from?: string; readonly to?: string },
  path: Path,
  source: Source,
  faults: FaultLog,
): { readonly from: Instant; readonly to: Instant } {
  const moment = (text: string | undefined, field: string, open: Instant): Instant => {
    if (text === undefined) return open;
    const ms = Date.parse(text);
    const day = Number.isNaN(ms) ? "" : new Date(ms).toISOString().slice(0, 10);
    if (day !== text.slice(0, 10))
      faults.add(source.placeOf([...path, field]), `${JSON.stringify(text)} is not in the calendar`);
    return ms as Instant;
  };
  const period = { from: moment(from, "from", LONG_AGO), to: moment(to, "to", NEVER) };
  if (period.from >= period.to) faults.add(source.placeOf([...path, "to"]), `"to" must be later than "from"`);
  return period;
}
