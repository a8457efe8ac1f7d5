// Local time as a wall clock shows it, from formatted text alone: nothing of the engine's own arithmetic.

const formats = new Map<string, Intl.DateTimeFormat | undefined>();
const read = new Map<string, Clock>();
const changes = new Map<string, readonly number[]>();

export interface Clock {
  /** `2026-03-29` */
  readonly date: string;
  readonly minute: number;
  /** 0 = Monday. */
  readonly weekday: number;
}

export function isZone(name: unknown): name is string {
  return typeof name === "string" && formatOf(name) !== undefined;
}

/** What the clock of a valid zone shows. */
export function clockOf(zone: string, at: number): Clock {
  const key = `${zone} ${at}`;
  const known = read.get(key);
  if (known !== undefined) return known;
  if (read.size > 200_000) read.clear();
  const text = (formatOf(zone) as Intl.DateTimeFormat).format(at);
  const date = text.slice(0, 10);
  const minute = Number(text.slice(11, 13)) * 60 + Number(text.slice(14, 16));
  const clock = { date, minute, weekday: weekdayOf(date) };
  read.set(key, clock);
  return clock;
}

/** The date so many days earlier. */
export function daysBefore(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00Z`) - days * 86_400_000).toISOString().slice(0, 10);
}

function weekdayOf(date: string): number {
  return (new Date(`${date}T00:00Z`).getUTCDay() + 6) % 7;
}

/** Is the clock put forward or back within three hours of this instant? */
export function isNearChange(zone: string, at: number): boolean {
  const shows = (time: number) => {
    const { date, minute } = clockOf(zone, time);
    return Date.parse(`${date}T00:00Z`) + minute * 60_000 - Math.floor(time / 60_000) * 60_000;
  };
  const hour = 3_600_000;
  return shows(at - 3 * hour) !== shows(at + 3 * hour);
}

/** When the clock of this zone is put forward or back in 2026, to three hours. */
export function changesOf(zone: string): readonly number[] {
  const known = changes.get(zone);
  if (known !== undefined) return known;
  const found: number[] = [];
  for (let at = Date.UTC(2026, 0, 2); at < Date.UTC(2026, 11, 30); at += 6 * 3_600_000) {
    if (isNearChange(zone, at)) found.push(at);
  }
  changes.set(zone, found);
  return found;
}

function formatOf(name: string): Intl.DateTimeFormat | undefined {
  if (formats.has(name)) return formats.get(name);
  let format: Intl.DateTimeFormat | undefined;
  try {
    if (name !== "")
      format = new Intl.DateTimeFormat("sv-SE", { timeZone: name, dateStyle: "short", timeStyle: "short" });
  } catch {
    format = undefined;
  }
  formats.set(name, format);
  return format;
}
