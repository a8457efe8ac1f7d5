// How fast asks are answered just now, so that one which cannot be answered in time is told so at once: those that are let in
// keep their latency.

/** While fewer wait nobody is turned away, and the pace is not measured: a step for a few says nothing of one for many. */
const TURNED_AWAY_FROM = 96;
const MEASURED_FROM = 32;
/** One gap says no more than this: a pause of the machine is not the pace. */
const GAP_MS_MAX = 50;
/** So many answers weigh as much as all before them. */
const MEMORY_ASKS = 512;
/** Part of its deadline that an ask may have to wait for its turn: they go in batches, so half of them wait longer than the mean. */
const SHARE_OF_BURST = 0.6;
/** The same once the queue is no burst any more: all that a long one brings then is that everybody waits for it. */
const SHARE_OF_OVERLOAD = 0.25;
/** And whatever the deadline: a patient ask would stand before those that are not, and all of them would be turned away. */
const OVERLOAD_WAIT_MS_MAX = 60;
/** It is none once somebody had to be turned away, until nobody was for so long. */
const OVERLOAD_MS = 1_000;

export interface AskPace {
  /** Would an ask that comes now be answered soon enough? To be asked once for each: who is turned away counts. */
  readonly admits: (deadlineMs: number) => boolean;
  /** Would one be turned away whatever its deadline? To be asked, too, once for each that is turned away for it. */
  readonly isOver: () => boolean;
  readonly enter: () => void;
  /** `isServed` false: its time was up before its turn came. */
  readonly leave: (isServed: boolean) => void;
}

/** `clock`: milliseconds from any origin, never backwards. */
export function createAskPace(clock: () => number = () => performance.now()): AskPace {
  let waiting = 0;
  let leftAt: number | undefined;
  let turnedAwayAt = Number.NEGATIVE_INFINITY;
  const measured = { ms: 0, asks: 0 };
  /** About how long an ask that comes now waits for its answer, ms; 0 while few wait. */
  const expectedMs = (): number => {
    if (waiting < TURNED_AWAY_FROM || measured.asks < MEASURED_FROM) return 0;
    return (waiting + 1) * (measured.ms / measured.asks);
  };
  const isOverload = (now: number): boolean => now - turnedAwayAt < OVERLOAD_MS;
  const fits = (waitMsMax: number, now: number): boolean => {
    if (expectedMs() <= waitMsMax) return true;
    turnedAwayAt = now;
    return false;
  };
  return {
    admits: (deadlineMs) => {
      const now = clock();
      if (!isOverload(now)) return fits(deadlineMs * SHARE_OF_BURST, now);
      return fits(Math.min(deadlineMs * SHARE_OF_OVERLOAD, OVERLOAD_WAIT_MS_MAX), now);
    },
    isOver: () => {
      const now = clock();
      return isOverload(now) && !fits(OVERLOAD_WAIT_MS_MAX, now);
    },
    enter: () => {
      waiting++;
      if (waiting === MEASURED_FROM) leftAt = clock();
    },
    leave: (isServed) => {
      const now = clock();
      if (leftAt !== undefined) {
        measured.ms += Math.min(GAP_MS_MAX, now - leftAt);
        if (isServed) measured.asks++;
        if (measured.asks > MEMORY_ASKS) {
          measured.ms /= 2;
          measured.asks /= 2;
        }
      }
      waiting--;
      leftAt = waiting >= MEASURED_FROM ? now : undefined;
    },
  };
}
