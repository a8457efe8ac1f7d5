// What the decoders of entries share.
import type { DeadReason, LogEntry } from "../domain/event.ts";
import type { CustomerKey, Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { AHEAD_MS_MAX, BEHIND_MS_MAX, CUSTOMER_LENGTH_MAX } from "./bounds.ts";

/** An entry before its payload is read. */
export interface Entry {
  readonly position: Position;
  readonly arrivedAt: Instant;
  readonly movesClock: boolean;
  readonly source: string;
  readonly bytes: Uint8Array;
  readonly sentAlong: Buffer | undefined;
}

/** The nearest ts that the bounds permit. */
export function within(ts: Instant, arrivedAt: Instant): Instant {
  return Math.min(Math.max(ts, arrivedAt - BEHIND_MS_MAX), arrivedAt + AHEAD_MS_MAX) as Instant;
}

export function isKey(value: unknown): value is CustomerKey {
  return typeof value === "string" && value !== "" && value.length <= CUSTOMER_LENGTH_MAX;
}

export function dead(entry: Entry, reason: DeadReason, detail: string): LogEntry {
  return {
    ...placed(entry),
    movesClock: false,
    kind: "dead",
    reason,
    detail,
    source: entry.source,
    bytes: entry.bytes,
  };
}

export function placed(entry: Entry): Pick<LogEntry, "position" | "arrivedAt" | "movesClock"> {
  return { position: entry.position, arrivedAt: entry.arrivedAt, movesClock: entry.movesClock };
}
