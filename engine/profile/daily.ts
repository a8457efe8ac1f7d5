// The hour of the day at which a customer's daily triggers are asked for: hashed from the key, so that the customers of an
// engine are spread evenly over the day, and always the same, so that it needs no memory.
import { drawOf } from "../domain/hash.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { DAY_MS, type Instant, NEVER } from "../domain/time.ts";

/** The last one that is not after `at`. */
export function lastDaily(key: CustomerKey, at: Instant): Instant {
  const offset = offsetOf(key);
  return (Math.floor((at - offset) / DAY_MS) * DAY_MS + offset) as Instant;
}

/** The first one after `at`; NEVER where `at` is not finite. */
export function nextDaily(key: CustomerKey, at: Instant): Instant {
  return Number.isFinite(at) ? ((lastDaily(key, at) + DAY_MS) as Instant) : NEVER;
}

/** Number of the UTC day in which it lies, since 1970. */
export function dayNumber(at: Instant): number {
  return Math.floor(at / DAY_MS);
}

/** Milliseconds after midnight UTC. */
function offsetOf(key: CustomerKey): number {
  return Math.floor(drawOf(`daily/${key}`) * DAY_MS);
}
