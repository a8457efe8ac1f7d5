// Dates of a time zone, as the calendar of the runtime tells them.
const formats = new Map<string, Intl.DateTimeFormat | undefined>();

export function isZone(name: string): boolean {
  return formatOf(name) !== undefined;
}

/** The local date at this instant, as milliseconds since 1970 of its midnight in UTC. Throws RangeError where it is no zone. */
export function dateIn(zone: string, at: number): number {
  const format = formatOf(zone);
  if (format === undefined) throw new RangeError(`"${zone}" is no time zone that this runtime knows`);
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(parts.get("year") as number, (parts.get("month") as number) - 1, parts.get("day"));
}

function formatOf(zone: string): Intl.DateTimeFormat | undefined {
  if (formats.has(zone)) return formats.get(zone);
  let format: Intl.DateTimeFormat | undefined;
  try {
    format = new Intl.DateTimeFormat("en-US", { timeZone: zone, year: "numeric", month: "numeric", day: "numeric" });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  formats.set(zone, format);
  return format;
}
