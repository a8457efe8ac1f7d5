import type { DecisionRecord } from "../domain/decision.ts";
import type { PartitionIndex } from "../domain/ids.ts";
import { ENGINE_SOURCE, encodeEvent } from "../ingest/log-entry.ts";
import type { Journal } from "../journal/journal.ts";
import { partitionOfDecision } from "./questions.ts";

/** The caller has gone on with the fallback: what the decision reserved is given back by an outcome in the log. */
export async function appendNotDelivered(journal: Journal, record: DecisionRecord): Promise<void> {
  const partition = partitionOfDecision(record.id, 65_536) as PartitionIndex;
  for (const { trackingCode } of record.contacts) {
    const event = {
      id: `not-delivered:${trackingCode}`,
      type: "outcome",
      key: record.key,
      ts: record.now,
      source: ENGINE_SOURCE,
      props: { trackingCode, outcome: "not-delivered", reason: "deadline" },
    };
    await journal.append(partition, encodeEvent(event));
  }
}
