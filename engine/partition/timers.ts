// Looks for timers that are due and asks for them in the input log. The entry is only a request: the fold decides whether
// something is still due, so firing twice does no harm.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { type Instant, plus } from "../domain/time.ts";
import { encodeTimer } from "../ingest/log-entry.ts";
import type { Log } from "../observe/log.ts";
import type { Partition } from "./partition.ts";
import { nowOf } from "./recover.ts";
import { sayUnlessClosed } from "./say-unless-closed.ts";
import type { Session } from "./session.ts";

const POLL_MS = 25;
const LOOK_AGAIN_MS = 1_000;
const TIMERS_PER_POLL_MAX = 256;
/** A timer that was asked for is asked for again after this, in case the request was lost. */
const AGAIN_MS = 5_000;

export function startTimers(session: Session, clock: () => number, log: Log): () => void {
  const asked = new WeakMap<Partition, Asked>();
  let isPolling = false;
  const poll = async (): Promise<void> => {
    const due = session.partitions.filter((partition) => partition.nextDue <= nowOf(partition, clock));
    await Promise.all(
      due.map(async (partition) => {
        const known = asked.get(partition) ?? new Map();
        asked.set(partition, known);
        try {
          await fire(session, partition, known, clock);
        } catch (error) {
          partition.nextDue = plus(nowOf(partition, clock), LOOK_AGAIN_MS);
          sayUnlessClosed(session, log, "timers could not be looked at; looking again", error);
        }
      }),
    );
  };
  const polling = setInterval(() => {
    if (isPolling) return;
    isPolling = true;
    void poll().finally(() => {
      isPolling = false;
    });
  }, POLL_MS);
  return () => clearInterval(polling);
}

type Asked = Map<CustomerKey, { due: Instant; at: number }>;

async function fire(session: Session, partition: Partition, asked: Asked, clock: () => number): Promise<void> {
  const { journal } = session;
  const index: PartitionIndex = partition.index;
  const now = nowOf(partition, clock);
  // Lowered by a commit that arms an earlier timer while this waits for Redis.
  partition.nextDue = plus(now, POLL_MS * 2);
  const timers = await journal.due(index, now, TIMERS_PER_POLL_MAX);
  const nowMs = clock();
  for (const [key, last] of asked) if (nowMs - last.at > AGAIN_MS) asked.delete(key);
  for (const { key, due } of timers) {
    if (asked.get(key)?.due === due) continue;
    await journal.appendKnown(index, { customer: key }, encodeTimer(key, due));
    asked.set(key, { due, at: nowMs });
  }
  if (timers.length > 0) return;
  // Not beyond a second: a commit that is under way may have armed an earlier one that Redis did not know of just now.
  partition.nextDue = Math.min(await journal.nextDue(index), plus(now, LOOK_AGAIN_MS)) as Instant;
}
