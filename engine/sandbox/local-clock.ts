// Wall-clock time of a place, to and from instants. For tests of rules, which say "09:00" and mean it where the customer is.
import type { Instant } from "../domain/time.ts";

export interface LocalClock {
  readonly zone: string;
  /**
   * `date` as 2026-03-29, `time` as 09:00 or 09:00:30. In the hour that a clock change leaves out, the instant that the old
   * offset names; in the hour that comes twice, the first. undefined where there is no such date or time.
   */
  readonly instant: (date: string, time: string) => Instant | undefined;
  /** `2026-03-29` */
  readonly date: (at: Instant) => string;
  /** `09:00`, or `09:00:30` where there are seconds. */
  readonly time: (at: Instant) => string;
}

/** undefined where there is no such time zone. */
export function createLocalClock(zone: string): LocalClock | undefined {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const parts = (at: number): Readonly<Record<string, string>> =>
    Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
  const offsetAt = (at: number): number => {
    const { year, month, day, hour, minute, second } = parts(at);
    const whole = Math.floor(at / 1000) * 1000;
    return Date.UTC(Number(year), Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)) - whole;
  };
  return {
    zone,
    instant: (date, time) => {
      const local = localMs(date, time);
      if (local === undefined) return undefined;
      // By the offsets of the day before and of the day after; no zone changes twice within.
      const [before, after] = [offsetAt(local - DAY), offsetAt(local + DAY)];
      const isLater = offsetAt(local - before) !== before && offsetAt(local - after) === after;
      return (local - (isLater ? after : before)) as Instant;
    },
    date: (at) => {
      const { year, month, day } = parts(at);
      return `${year}-${month}-${day}`;
    },
    time: (at) => {
      const { hour, minute, second } = parts(at);
      return second === "00" ? `${hour}:${minute}` : `${hour}:${minute}:${second}`;
    },
  };
}

const DAY = 86_400_000;

/** As if in UTC. */
function localMs(date: string, time: string): number | undefined {
  const day = /^(\d{4})-(\d{2})-(\d{2})$/.exec(date);
  const clock = /^(\d{1,2}):(\d{2})(?::(\d{2}))?$/.exec(time);
  if (day === null || clock === null) return undefined;
  const [hour, minute, second] = [Number(clock[1]), Number(clock[2]), Number(clock[3] ?? 0)];
  const midnight = Date.UTC(Number(day[1]), Number(day[2]) - 1, Number(day[3]));
  const isDate = new Date(midnight).toISOString().startsWith(date);
  if (!isDate || hour > 23 || minute > 59 || second > 59) return undefined;
  return midnight + ((hour * 60 + minute) * 60 + second) * 1000;
}
