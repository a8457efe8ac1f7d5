// The marks of a pattern: the events that still count for it, by event time. Up to its *floor* a pattern is settled: what
// happened by then has fired, or has been spent by something that fired, and nothing that comes late changes it.
//
//   floor      A        A      B                A          marks in order of event time; of the same
//   ──┃────────●────────●──────●────────────────●──▶       instant in order of source, id and step
//     settled  may still count
import type { Instant } from "../domain/time.ts";
import { LONG_AGO } from "../domain/time.ts";
import { PATTERN_MARKS_MAX } from "./bounds.ts";
import type { PatternMark } from "./state.ts";

/** Step of the mark that is no event of the pattern, but its floor. */
export const FLOOR_STEP = 255;

export interface Marks {
  readonly floor: Instant;
  /** After the floor, in order. */
  readonly events: readonly PatternMark[];
}

/** A pattern that is complete. */
export interface Firing {
  /** The event that names the decision: source and id. */
  readonly source: string;
  readonly event: string;
  /** Event time at which the pattern was complete. */
  readonly at: Instant;
}

/** What a pattern is once everything is settled that can be. */
export interface Settled {
  readonly marks: Marks;
  /** When it is complete if nothing happens. */
  readonly due: Instant;
  readonly fired: readonly Firing[];
}

const NO_MARKS: Marks = { floor: LONG_AGO, events: [] };

export function readMarks(written: readonly PatternMark[] | undefined): Marks {
  const first = written?.[0];
  if (written === undefined || first === undefined) return NO_MARKS;
  return first.step === FLOOR_STEP
    ? { floor: first.at, events: written.slice(1) }
    : { floor: LONG_AGO, events: written };
}

export function writeMarks({ floor, events }: Marks): readonly PatternMark[] {
  return floor === LONG_AGO ? events : [{ step: FLOOR_STEP, at: floor, source: "", event: "" }, ...events];
}

/** With one more event; the same object where it is known already, or lies at the floor or below. */
export function addMark(marks: Marks, mark: PatternMark): Marks {
  if (mark.at <= marks.floor) return marks;
  const at = marks.events.findIndex((other) => compareMarks(mark, other) <= 0);
  if (at < 0) return { ...marks, events: [...marks.events, mark] };
  if (compareMarks(mark, marks.events[at] as PatternMark) === 0) return marks;
  return { ...marks, events: marks.events.toSpliced(at, 0, mark) };
}

export function compareMarks(a: PatternMark, b: PatternMark): number {
  return a.at - b.at || compareTexts(a.source, b.source) || compareTexts(a.event, b.event) || a.step - b.step;
}

/** Everything up to `floor` is settled and forgotten. */
export function raiseFloor(marks: Marks, floor: Instant): Marks {
  return floor <= marks.floor ? marks : { floor, events: marks.events.filter(({ at }) => at > floor) };
}

/** Without what happened before `horizon`. */
export function forgetBefore(marks: Marks, horizon: number): Marks {
  const first = marks.events[0];
  if (first === undefined || first.at >= horizon) return marks;
  return { ...marks, events: marks.events.filter(({ at }) => at >= horizon) };
}

/** At most `max` events: the oldest go, and what is older still does not count any more either. */
export function boundMarks(marks: Marks, max: number = PATTERN_MARKS_MAX): Marks {
  const excess = marks.events.length - max;
  return excess <= 0 ? marks : raiseFloor(marks, (marks.events[excess - 1] as PatternMark).at);
}

function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
