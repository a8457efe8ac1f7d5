// From an ask to its answer: queued for the partition of its key; under a joined anonymous key asked again for the customer,
// by whoever asked where that is to be told.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";
import { partitionOf } from "../domain/partition-of.ts";
import type { Ask, AskAnswer } from "../engine.ts";
import { release } from "./after-session.ts";
import { CONFLICT, type WaitingAsk } from "./asks.ts";
import type { LoopState } from "./decision-loop.ts";
import { findDecision } from "./find-decision.ts";
import { askId } from "./questions.ts";
import { routesOf } from "./routes.ts";
import type { Session } from "./session.ts";
import { isTrouble, whyNotHere } from "./trouble.ts";

const RETRY_AFTER_MS = 1_000;
/** A partition on its way from one engine to another is open again after about this. */
const MOVING_MS = 250;

export function notHere(partition: PartitionIndex): Extract<AskAnswer, { kind: "unavailable" }> {
  return { kind: "unavailable", why: whyNotHere(partition), retryAfterMs: MOVING_MS };
}

export async function answerAsk(state: LoopState, ask: Ask): Promise<AskAnswer> {
  const { session } = state;
  if (session === undefined || state.isStopping) {
    return { kind: "unavailable", why: state.why, retryAfterMs: RETRY_AFTER_MS };
  }
  const partition = partitionOf(ask.key, state.options.partitions);
  if (!session.isOpen(partition)) return notHere(partition);
  const id = askId(partition, ask, state.random);
  return await state.asks.add(ask, { partition, id }, async () => {
    const before = await findDecision(session.journal, partition, id);
    if (before === undefined) return undefined;
    return before.record.requestHash === ask.requestHash ? { kind: "decided", ...before } : CONFLICT;
  });
}

/** Asks for the customer in what is left of the time, and tells those who asked under the anonymous key. */
export async function redirectAsk(
  state: LoopState,
  session: Session,
  waiting: WaitingAsk,
  customer: CustomerKey,
): Promise<void> {
  const deadlineMs = Math.max(1, waiting.remainingMs());
  const answer = await routesOf(state).ask({ ...waiting.ask, key: customer, deadlineMs });
  const isLate = !waiting.isAwaited();
  waiting.settle(answer);
  if (!isLate || answer.kind !== "decided") return;
  try {
    await release(state, session.journal, answer.record);
  } catch (error) {
    if (!isTrouble(error)) throw error; // else the next session gives back what was reserved
  }
}
