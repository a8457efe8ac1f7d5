// Local time of a zone, as a pure function of instants: offsets come from the runtime's own time zone database, once for
// each stretch of days, and everything else is arithmetic. Clocks are put forward (some local times do not exist) and back
// (some happen twice), so a local time has two instants:
//
//   forward at T, 02:00 -> 03:00          back at T, 03:00 -> 02:00
//   local   01:59 | 03:00                 local   02:30 ... 02:59 | 02:00 ... 02:30
//   02:30 is never: `firstAt` and         02:30 is twice: `firstAt` is the earlier,
//   `settledAt` are both T                `settledAt` the later
import { DAY_MS, HOUR_MS, type Instant, MINUTE_MS, SECOND_MS } from "../domain/time.ts";

/** A number of a day in a local calendar: 0 = 1970-01-01. */
export type LocalDay = number;

export interface LocalZone {
  /** IANA name, as the runtime writes it. */
  readonly name: string;
  /** What to add to UTC, in ms. */
  readonly offsetAt: (at: Instant) => number;
  /** The first instant at which the local clock shows `local` or more. `local`: ms since 1970-01-01 00:00 of the local clock. */
  readonly firstAt: (local: number) => Instant;
  /** The last instant at which the local clock shows `local`; where it never does, the first one after. */
  readonly settledAt: (local: number) => Instant;
}

/** Offsets are looked up in blocks of this many days. */
const BLOCK_MS = 8 * DAY_MS;
const BLOCKS_KEPT_MAX = 64;
const ZONE_NAMES_REFUSED_MAX = 1_024;
/** No local clock is further from UTC. */
const OFFSET_MAX_MS = 16 * HOUR_MS;
/** Beyond these the clock of the nearer one is taken: 1900 and 2600. */
const FIRST_MS = Date.UTC(1900, 0, 1);
const LAST_MS = Date.UTC(2600, 0, 1);

/** Stretches of one offset, in order: the first begins with the block. */
interface Block {
  readonly starts: readonly number[];
  readonly offsets: readonly number[];
}

const zones = new Map<string, LocalZone>();
const refused = new Set<string>();

/** The zone of an IANA name, whatever its case; undefined where there is none of that name. */
export function zoneNamed(name: string): LocalZone | undefined {
  const key = name.toLowerCase();
  const known = zones.get(key);
  if (known !== undefined || refused.has(key)) return known;
  const format = formatOf(name);
  if (format === undefined) {
    if (refused.size >= ZONE_NAMES_REFUSED_MAX) refused.clear();
    refused.add(key);
    return undefined;
  }
  const zone = createZone(format.resolvedOptions().timeZone, format);
  zones.set(key, zone);
  return zone;
}

/** The local day of an instant. Where the clock goes back over midnight, the day that has begun goes on. */
export function dayOf(zone: LocalZone, at: Instant): LocalDay {
  const day = Math.floor((bounded(at) + zone.offsetAt(at)) / DAY_MS);
  return zone.firstAt((day + 1) * DAY_MS) <= at ? day + 1 : day;
}

/** The first instant of the local day `daysBack` days before that of `at`: not always midnight. */
export function startOfLocalDay(zone: LocalZone, at: Instant, daysBack: number): Instant {
  return zone.firstAt((dayOf(zone, at) - daysBack) * DAY_MS);
}

/** Local time of a day, as `firstAt` and `settledAt` take it. */
export function localTime(day: LocalDay, minuteOfDay: number): number {
  return day * DAY_MS + minuteOfDay * MINUTE_MS;
}

/** 0 = Monday ... 6 = Sunday. */
export function weekdayOf(day: LocalDay): number {
  return (((day + 3) % 7) + 7) % 7;
}

function createZone(name: string, format: Intl.DateTimeFormat): LocalZone {
  const blocks = new Map<number, Block>();

  function blockAt(number: number): Block {
    const known = blocks.get(number);
    if (known !== undefined) return known;
    if (blocks.size >= BLOCKS_KEPT_MAX) blocks.clear();
    const found = scan(format, number * BLOCK_MS);
    blocks.set(number, found);
    return found;
  }

  function offsetAt(at: Instant): number {
    const inside = bounded(at);
    const { starts, offsets } = blockAt(Math.floor(inside / BLOCK_MS));
    let stretch = starts.length - 1;
    while ((starts[stretch] as number) > inside) stretch--;
    return offsets[stretch] as number;
  }

  function firstAt(local: number): Instant {
    const asked = bounded(local);
    for (let number = Math.floor((asked - OFFSET_MAX_MS) / BLOCK_MS); ; number++) {
      const { starts, offsets } = blockAt(number);
      for (let stretch = 0; stretch < starts.length; stretch++) {
        const at = Math.max(starts[stretch] as number, asked - (offsets[stretch] as number));
        if (at < (starts[stretch + 1] ?? (number + 1) * BLOCK_MS)) return at as Instant;
      }
    }
  }

  function settledAt(local: number): Instant {
    const asked = bounded(local);
    for (let number = Math.floor((asked + OFFSET_MAX_MS) / BLOCK_MS); ; number--) {
      const { starts, offsets } = blockAt(number);
      for (let stretch = starts.length - 1; stretch >= 0; stretch--) {
        const offset = offsets[stretch] as number;
        if ((starts[stretch] as number) + offset > asked) continue;
        return Math.min(starts[stretch + 1] ?? (number + 1) * BLOCK_MS, asked - offset) as Instant;
      }
    }
  }

  return { name, offsetAt, firstAt, settledAt };
}

/** Looks once a day, and for the very second where two looks differ. */
function scan(format: Intl.DateTimeFormat, from: number): Block {
  const starts = [from];
  let offset = readOffset(format, from);
  const offsets = [offset];
  let at = from;
  for (let look = from + DAY_MS; look <= from + BLOCK_MS; look += DAY_MS) {
    while (readOffset(format, look) !== offset) {
      at = firstChange(format, at, look, offset);
      offset = readOffset(format, at);
      starts.push(at);
      offsets.push(offset);
    }
    at = look;
  }
  return { starts, offsets };
}

/** The first whole second in (from, to] with another offset, if it changes once in between. */
function firstChange(format: Intl.DateTimeFormat, from: number, to: number, offset: number): number {
  let same = from / SECOND_MS;
  let other = to / SECOND_MS;
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (readOffset(format, middle * SECOND_MS) === offset) same = middle;
    else other = middle;
  }
  return other * SECOND_MS;
}

function formatOf(name: string): Intl.DateTimeFormat | undefined {
  // Names only: whether `+05:30` is a zone depends on the version of the runtime.
  if (!/^[A-Za-z][\w+\-/]{0,63}$/.test(name)) return undefined;
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name, timeZoneName: "longOffset" });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;

/** Formatted as `1/1/1970, GMT+01:00`. */
function readOffset(format: Intl.DateTimeFormat, at: number): number {
  const text = format.format(at);
  const match = OFFSET.exec(text);
  if (match === null) throw new Error(`"${text}" of the runtime does not end in an offset such as GMT+01:00`);
  const [, sign, hours = "0", minutes = "0", seconds = "0"] = match;
  const ms = Number(hours) * HOUR_MS + Number(minutes) * MINUTE_MS + Number(seconds) * SECOND_MS;
  return sign === "-" ? -ms : ms;
}

function bounded(at: number): number {
  if (!(at > FIRST_MS)) return FIRST_MS;
  return at < LAST_MS ? at : LAST_MS;
}
