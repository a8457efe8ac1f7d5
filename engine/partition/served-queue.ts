// Questions that are answered between two steps of the loop: bounded, and told only once what they saw is committed.
import { Unavailable } from "./trouble.ts";

/** More wait than may: asking again after a moment helps. */
export class Overloaded extends Error {
  override readonly name = "Overloaded";
}

export type Waiting<Wanted, Told> = Wanted & {
  /** Of these two only the first call counts. */
  readonly resolve: (told: Told) => void;
  readonly reject: (error: Error) => void;
};

export interface ServedQueue<Wanted, Told> {
  /**
   * Rejects at once with Overloaded where too many wait; with Unavailable where the session ends before it is served, and where
   * it is not told within the time that it has.
   */
  readonly add: (wanted: Wanted) => Promise<Told>;
  /** Oldest first. */
  readonly take: (countMax: number) => readonly Waiting<Wanted, Told>[];
  /** How many were not taken yet. */
  readonly length: () => number;
  /** The session is over: who is left is told so. */
  readonly refuse: (why: string) => void;
}

/** `waitingMax` counts those that were taken and are not told yet, too. `what` they are, in the plural. `withinMs`: of each. */
export function createServedQueue<Wanted extends object, Told>(options: {
  readonly waitingMax: number;
  readonly what: string;
  readonly withinMs: number;
  readonly wake: () => void;
}): ServedQueue<Wanted, Told> {
  const { waitingMax, what, withinMs, wake } = options;
  const queue: Waiting<Wanted, Told>[] = [];
  let untold = 0;
  return {
    add: (wanted) => {
      if (untold >= waitingMax) return Promise.reject(new Overloaded(`${waitingMax} ${what} wait already`));
      untold++;
      let timer: NodeJS.Timeout | undefined;
      const told = new Promise<Told>((resolve, reject) => {
        const waiting = { ...wanted, resolve, reject };
        queue.push(waiting);
        timer = setTimeout(() => {
          const at = queue.indexOf(waiting);
          if (at >= 0) queue.splice(at, 1);
          reject(new Unavailable(`of ${what} this one was not served within ${withinMs} ms`));
        }, withinMs);
      });
      wake();
      return told.finally(() => {
        clearTimeout(timer);
        untold--;
      });
    },
    take: (countMax) => queue.splice(0, countMax),
    length: () => queue.length,
    refuse: (why) => refuseAll(queue.splice(0), why),
  };
}

/** Nobody is left waiting for a session that has ended. */
export function refuseAll(waiting: readonly { readonly reject: (error: Error) => void }[], why: string): void {
  for (const { reject } of waiting) reject(new Unavailable(why));
}
