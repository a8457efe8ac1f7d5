// One message to one webhook, until it is delivered or given up: attempts with backoff and full jitter (Brooker, "Exponential
// Backoff And Jitter", 2015), no longer than it may be sent.
import type { NotDelivered } from "../partition/not-delivered.ts";
import type { DispatchItem } from "./dispatch-items.ts";
import { backoffMs, type LaneDeps, lastSending, reportUnsent, verdictOf, wordsOf } from "./dispatch-lane.ts";
import type { Halt } from "./waker.ts";
import type { WebhookChannel } from "./webhook-channel.ts";
import type { Posted } from "./webhook-post.ts";

export interface DeliveryDeps extends LaneDeps {
  /** As the rulebook of the moment has it. */
  readonly webhook: (item: DispatchItem) => WebhookChannel;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

type Attempt =
  | Posted
  | { readonly kind: "unsent"; readonly why: NotDelivered }
  | { readonly kind: "waited" }
  | { readonly kind: "unknown"; readonly why: string };

const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 60_000;

/** False where it was halted before it was known what becomes of it. */
export async function deliver(deps: DeliveryDeps, item: DispatchItem, halt: Halt): Promise<boolean> {
  let unknown = 0;
  for (let failures = 0; !halt.isHalted(); ) {
    const result = await attempt(deps, item, halt);
    switch (result.kind) {
      case "waited":
        break;
      case "delivered":
        deps.metrics.onDelivery(item.channel.name, "delivered", 1);
        return await untilDone(deps, item, halt, () => deps.delivered(item.key, item.trackingCode));
      case "refused":
        return await untilDone(deps, item, halt, () => reportUnsent(deps, item, "refused"));
      case "unsent":
        return await untilDone(deps, item, halt, () => reportUnsent(deps, item, result.why));
      case "failed": {
        deps.metrics.onDelivery(item.channel.name, "retried", 1);
        const longest = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(failures++, 10));
        await halt.sleep(Math.max(Math.min(result.afterMs ?? 0, RETRY_MS_MAX), longest * deps.random()));
        break;
      }
      case "unknown":
        // The partition has gone, or its loop is recovering: then this lane is about to end, or may ask again soon.
        await halt.sleep(backoffMs(unknown++));
    }
  }
  return false;
}

/** Waits for its turn at the gate, looks whether it may still be sent, and posts it. Never rejects. */
async function attempt(deps: DeliveryDeps, item: DispatchItem, halt: Halt): Promise<Attempt> {
  const { gate, post } = deps.webhook(item);
  try {
    const remainingMs = lastSending(item) - deps.now(item.key);
    if (remainingMs <= 0) return { kind: "unsent", why: "too-old" };
    if (!(await gate.enter(remainingMs, halt))) return { kind: "waited" };
    return await pass(deps, item, halt, gate, post);
  } catch (error) {
    return { kind: "unknown", why: wordsOf(error) };
  }
}

/** Rejects where the loop cannot tell just now whether it may be sent. */
async function pass(
  deps: DeliveryDeps,
  item: DispatchItem,
  halt: Halt,
  gate: WebhookChannel["gate"],
  post: WebhookChannel["post"],
): Promise<Attempt> {
  let posted: Posted | undefined;
  try {
    const verdict = await verdictOf(deps, item);
    if (halt.isHalted()) return { kind: "waited" };
    if (verdict !== "send") return { kind: "unsent", why: verdict };
    posted = await post(item);
    return posted;
  } finally {
    if (posted === undefined) gate.leave("unknown");
    else if (posted.kind === "failed") gate.leave("failed", posted.afterMs);
    else gate.leave("well");
  }
}

/** What became of it must be in the log before the next message of this customer is sent. */
async function untilDone(
  deps: DeliveryDeps,
  item: DispatchItem,
  halt: Halt,
  report: () => Promise<void>,
): Promise<boolean> {
  for (let failures = 0; !halt.isHalted(); failures++) {
    try {
      await report();
      return true;
    } catch (error) {
      deps.log.warn("what became of a message cannot be noted yet", {
        channel: item.channel.name,
        why: wordsOf(error),
      });
      await halt.sleep(backoffMs(failures));
    }
  }
  return false;
}
