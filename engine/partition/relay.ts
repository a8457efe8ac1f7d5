// Entries that a commit of one partition sends to the logs of others. They are part of the commit, so none is lost; they are
// appended behind a watermark for each sender in the receiver's checkpoint, so none comes twice; and one at a time is under
// way for each sender, so they come in order. The next owner sends again whatever may not have arrived: all that was
// committed after the base of recovery, and what the base says was still to be sent then. In a cluster the log of a receiver may lose
// in a failover what had arrived, and its watermark with it: what was sent there in the last minute is then sent again.
import type { PartitionIndex } from "../domain/ids.ts";
import { type AppendTarget, appendOnce } from "../ingest/append-once.ts";
import type { OutboxEntry } from "../journal/base.ts";
import type { Relay } from "../journal/commit-record.ts";
import { partitionKeys } from "../journal/keys.ts";
import type { RedisConnection } from "../journal/redis.ts";
import type { Partition } from "./partition.ts";

const BATCH_ENTRIES_MAX = 64;

/** A receiver that lost its last entries had them for less than this: replicas are seconds behind at most. */
const SENT_KEPT_MS = 60_000;
const SENT_KEPT_MAX = 512;
const AGAIN_MS = 200;

export interface Relays {
  /** Sends what this partition has committed and not sent yet; returns at once. */
  readonly send: (partition: Partition) => void;
  /** What this partition sent lately to receivers whose keys are covered goes once more, before anything that is newer. */
  readonly sendAgain: (partition: Partition, covers: (key: string) => boolean) => void;
}

interface Sent {
  readonly entry: OutboxEntry;
  /** By performance.now(). */
  readonly at: number;
}

export interface RelaysOptions {
  readonly connection: RedisConnection;
  /** Does this process still hold it? What it does not is sent by the next owner. */
  readonly isHeld: (partition: Partition) => boolean;
  /** Some could not be sent, and are tried again: behind the watermark that does no harm. */
  readonly onTrouble: (sender: Partition, why: string) => void;
}

export function createRelays({ connection, isHeld, onTrouble }: RelaysOptions): Relays {
  const sending = new WeakSet<Partition>();
  const sentBy = new WeakMap<Partition, readonly Sent[]>();

  async function sendAll(partition: Partition): Promise<void> {
    for (let batch = sendable(partition); batch.length > 0; batch = sendable(partition)) {
      const byReceiver = new Map<PartitionIndex, OutboxEntry[]>();
      for (const entry of batch) {
        const entries = byReceiver.get(entry.to) ?? [];
        byReceiver.set(entry.to, entries);
        entries.push(entry);
      }
      const appends = [...byReceiver].map(async ([to, entries]) => {
        await appendOnce(connection, relayTarget(to, partition.index), entries);
        arrived(partition, entries);
      });
      const failed = (await Promise.allSettled(appends)).find((each) => each.status === "rejected");
      if (failed !== undefined) throw failed.reason;
    }
  }

  function arrived(partition: Partition, entries: readonly OutboxEntry[]): void {
    const { outbox } = partition;
    outbox.splice(0, outbox.length, ...outbox.filter((entry) => !entries.includes(entry)));
    const at = performance.now();
    const kept = (sentBy.get(partition) ?? []).filter((each) => at - each.at < SENT_KEPT_MS);
    sentBy.set(partition, [...kept, ...entries.map((entry) => ({ entry, at }))].slice(-SENT_KEPT_MAX));
  }

  function send(partition: Partition): void {
    if (sending.has(partition)) return;
    sending.add(partition);
    sendAll(partition)
      .catch((error: unknown) => {
        if (!(error instanceof Error)) throw error;
        if (connection.isClosed() || !isHeld(partition)) return;
        onTrouble(partition, error.message);
        setTimeout(() => {
          if (!connection.isClosed() && isHeld(partition)) send(partition);
        }, AGAIN_MS);
      })
      .finally(() => sending.delete(partition));
  }

  function sendAgain(partition: Partition, covers: (key: string) => boolean): void {
    const sent = sentBy.get(partition) ?? [];
    const isDoubtful = ({ entry }: Sent): boolean => covers(partitionKeys(entry.to).events);
    const again = sent.filter(isDoubtful).map(({ entry }) => entry);
    if (again.length === 0) return;
    const others = sent.filter((each) => !isDoubtful(each));
    sentBy.set(partition, others);
    partition.outbox.unshift(...again);
    send(partition);
  }

  return { send, sendAgain };
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
