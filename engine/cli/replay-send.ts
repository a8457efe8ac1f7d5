// Plays recorded events into the front-door streams: what is sent, when, and under which clock.
import type { RedisConnection } from "../journal/redis.ts";
import type { RecordedEvent } from "./replay-file.ts";

/**
 * shift: a constant is added to every ts, so that the last event is now. drive: ts stays, and field `t` beside the
 * event tells the engine what time it was (the event's own ts, made monotone).
 */
export type ReplayClock = { readonly kind: "shift"; readonly byMs: number } | { readonly kind: "drive" };

export interface ReplayPlan {
  readonly clock: ReplayClock;
  /** Times as fast as it happened; Infinity: as fast as Redis takes it. */
  readonly speed: number;
  /** All into this stream; undefined: each into its own. */
  readonly stream: string | undefined;
}

export interface ReplayDeps {
  readonly command: RedisConnection["command"];
  /** Monotonic, in ms. */
  readonly clock: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  /** Told after each batch. */
  readonly onSent: (sent: number) => void;
}

/** Commands under way at once. */
export const REPLAY_BATCH_MAX = 500;
const SLEEP_MS_MAX = 1_000;

/** XADD with its arguments. */
export function replayCommandOf(event: RecordedEvent, plan: ReplayPlan, drivenMs: number): string[] {
  const stream = plan.stream ?? event.stream;
  if (plan.clock.kind === "drive") {
    return ["XADD", stream, "*", "d", JSON.stringify(event.body), "t", String(drivenMs)];
  }
  return ["XADD", stream, "*", "d", JSON.stringify({ ...event.body, ts: event.body.ts + plan.clock.byMs })];
}

/**
 * Sends events that are sorted by ts; answers how many. Rejects where Redis refuses or is lost: what was sent may be
 * sent again, because events keep their ids.
 */
export async function sendRecorded(
  events: readonly RecordedEvent[],
  plan: ReplayPlan,
  deps: ReplayDeps,
): Promise<number> {
  const startedAt = deps.clock();
  const firstTs = events[0]?.body.ts ?? 0;
  const dueAt = (event: RecordedEvent): number => startedAt + (event.body.ts - firstTs) / plan.speed;
  let sent = 0;
  let drivenMs = 0;
  while (sent < events.length) {
    const now = deps.clock();
    const batch: Promise<unknown>[] = [];
    while (batch.length < REPLAY_BATCH_MAX) {
      const event = events[sent + batch.length];
      if (event === undefined || dueAt(event) > now) break;
      drivenMs = Math.max(drivenMs, event.body.ts);
      batch.push(deps.command(replayCommandOf(event, plan, drivenMs)));
    }
    if (batch.length === 0) {
      await deps.sleep(Math.min(SLEEP_MS_MAX, Math.max(1, dueAt(events[sent] as RecordedEvent) - now)));
      continue;
    }
    const settled = await Promise.allSettled(batch);
    const failed = settled.find((one) => one.status === "rejected");
    if (failed !== undefined) throw failed.reason;
    sent += batch.length;
    deps.onSent(sent);
  }
  return sent;
}
