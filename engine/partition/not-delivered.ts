import type { DecisionRecord } from "../domain/decision.ts";
import { type CustomerKey, type PartitionIndex, parseTrackingCode, type TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { ENGINE_SOURCE, encodeDelivered, encodeEvent } from "../ingest/log-entry.ts";
import type { Journal, Known } from "../journal/journal.ts";
import { partitionOfDecision } from "./questions.ts";

/**
 * Why the engine itself reports that something was not delivered. `deadline`: whoever asked has gone on with the fallback;
 * `too-old`: it came too late for its gateway; `refused`: the gateway will not have it; `withdrawn`: it was taken back, answered
 * or forgotten before it was sent; `quiet-hours`: it would have been sent in them.
 */
export type NotDelivered = "deadline" | "too-old" | "refused" | "withdrawn" | "quiet-hours";

/** The caller has gone on with the fallback: what the decision reserved is given back by an outcome in the log. */
export async function appendNotDelivered(journal: Pick<Journal, "appendKnown">, record: DecisionRecord): Promise<void> {
  const partition = partitionOfDecision(record.id, 65_536) as PartitionIndex;
  for (const { trackingCode } of record.contacts) {
    await appendReport(journal, partition, { key: record.key, trackingCode, at: record.now, why: "deadline" });
  }
}

/**
 * Resolves when it is in the log of the customer, or there is nobody any more whom it could concern. `at`: of its decision, so
 * that the same report is always the same event.
 */
export async function appendReport(
  journal: Pick<Journal, "appendKnown">,
  partition: PartitionIndex,
  report: {
    readonly key: CustomerKey;
    readonly trackingCode: TrackingCode;
    readonly at: Instant;
    readonly why: NotDelivered;
  },
): Promise<void> {
  const { key, trackingCode, at, why } = report;
  const event = {
    id: `not-delivered:${trackingCode}`,
    type: "outcome",
    key,
    ts: at,
    source: ENGINE_SOURCE,
    props: { trackingCode, outcome: "not-delivered", reason: why },
  };
  await journal.appendKnown(partition, decisionOf(trackingCode), encodeEvent(event));
}

/** Resolves as `appendReport` does. */
export async function appendDelivered(
  journal: Pick<Journal, "appendKnown">,
  partition: PartitionIndex,
  key: CustomerKey,
  trackingCode: TrackingCode,
): Promise<void> {
  await journal.appendKnown(partition, decisionOf(trackingCode), encodeDelivered(key, trackingCode));
}

function decisionOf(trackingCode: TrackingCode): Known {
  const parsed = parseTrackingCode(trackingCode);
  if (parsed === undefined) throw new Error(`${trackingCode} is no tracking code`);
  return { decision: parsed.decision };
}
