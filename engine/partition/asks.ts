// The queue of asks: bounded, each answered exactly once, in time or by its placements' fallback.

import type { DecisionId, PartitionIndex } from "../domain/ids.ts";
import type { Ask, AskAnswer } from "../engine.ts";
import type { WaitingAsk } from "./questions.ts";

export interface AskQueue {
  readonly add: (ask: Ask, partition: PartitionIndex, id: DecisionId) => Promise<AskAnswer>;
  /** Those that still wait for an answer, oldest first, at most `countMax`; whose time is up are gone. */
  readonly take: (countMax: number) => readonly WaitingAsk[];
  readonly length: () => number;
}

export interface AskQueueOptions {
  readonly asksMax: number;
  readonly wake: () => void;
}

export function createAskQueue({ asksMax, wake }: AskQueueOptions): AskQueue {
  let queue: WaitingAsk[] = [];
  const add = (ask: Ask, partition: PartitionIndex, id: DecisionId): Promise<AskAnswer> => {
    if (queue.length >= asksMax) return Promise.resolve({ kind: "overloaded", retryAfterMs: 1_000 });
    return new Promise((resolve) => {
      const waiting: WaitingAsk = {
        ask,
        partition,
        id,
        isAnswered: false,
        answer: (answer) => {
          if (waiting.isAnswered) return;
          waiting.isAnswered = true;
          clearTimeout(deadline);
          resolve(answer);
        },
      };
      const deadline = setTimeout(() => waiting.answer({ kind: "fallback", why: "deadline" }), ask.deadlineMs);
      queue.push(waiting);
      wake();
    });
  };
  const take = (countMax: number): readonly WaitingAsk[] => {
    const taken: WaitingAsk[] = [];
    let at = 0;
    for (; at < queue.length && taken.length < countMax; at++) {
      const waiting = queue[at] as WaitingAsk;
      if (!waiting.isAnswered) taken.push(waiting);
    }
    queue = at === queue.length ? [] : queue.slice(at);
    return taken;
  };
  return { add, take, length: () => queue.length };
}
