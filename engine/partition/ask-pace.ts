// How fast asks are answered just now, so that one which cannot be answered in time is told so at once: those that are let in
// keep their latency.

/** While fewer wait nobody is turned away, and the pace is not measured: a step for a few says nothing of one for many. */
const TURNED_AWAY_FROM = 64;
const MEASURED_FROM = 32;
/** One gap says no more than this: a pause of the machine is not the pace. */
const GAP_MS_MAX = 50;
/** So many answers weigh as much as all before them. */
const MEMORY_ASKS = 512;

export interface AskPace {
  /** About how long an ask that comes now waits for its answer, ms; 0 while few wait. */
  readonly expectedMs: () => number;
  readonly enter: () => void;
  /** `isServed` false: its time was up before its turn came. */
  readonly leave: (isServed: boolean) => void;
}

export function createAskPace(): AskPace {
  let waiting = 0;
  let leftAt: number | undefined;
  const measured = { ms: 0, asks: 0 };
  return {
    expectedMs: () => {
      if (waiting < TURNED_AWAY_FROM || measured.asks < MEASURED_FROM) return 0;
      return (waiting + 1) * (measured.ms / measured.asks);
    },
    enter: () => {
      waiting++;
      if (waiting === MEASURED_FROM) leftAt = performance.now();
    },
    leave: (isServed) => {
      const now = performance.now();
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
