// The messages of one partition for channels of kind `stream`: they go to `nba:channel:NAME`, which a gateway reads. In the
// order of the commits, so in order per customer and channel. Offering again is harmless (send-once.lua), so a lane in doubt
// repeats, and after a restart it goes on from the position that it noted last.
import type { CommitSeq } from "../domain/ids.ts";
import type { NotDelivered } from "../partition/not-delivered.ts";
import { STREAMS_FIELD } from "./dispatch-fields.ts";
import type { DispatchCommit, DispatchItem } from "./dispatch-items.ts";
import {
  type Lane,
  type LaneDeps,
  type LanePlace,
  lastSending,
  noteDueAt,
  reportUnsent,
  untilHalted,
  verdictOf,
  wordsOf,
} from "./dispatch-lane.ts";
import { channelStream, sendOnce } from "./send-once.ts";
import { createHalt, createWaker } from "./waker.ts";

/** Of one call of the script. */
const OFFERED_MAX = 500;
/** Looks at what has waited, at the same time. */
const VERDICTS_MAX = 32;

export interface StreamLaneOptions {
  readonly deps: LaneDeps;
  readonly place: LanePlace;
  readonly from: CommitSeq;
  /** About how many entries a channel's stream keeps. */
  readonly entriesMax: number;
}

export function createStreamLane({ deps, place, from, entriesMax }: StreamLaneOptions): Lane {
  const { partition, feed } = place;
  const waker = createWaker();
  const halt = createHalt();
  let done = from;
  let noted = from;
  /** Undefined: all is noted. */
  let noteAt: number | undefined;

  const note = async (): Promise<void> => {
    const seq = done;
    await place.note(STREAMS_FIELD, String(seq));
    noted = seq;
    noteAt = undefined;
  };
  /** False where nothing was to be sent. */
  const send = async (): Promise<boolean> => {
    const batch = await feed.after(done);
    for (const items of byChannel(batch)) await sendAll(deps, place, items, entriesMax);
    done = batch.at(-1)?.seq ?? done;
    if (done > noted) noteAt = Math.min(noteAt ?? Number.POSITIVE_INFINITY, noteDueAt(batch.some(isWaitedFor)));
    return batch.length > 0;
  };
  return {
    done: () => done,
    wake: waker.wake,
    stop: () => {
      halt.halt();
      waker.wake();
    },
    run: async () => {
      await untilHalted(deps, halt, { partition }, async () => {
        const isBusy = await send();
        const inMs = (noteAt ?? Number.POSITIVE_INFINITY) - performance.now();
        if (inMs <= 0) await note();
        else if (!isBusy && !halt.isHalted()) await waker.wait(noteAt === undefined ? undefined : inMs);
      });
      if (done > noted) {
        await note().catch((error: unknown) =>
          deps.log.warn("the position of dispatch was not noted", { partition, why: wordsOf(error) }),
        );
      }
    },
  };
}

/** Is there something that would be sent again; or an erasure, which ends no sooner than lanes are known to be past it? */
function isWaitedFor({ items, forgot }: DispatchCommit): boolean {
  return items.length + forgot.length > 0;
}

function byChannel(batch: readonly DispatchCommit[]): Iterable<readonly DispatchItem[]> {
  const found = new Map<string, DispatchItem[]>();
  for (const item of batch.flatMap((commit) => commit.items)) {
    if (item.channel.kind !== "stream") continue;
    const list = found.get(item.channel.name);
    if (list === undefined) found.set(item.channel.name, [item]);
    else list.push(item);
  }
  return found.values();
}

async function sendAll(
  deps: LaneDeps,
  place: LanePlace,
  items: readonly DispatchItem[],
  entriesMax: number,
): Promise<void> {
  for (let from = 0; from < items.length; from += OFFERED_MAX) {
    await sendSome(deps, place, items.slice(from, from + OFFERED_MAX), entriesMax);
  }
}

/** What one call refused is reported before the next one: see send-once.lua. */
async function sendSome(
  deps: LaneDeps,
  { partition }: LanePlace,
  items: readonly DispatchItem[],
  entriesMax: number,
): Promise<void> {
  const channel = items[0]?.channel.name as string;
  const verdicts: ("send" | NotDelivered)[] = [];
  try {
    for (let from = 0; from < items.length; from += VERDICTS_MAX) {
      const some = items.slice(from, from + VERDICTS_MAX);
      verdicts.push(...(await Promise.all(some.map((item) => verdictOf(deps, item)))));
    }
    const connection = await deps.redis.connection();
    const wallMs = Date.now();
    const offered = items.map((item, at) => ({
      id: item.id,
      sendBy: wallMs + (lastSending(item) - deps.now(item.key)),
      message: verdicts[at] === "send" ? item.message : undefined,
    }));
    const { appended, refused, length } = await sendOnce(connection, channel, partition, offered);
    deps.metrics.onDelivery(channel, "delivered", appended);
    if (length > entriesMax * 1.01 + 100) {
      await connection.command(["XTRIM", channelStream(channel), "MAXLEN", "~", String(entriesMax)]);
    }
    await Promise.all(
      items.map((item, at) => {
        if (!refused.has(item.id)) return deps.delivered(item.key, item.trackingCode);
        const verdict = verdicts[at];
        return reportUnsent(deps, item, verdict === undefined || verdict === "send" ? "too-old" : verdict);
      }),
    );
  } catch (error) {
    deps.metrics.onDelivery(channel, "retried", items.length);
    throw error;
  }
}
