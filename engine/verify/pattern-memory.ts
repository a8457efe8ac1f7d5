// What is remembered of a pattern that is not complete.
import type { Instant } from "../domain/time.ts";
import type { PatternMark } from "../profile/state.ts";

export interface KnownPattern {
  /** Everything that happened up to here is settled. */
  readonly floor: number;
  /** What is not settled, by event time. */
  readonly marks: readonly PatternMark[];
  /** When time completes it, if nothing happens. */
  readonly due: Instant;
}

export function inOrder(a: PatternMark, b: PatternMark): number {
  return a.at - b.at || texts(a.source, b.source) || texts(a.event, b.event) || a.step - b.step;
}

function texts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
