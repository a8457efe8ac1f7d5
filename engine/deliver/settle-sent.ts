// What is in the streams of a partition that was taken over, and was perhaps not reported any more: reported before any reservation
// may run out, or the place of a message that was sent would be given to another.
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { partitionKeys } from "../journal/keys.ts";
import { type RedisConnection, text } from "../journal/redis.ts";
import type { FeedDeps } from "./dispatch-feed.ts";
import { DISPATCHED_FIELD, STREAMS_FIELD } from "./dispatch-fields.ts";
import { type DispatchItem, dispatchCommit } from "./dispatch-items.ts";
import type { LaneDeps } from "./dispatch-lane.ts";
import { readMark, type SentMark } from "./send-once.ts";

const COMMITS_MAX = 256;

/** Appends `$delivered` to the input log for each of them; what was reported before changes nothing. Rejects where Redis does. */
export async function settleSent(
  deps: Pick<LaneDeps, "redis" | "delivered"> & Pick<FeedDeps, "rulebook" | "journalFrom">,
  partition: PartitionIndex,
): Promise<void> {
  const connection = await deps.redis.connection();
  const rulebook = deps.rulebook();
  const marks = new Map<string, SentMark>();
  for (const { kind, name } of rulebook.channels) {
    if (kind === "stream") marks.set(name, await readMark(connection, name, partition));
  }
  const furthest = Math.max(0, ...[...marks.values()].map(({ seq }) => seq));
  for (let at = await noted(connection, partition); at < furthest; ) {
    const page = await deps.journalFrom(partition, at, COMMITS_MAX);
    const last = page.at(-1);
    if (last === undefined) return;
    const items = page.flatMap((committed) => dispatchCommit(committed, rulebook).items);
    const sent = items.filter((item) => isSent(item, marks.get(item.channel.name)));
    await Promise.all(sent.map((item) => deps.delivered(item.key, item.trackingCode)));
    at = last.seq;
  }
}

async function noted(connection: RedisConnection, partition: PartitionIndex): Promise<CommitSeq> {
  const { checkpoint } = partitionKeys(partition);
  const reply = await connection.command(["HMGET", checkpoint, STREAMS_FIELD, DISPATCHED_FIELD]);
  const [streams, all] = (reply as readonly (Buffer | null)[]).map((field) => text(field));
  return Number(streams === "" ? all : streams) as CommitSeq;
}

function isSent({ id }: DispatchItem, mark: SentMark | undefined): boolean {
  if (mark === undefined || mark.refused.has(id)) return false;
  const [seq = 0, ordinal = 0] = id.split("-").map(Number);
  return seq < mark.seq || (seq === mark.seq && ordinal <= mark.ordinal);
}
