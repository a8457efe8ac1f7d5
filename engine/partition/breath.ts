// A step may hold the thread for long. Between two partitions or two customers it lets go of it, so that requests are read,
// and replies of Redis are told, while a large one goes on.

/** Undefined: it has not held the thread for long yet. Else to be awaited: everything else has its turn first. */
export type Breathe = () => Promise<void> | undefined;

/** Holds the thread until it ends. */
export const HOLD: Breathe = () => undefined;

/** Below the 5 ms that the loop may be late (p99), with what a last piece, a collection or a reply takes. */
const HOLD_MS = 4;

/** For one step, from its beginning. */
export function createBreath(): Breathe {
  let since = performance.now();
  return () => {
    if (performance.now() - since < HOLD_MS) return undefined;
    return new Promise((resolve) => {
      setImmediate(() => {
        since = performance.now();
        resolve();
      });
    });
  };
}
