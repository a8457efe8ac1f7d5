// The letter that tells operators of a message which never reached its gateway.
import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import { eventJson } from "../ingest/encode-event.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import type { NotDelivered } from "./not-delivered.ts";
import type { Partition } from "./partition.ts";

const TOLD: ReadonlyMap<NotDelivered, string> = new Map([
  ["too-old", "was not sent before its time was over"],
  ["refused", "was refused by its gateway"],
]);

/** `contact` has become not-delivered by this event. What was taken back, or waits for the end of quiet hours, is no loss. */
export function noteUndelivered(partition: Partition, event: CustomerEvent, contact: Contact, entry: LogEntry): void {
  if (event.source !== ENGINE_SOURCE || contact.outcome !== "not-delivered") return;
  const told = TOLD.get(event.props["reason"] as NotDelivered);
  if (told === undefined) return;
  const channel = partition.active.rulebook.channels.find(({ hash }) => hash === contact.channel)?.name ?? "unknown";
  partition.draft.dead.push({
    position: entry.position,
    reason: "undelivered",
    detail: `a message for channel "${channel}" ${told}`,
    source: event.source,
    bytes: eventJson(event),
  });
}
