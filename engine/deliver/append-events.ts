// Events that the outside hands in over HTTP and WebSocket, on their way into the input logs.
import { createHash, randomUUID } from "node:crypto";
import type { CustomerEvent } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { AHEAD_MS_MAX, BEHIND_MS_MAX } from "../ingest/bounds.ts";
import type { OutcomeBody } from "./wire.ts";

export interface OutcomeMeta {
  readonly source: "http" | "live";
  readonly now: Instant;
  readonly traceparent: string | undefined;
  /** Stable across repetitions of the request, where it has an Idempotency-Key. */
  readonly requestId: string | undefined;
  readonly note?: string;
}

/**
 * An outcome as an event. Its id is stable where the reporter gave a time or an Idempotency-Key, so that a repetition is a
 * duplicate; else random: accepted, retracted, accepted again are three events.
 */
export function outcomeEvent(key: CustomerKey, body: OutcomeBody, meta: OutcomeMeta): CustomerEvent {
  const { ts, ...report } = body;
  const props = { ...report, ...(meta.note === undefined ? {} : { note: meta.note }) };
  const stable = ts === undefined && meta.requestId === undefined ? undefined : [meta.requestId ?? "", ts ?? 0, props];
  return {
    id: stable === undefined ? randomUUID() : digest(JSON.stringify(stable)),
    type: "outcome",
    key,
    ts: (ts ?? meta.now) as Instant,
    source: meta.source,
    props,
    ...(meta.traceparent === undefined ? {} : { traceparent: meta.traceparent }),
  };
}

/** The log would dead-letter such an event: say so to the sender while it listens. */
export function timeFault(ts: number, now: number): string | undefined {
  if (ts - now > AHEAD_MS_MAX) return `is ${Math.round((ts - now) / 1_000)} s ahead of now: at most a day`;
  if (now - ts > BEHIND_MS_MAX) return `is ${Math.round((now - ts) / 1_000)} s behind now: at most 90 days`;
  return undefined;
}

export function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
