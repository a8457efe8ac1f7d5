// A step that answers somebody may hold the thread for long. Between two partitions or two customers it lets go of it, so that
// requests are read, and replies of Redis are told, while a large one goes on.

/** Undefined: it has not held the thread for long yet. Else to be awaited: everything else has its turn first. */
export type Breathe = () => Promise<void> | undefined;

/** Holds the thread until it ends. */
export const HOLD: Breathe = () => undefined;

/** For one step, from its beginning. `holdMs`: so long it may go on; 0: as often as it asks, everything else has its turn. */
export function createBreath(holdMs: number): Breathe {
  let since = performance.now();
  return () => {
    if (performance.now() - since < holdMs) return undefined;
    return new Promise((resolve) => {
      // Whoever was woken by a socket would go on before the next look at sockets: that is after the second.
      setImmediate(() =>
        setImmediate(() => {
          since = performance.now();
          resolve();
        }),
      );
    });
  };
}
