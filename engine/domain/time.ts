import type { Brand } from "./ids.ts";

/** Milliseconds since 1970-01-01T00:00Z. */
export type Instant = Brand<number, "Instant">;

export const NEVER = Number.POSITIVE_INFINITY as Instant;
export const LONG_AGO = Number.NEGATIVE_INFINITY as Instant;

export const SECOND_MS = 1_000;
export const MINUTE_MS = 60 * SECOND_MS;
export const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: SECOND_MS,
  m: MINUTE_MS,
  h: HOUR_MS,
  d: DAY_MS,
  w: 7 * DAY_MS,
};

/** `"90d"` -> 7,776,000,000; undefined where the text is not `<whole number><ms|s|m|h|d|w>`. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,9})(ms|s|m|h|d|w)$/.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * (UNIT_MS[match[2] as string] as number);
}

/** The largest unit that divides it: 7,776,000,000 -> `"90d"`. */
export function formatDuration(ms: number): string {
  for (const unit of ["d", "h", "m", "s"]) {
    const size = UNIT_MS[unit] as number;
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

export function plus(at: Instant, ms: number): Instant {
  return (at + ms) as Instant;
}
