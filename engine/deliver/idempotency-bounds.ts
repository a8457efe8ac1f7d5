// How long answers by Idempotency-Key are kept, and how many bytes they may have, as an option says it: `24h,4GiB`.
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../domain/time.ts";

export interface IdempotencyBounds {
  readonly keepMs: number;
  /** Of Redis' memory, over all callers and engines, about: at most so much is kept, and beyond it nothing new under a key is begun. */
  readonly bytesMax: number;
}

export const IDEMPOTENCY_DEFAULT = "24h,4GiB";

export const IDEMPOTENCY_BOUNDS: IdempotencyBounds = { keepMs: DAY_MS, bytesMax: 4 * 2 ** 30 };

/** What retries of a client may need at the least. */
const KEEP_MS_MIN = 10 * SECOND_MS;
const KEEP_MS_MAX = 7 * DAY_MS;
const UNITS_MS = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS } as const;
const UNITS_BYTES = { MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 } as const;

type Parsed = { readonly value: IdempotencyBounds } | { readonly fault: string };

/** A time, a size or both; what is left out is as in the default. */
export function parseIdempotency(text: string): Parsed {
  let keepMs: number | undefined;
  let bytesMax: number | undefined;
  const fault = (why: string): Parsed => ({ fault: `${JSON.stringify(text.slice(0, 80))}: ${why}` });
  for (const part of text.split(",").map((each) => each.trim())) {
    const time = /^(\d{1,6})([smhd])$/.exec(part);
    const size = /^(\d{1,6})(MiB|GiB|TiB)$/.exec(part);
    if (time === null && size === null)
      return fault(
        `${JSON.stringify(part.slice(0, 40))} is no part of it; want a time such as 24h, bytes such as 4GiB`,
      );
    if ((time === null ? bytesMax : keepMs) !== undefined) return fault("says the same twice");
    if (time !== null) keepMs = Number(time[1]) * UNITS_MS[time[2] as keyof typeof UNITS_MS];
    if (size !== null) bytesMax = Number(size[1]) * UNITS_BYTES[size[2] as keyof typeof UNITS_BYTES];
  }
  if (keepMs !== undefined && (keepMs < KEEP_MS_MIN || keepMs > KEEP_MS_MAX))
    return fault("the time is not between 10 seconds and 7 days");
  if (bytesMax !== undefined && (bytesMax < UNITS_BYTES.MiB || !Number.isSafeInteger(bytesMax)))
    return fault("the bytes are not between 1MiB and 8191TiB");
  const { keepMs: keepMsDefault, bytesMax: bytesMaxDefault } = IDEMPOTENCY_BOUNDS;
  return { value: { keepMs: keepMs ?? keepMsDefault, bytesMax: bytesMax ?? bytesMaxDefault } };
}
