// Where an entry of a named stream goes: to the log of its customer's partition, as it is, to be judged there; or, where
// no key is to be read, to the dead letters.
import type { DeadReason } from "../domain/event.ts";
import type { PartitionIndex } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { RawEntry } from "../journal/journal.ts";
import { parsePayload, readKey } from "./decode-event.ts";
import type { EntryFields } from "./log-entry.ts";
import { plainPartition } from "./plain-key.ts";
import { isRefused } from "./refused.ts";

export type Route =
  /** `fields` follow those that `logFields` gives. */
  | { readonly kind: "log"; readonly partition: PartitionIndex; readonly fields: EntryFields }
  | { readonly kind: "dead"; readonly reason: DeadReason; readonly fields: EntryFields };

/** Of a payload that is kept in a dead letter. */
const DEAD_PAYLOAD_BYTES_MAX = 1_024;

const PAYLOAD = "d".charCodeAt(0);
const CLOCK = "t".charCodeAt(0);

/** What every entry of this stream begins with in a log, up to its payload: the source is the stream, whatever the producer wrote. */
export function logFields(stream: string): EntryFields {
  return ["s", stream, "d"];
}

/** Only `d` and the driven clock `t` are taken over. */
export function routeEntry(entry: RawEntry, stream: string, partitions: number): Route {
  const payload = fieldOf(entry.fields, PAYLOAD);
  if (payload === undefined) return dead(entry, stream, "invalid", "field d, the payload, is missing", Buffer.alloc(0));
  const clock = fieldOf(entry.fields, CLOCK);
  const plain = plainPartition(payload, partitions);
  if (plain !== undefined) {
    // ASCII, so it is the same as text: a Buffer would be a piece of its own of what is sent, which costs more than the copy.
    const text = payload.toString("latin1");
    return { kind: "log", partition: plain, fields: clock === undefined ? [text] : [text, "t", clock] };
  }
  const parsed = parsePayload(payload);
  if (isRefused(parsed)) return dead(entry, stream, parsed.refused, parsed.unquoted, payload);
  const key = readKey(parsed.value);
  if (key === undefined) {
    return dead(entry, stream, "invalid", "has no well-formed customer or anonymousId", payload);
  }
  const fields = clock === undefined ? [payload] : [payload, "t", clock];
  return { kind: "log", partition: partitionOf(key, partitions), fields };
}

/** `detail` holds nothing of what was sent but sizes and places in it. */
function dead(entry: RawEntry, stream: string, reason: DeadReason, detail: string, payload: Buffer): Route {
  const kept = payload.subarray(0, DEAD_PAYLOAD_BYTES_MAX);
  const fields = ["stream", stream, "position", entry.position, "reason", reason, "detail", detail, "d", kept];
  return { kind: "dead", reason, fields };
}

/** `name`: its only letter. The last one counts where a field is given twice. */
function fieldOf(fields: readonly Buffer[], name: number): Buffer | undefined {
  for (let index = fields.length - (fields.length % 2) - 2; index >= 0; index -= 2) {
    const given = fields[index] as Buffer;
    if (given.length === 1 && given[0] === name) return fields[index + 1];
  }
  return undefined;
}
