// Somebody who sleeps until there is something to do, and what ends every sleep.

export interface Waker {
  /** Ends the wait under way, or the next one at once. */
  readonly wake: () => void;
  /** At most `ms`, where given. */
  readonly wait: (ms?: number) => Promise<void>;
}

export interface Halt {
  readonly isHalted: () => boolean;
  readonly halt: () => void;
  /** Ends early, and at once from then on, where it is halted. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Returns how to listen no more. A listener that comes too late is told at once. */
  readonly onHalt: (listener: () => void) => () => void;
}

export function createWaker(): Waker {
  let isWoken = false;
  let end = (): void => undefined;
  return {
    wake: () => {
      isWoken = true;
      end();
    },
    wait: async (ms) => {
      if (!isWoken) {
        await new Promise<void>((resolve) => {
          const timer = ms === undefined ? undefined : setTimeout(() => end(), Math.max(0, ms));
          end = () => {
            clearTimeout(timer);
            resolve();
          };
        });
      }
      end = () => undefined;
      isWoken = false;
    },
  };
}

export function createHalt(): Halt {
  let isHalted = false;
  const listeners = new Set<() => void>();
  const onHalt = (listener: () => void): (() => void) => {
    if (isHalted) listener();
    else listeners.add(listener);
    return () => void listeners.delete(listener);
  };
  return {
    isHalted: () => isHalted,
    halt: () => {
      isHalted = true;
      for (const listener of listeners) listener();
      listeners.clear();
    },
    sleep: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => end(), ms);
        let off = (): void => undefined;
        const end = (): void => {
          clearTimeout(timer);
          off();
          resolve();
        };
        off = onHalt(end);
      }),
    onHalt,
  };
}
