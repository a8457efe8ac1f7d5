// The queue of asks: bounded, each answered exactly once, in time or by its placements' fallback. Whoever asks under an
// Idempotency-Key while its first ask is not through yet joins that one: the journal does not know of it before its commit.
import type { DecisionId, PartitionIndex } from "../domain/ids.ts";
import type { Ask, AskAnswer } from "../engine.ts";
import { createAskPace } from "./ask-pace.ts";

/** One question that waits for its commit, and everybody who waits for its answer. */
export interface WaitingAsk {
  readonly ask: Ask;
  readonly partition: PartitionIndex;
  readonly id: DecisionId;
  /** Does anybody wait still? Otherwise all were answered by the fallback, or it is settled. */
  readonly isAwaited: () => boolean;
  readonly isSettled: () => boolean;
  /** How long the most patient of them still waits; 0 where nobody does. */
  readonly remainingMs: () => number;
  /** Answers those who wait still. Only the first time counts. */
  readonly settle: (answer: AskAnswer) => void;
}

export interface AskQueue {
  /** `before`: what the journal says of an earlier ask under the same Idempotency-Key. */
  readonly add: (
    ask: Ask,
    place: { readonly partition: PartitionIndex; readonly id: DecisionId },
    before: () => Promise<AskAnswer | undefined>,
  ) => Promise<AskAnswer>;
  /** Those that somebody waits for, oldest first, at most `countMax`; whose time is up are gone. */
  readonly take: (countMax: number) => readonly WaitingAsk[];
  readonly length: () => number;
  /** An ask that came now would be turned away, whatever its deadline: to be asked once for each that is. */
  readonly isOver: () => boolean;
}

export interface AskQueueOptions {
  readonly asksMax: number;
  readonly wake: () => void;
}

const LATE: AskAnswer = { kind: "fallback", why: "deadline" };
const RETRY_AFTER_MS = 1_000;

export function createAskQueue({ asksMax, wake }: AskQueueOptions): AskQueue {
  let queue: JoinableAsk[] = [];
  let lookedUp = 0;
  const keyed = new Map<DecisionId, JoinableAsk>();
  const pace = createAskPace();
  const isFull = (): boolean => queue.length + lookedUp >= asksMax;
  const push = (waiting: JoinableAsk): void => {
    queue.push(waiting);
    wake();
  };
  const lookUp = async (waiting: JoinableAsk, before: () => Promise<AskAnswer | undefined>): Promise<void> => {
    lookedUp++;
    try {
      const found = await before();
      if (found === undefined) push(waiting);
      else waiting.settle(found);
    } catch (error) {
      waiting.settle({ kind: "unavailable", why: String(error), retryAfterMs: RETRY_AFTER_MS });
    } finally {
      lookedUp--;
    }
  };
  return {
    add: async (ask, { partition, id }, before) => {
      const standing = keyed.get(id);
      if (standing !== undefined) {
        const isSame = standing.ask.requestHash === ask.requestHash;
        return isSame ? await standing.join(ask.deadlineMs) : CONFLICT;
      }
      if (isFull() || !pace.admits(ask.deadlineMs)) return { kind: "overloaded", retryAfterMs: RETRY_AFTER_MS };
      const waiting = createWaitingAsk(ask, partition, id, (answer) => {
        keyed.delete(id);
        pace.leave(answer !== LATE);
      });
      pace.enter();
      const answer = waiting.join(ask.deadlineMs);
      if (ask.idempotencyKey === undefined) push(waiting);
      else {
        keyed.set(id, waiting);
        void lookUp(waiting, before);
      }
      return await answer;
    },
    take: (countMax) => {
      const taken: WaitingAsk[] = [];
      let at = 0;
      for (; at < queue.length && taken.length < countMax; at++) {
        const waiting = queue[at] as JoinableAsk;
        if (waiting.isAwaited()) taken.push(waiting);
        else waiting.settle(LATE);
      }
      queue = at === queue.length ? [] : queue.slice(at);
      return taken;
    },
    length: () => queue.length,
    isOver: () => isFull() || pace.isOver(),
  };
}

export const CONFLICT: AskAnswer = {
  kind: "conflict",
  why: "this Idempotency-Key was used with another request",
};

interface JoinableAsk extends WaitingAsk {
  /** Waits with the others, at most this long. */
  readonly join: (deadlineMs: number) => Promise<AskAnswer>;
}

function createWaitingAsk(
  ask: Ask,
  partition: PartitionIndex,
  id: DecisionId,
  onSettled: (answer: AskAnswer) => void,
): JoinableAsk {
  const waiters = new Set<(answer: AskAnswer) => void>();
  let isSettled = false;
  let lastDeadline = 0;
  return {
    ask,
    partition,
    id,
    isAwaited: () => waiters.size > 0,
    isSettled: () => isSettled,
    remainingMs: () => (waiters.size === 0 ? 0 : Math.max(0, lastDeadline - performance.now())),
    join: (deadlineMs) =>
      new Promise((resolve) => {
        const answer = (given: AskAnswer): void => {
          clearTimeout(deadline);
          waiters.delete(answer);
          resolve(given);
        };
        const deadline = setTimeout(() => answer(LATE), deadlineMs);
        waiters.add(answer);
        lastDeadline = Math.max(lastDeadline, performance.now() + deadlineMs);
      }),
    settle: (answer) => {
      if (isSettled) return;
      isSettled = true;
      onSettled(answer);
      for (const waiter of waiters) waiter(answer);
    },
  };
}
