/** Things that happen after a while, which all end when the simulation does. */
export interface Later {
  /** Runs it after `ms`, unless stopped before or too much is waiting already. */
  readonly after: (ms: number, run: () => void) => void;
  readonly stop: () => void;
}

export function createLater(waitingMax: number): Later {
  const timers = new Set<NodeJS.Timeout>();
  let isStopped = false;
  return {
    after: (ms, run) => {
      if (isStopped || timers.size >= waitingMax) return;
      const timer = setTimeout(() => {
        timers.delete(timer);
        run();
      }, ms);
      timers.add(timer);
    },
    stop: () => {
      isStopped = true;
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
    },
  };
}
