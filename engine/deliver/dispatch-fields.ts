// Fields of the checkpoint of a partition that dispatch keeps, each written under the fence of the partition.

/** No lane needs commits up to this one any more: the journal may be trimmed behind it. */
export const DISPATCHED_FIELD = "dispatched";

/** Every commit up to this one is done with as far as channels of kind `stream` go. */
export const STREAMS_FIELD = "dispatched:";

/** The same for one channel of kind `webhook`, and ids of messages up to there that are not done with. */
export function webhookField(channel: string): string {
  return `dispatched:${channel}`;
}
