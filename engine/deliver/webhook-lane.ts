// The messages of one partition for one channel of kind `webhook`. Each customer's are posted one after the other, in the order
// of the commits; what fails is tried again (webhook-delivery.ts), and holds up nobody but its own customer. Of who is erased
// nothing is tried any more, and nothing kept: the position is past an erasure only when that is so. Where the lane is, and
// what before that is undone, is noted a moment after it changes: what was posted since is posted again after a crash, under the
// same id.
import type { CommitSeq, CustomerKey } from "../domain/ids.ts";
import { webhookField } from "./dispatch-fields.ts";
import type { DispatchItem } from "./dispatch-items.ts";
import { type Lane, type LanePlace, noteDueAt, untilHalted, wordsOf } from "./dispatch-lane.ts";
import { createHalt, createWaker, type Halt } from "./waker.ts";
import { type DeliveryDeps, deliver } from "./webhook-delivery.ts";

export interface WebhookLaneOptions {
  readonly deps: DeliveryDeps;
  readonly place: LanePlace;
  readonly channel: string;
  readonly from: WebhookPosition;
}

/** Every commit up to `seq` is done with but for the messages with these ids. */
export interface WebhookPosition {
  readonly seq: CommitSeq;
  readonly undone: readonly string[];
}

/** Messages of a lane that were begun and are neither delivered nor given up: more wait in the journal. */
const UNDONE_MAX = 1_000;

/** Messages of one customer, one after the other. */
interface Queue {
  readonly key: CustomerKey;
  readonly items: DispatchItem[];
  readonly halt: Halt;
  /** Resolves when nothing of it is under way any more. */
  ended: Promise<void>;
}

export function parseWebhookPosition(written: string): WebhookPosition {
  const [seq = "0", ...undone] = written.split(" ");
  return { seq: Number(seq) as CommitSeq, undone };
}

export function createWebhookLane({ deps, place, channel, from }: WebhookLaneOptions): Lane {
  const { partition, feed } = place;
  const waker = createWaker();
  const halt = createHalt();
  const undone = new Map<string, DispatchItem>();
  const runners = new Set<Promise<void>>();
  const queues = new Map<CustomerKey, Queue>();
  /** Undone before this engine took the partition, and not read again yet. */
  const resumed = new Set(from.undone);
  let read = before(from.seq, resumed);
  let noted = "";
  /** Undefined: all is noted. */
  let noteAt: number | undefined;
  /** Since the last note a message was begun or done with, or somebody was erased. */
  let hasSent = false;

  const written = (): string =>
    [String(Math.max(read, from.seq)), ...new Set([...resumed, ...undone.keys()])].join(" ");
  const note = async (): Promise<void> => {
    const now = written();
    if (now === noted) {
      noteAt = undefined;
      return;
    }
    hasSent = false;
    await place.note(webhookField(channel), now);
    noted = now;
    noteAt = undefined;
  };
  const serve = async ({ key, items, halt: own }: Queue): Promise<void> => {
    const listenNoMore = halt.onHalt(own.halt);
    for (let item = items[0]; item !== undefined; item = items[0]) {
      if (!(await deliver(deps, item, own))) break;
      items.shift();
      undone.delete(item.id);
      hasSent = true;
      waker.wake();
    }
    listenNoMore();
    if (items.length === 0) queues.delete(key);
  };
  const begin = (item: DispatchItem): void => {
    resumed.delete(item.id);
    undone.set(item.id, item);
    const queue = queues.get(item.key);
    if (queue !== undefined) {
      queue.items.push(item);
      return;
    }
    const own: Queue = { key: item.key, items: [item], halt: createHalt(), ended: Promise.resolve() };
    queues.set(item.key, own);
    own.ended = serve(own).finally(() => runners.delete(own.ended));
    runners.add(own.ended);
  };
  /** A request that is under way cannot be called back: its end is waited for. */
  const forget = async (keys: readonly CustomerKey[]): Promise<void> => {
    for (const key of keys) {
      const queue = queues.get(key);
      if (queue === undefined) continue;
      queue.halt.halt();
      await queue.ended;
      for (const { id } of queue.items) undone.delete(id);
      queues.delete(key);
    }
  };
  /** False where there was nothing to read, or no room for it. */
  const fill = async (): Promise<boolean> => {
    if (undone.size >= UNDONE_MAX) return false;
    const batch = await feed.after(read);
    for (const commit of batch) {
      if (undone.size >= UNDONE_MAX || halt.isHalted()) break;
      if (commit.forgot.length > 0) await forget(commit.forgot);
      hasSent ||= commit.forgot.length > 0;
      const own = commit.items.filter((item) => item.channel.name === channel && item.channel.kind === "webhook");
      for (const item of own) if (commit.seq > from.seq || resumed.has(item.id)) begin(item);
      hasSent ||= own.length > 0;
      read = commit.seq;
      if (read >= from.seq) resumed.clear(); // what was not found is a message of this channel no more
    }
    return batch.length > 0;
  };

  return {
    done: () => before(read, undone.keys()),
    wake: waker.wake,
    stop: () => {
      halt.halt();
      waker.wake();
    },
    run: async () => {
      await untilHalted(deps, halt, { partition, channel }, async () => {
        const isBusy = await fill();
        if (isBusy || halt.isHalted()) return;
        if (written() !== noted) noteAt = Math.min(noteAt ?? Number.POSITIVE_INFINITY, noteDueAt(hasSent));
        const inMs = (noteAt ?? Number.POSITIVE_INFINITY) - performance.now();
        if (inMs <= 0) await note();
        else await waker.wait(noteAt === undefined ? undefined : inMs);
      });
      await Promise.all(runners);
      await note().catch((error: unknown) =>
        deps.log.warn("the position of dispatch was not noted", { partition, channel, why: wordsOf(error) }),
      );
    },
  };
}

/** The last commit up to `seq` before which none of these messages was decided. */
function before(seq: CommitSeq, ids: Iterable<string>): CommitSeq {
  let least: number = seq;
  for (const id of ids) least = Math.min(least, Number.parseInt(id, 10) - 1);
  return least as CommitSeq;
}
