/** Wakes one waiting loop; a wake while nobody waits is kept for the next wait. */
export interface Signal {
  readonly wake: () => void;
  readonly wait: () => Promise<void>;
}

export function createSignal(): Signal {
  let isAwake = false;
  let resume: (() => void) | undefined;
  return {
    wake: () => {
      isAwake = true;
      resume?.();
    },
    wait: async () => {
      if (!isAwake) await new Promise<void>((resolve) => (resume = resolve));
      resume = undefined;
      isAwake = false;
    },
  };
}
