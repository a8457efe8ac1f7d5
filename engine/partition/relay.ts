// Entries that a commit of one partition sends to the logs of others. They are part of the commit, so none is lost; they are
// appended behind a watermark for each sender in the receiver's checkpoint, so none comes twice; and one at a time is under
// way for each sender, so they come in order. The next owner sends again whatever may not have arrived: all that was
// committed after the base of recovery, and what the base says was still to be sent then.
import type { PartitionIndex } from "../domain/ids.ts";
import { type AppendTarget, appendOnce, type SourceEntry } from "../ingest/append-once.ts";
import type { OutboxEntry } from "../journal/base.ts";
import type { Relay } from "../journal/commit-record.ts";
import { partitionKeys } from "../journal/keys.ts";
import type { RedisConnection } from "../journal/redis.ts";
import type { Partition } from "./partition.ts";

const BATCH_ENTRIES_MAX = 64;

/** Sends what this partition has committed and not sent yet; returns at once. */
export type SendRelays = (partition: Partition) => void;

/** `onTrouble`: it is not known what arrived; the sender must be recovered, and sends again then. */
export function createRelays(
  connection: RedisConnection,
  onTrouble: (sender: Partition, why: string) => void,
): SendRelays {
  const sending = new WeakSet<Partition>();
  const send = async (partition: Partition): Promise<void> => {
    for (let batch = sendable(partition); batch.length > 0; batch = sendable(partition)) {
      const byReceiver = new Map<PartitionIndex, SourceEntry[]>();
      for (const { to, id, fields } of batch) {
        const entries = byReceiver.get(to) ?? [];
        byReceiver.set(to, entries);
        entries.push({ id, fields });
      }
      const appends = [...byReceiver].map(([to, entries]) =>
        appendOnce(connection, relayTarget(to, partition.index), entries),
      );
      await Promise.all(appends);
      partition.outbox.splice(0, batch.length);
    }
  };
  return (partition) => {
    if (sending.has(partition)) return;
    sending.add(partition);
    send(partition).then(
      () => sending.delete(partition),
      (error: unknown) => onTrouble(partition, `relays: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
}

/** The relays of one commit, numbered within all of their sender. */
export function outboxOf(seq: number, relays: readonly Relay[]): readonly OutboxEntry[] {
  return relays.map(({ to, fields }, ordinal) => ({ id: `${seq}-${ordinal}`, seq, to, fields }));
}

/** From the oldest on, as far as they are committed. */
function sendable({ outbox, committed }: Partition): readonly OutboxEntry[] {
  const batch: OutboxEntry[] = [];
  for (const entry of outbox) {
    if (entry.seq > committed || batch.length === BATCH_ENTRIES_MAX) break;
    batch.push(entry);
  }
  return batch;
}

function relayTarget(to: PartitionIndex, sender: PartitionIndex): AppendTarget {
  const keys = partitionKeys(to);
  return { stream: keys.events, watermarks: keys.checkpoint, field: `relayed:${sender}` };
}
