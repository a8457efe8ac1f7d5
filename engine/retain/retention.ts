// How long what is over is kept, as an option says it: `30d,log=3d,4GiB`.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../domain/time.ts";

export interface Retention {
  /** Commits, and with them decisions and what explains them: kept at least so long. */
  readonly journalMs: number;
  /** Entries of the input logs. */
  readonly logMs: number;
  /** Input logs, journals and dead letters of all partitions together, in bytes of Redis' memory: beyond it, the oldest goes sooner. */
  readonly bytes: number;
}

export const RETENTION_DEFAULT = "30d,log=3d,4GiB";

/** What retention never goes below, whatever the option or the bytes: somebody may be about to read it. */
export const RETENTION_MS_MIN = 10 * SECOND_MS;
const RETENTION_MS_MAX = 3_650 * DAY_MS;
const BYTES_MIN = 1_048_576;

const UNITS_MS = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;
const UNITS_BYTES = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

type Parsed = { readonly value: Retention } | { readonly fault: string };
type Part = Partial<Retention> | string;

/** Parts in any order, each at most once; what is left out is as in the default, the log never longer than the journal. */
export function parseRetention(text: string): Parsed {
  const given: { -readonly [Name in keyof Retention]?: number } = {};
  for (const written of text.split(",")) {
    const part = parsePart(written.trim());
    if (typeof part === "string") return { fault: `${JSON.stringify(text.slice(0, 80))}: ${part}` };
    for (const [name, value] of Object.entries(part) as [keyof Retention, number][]) {
      if (given[name] !== undefined) return { fault: `${JSON.stringify(text.slice(0, 80))} says the same twice` };
      given[name] = value;
    }
  }
  const { journalMs = 30 * DAY_MS, bytes = 4 * UNITS_BYTES.GiB } = given;
  const logMs = given.logMs ?? Math.min(3 * DAY_MS, journalMs);
  return { value: { journalMs, logMs, bytes } };
}

const WANTED = `want parts such as 30d (decisions), log=3d (input logs), 4GiB (all together)`;

function parsePart(text: string): Part {
  const time = /^(log=)?(\d{1,6})([smhd])$/.exec(text);
  if (time !== null) {
    const ms = Number(time[2]) * UNITS_MS[time[3] as keyof typeof UNITS_MS];
    if (ms < RETENTION_MS_MIN || ms > RETENTION_MS_MAX)
      return `${JSON.stringify(text)} is not between 10 seconds and ten years`;
    return time[1] === undefined ? { journalMs: ms } : { logMs: ms };
  }
  const size = /^(\d{1,6})(MiB|GiB|TiB)$/.exec(text);
  if (size === null) return `${JSON.stringify(text.slice(0, 40))} is no part of it; ${WANTED}`;
  const bytes = Number(size[1]) * UNITS_BYTES[size[2] as keyof typeof UNITS_BYTES];
  return bytes < BYTES_MIN || !Number.isSafeInteger(bytes)
    ? `${JSON.stringify(text)} is not between 1MiB and 8191TiB`
    : { bytes };
}
