// Answers that their callers do not read as fast as they are written. One connection has at most one, since the library closes
// whoever sends a request before the answer to the last one is out; here is the bound over all of them.

export interface Unsent {
  /** How many answers are not all out. */
  readonly count: () => number;
  /** False where so many bytes more may not be kept: nothing is counted then, and the connection is to be closed. */
  readonly keep: (bytes: number) => boolean;
  /** What was kept is out, or its connection is gone. */
  readonly letGo: (bytes: number) => void;
}

/** `bytesMax`: of all that is kept. What is shared by all answers, as a file is, counts 0 bytes. */
export function createUnsent(bytesMax: number): Unsent {
  const kept = { count: 0, bytes: 0 };
  return {
    count: () => kept.count,
    keep: (bytes) => {
      if (kept.bytes + bytes > bytesMax) return false;
      kept.count++;
      kept.bytes += bytes;
      return true;
    },
    letGo: (bytes) => {
      kept.count--;
      kept.bytes -= bytes;
    },
  };
}
