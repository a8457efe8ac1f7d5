// So many of them within a time: fires with the last one, and then counts anew. Whatever happened up to the instant in
// which it fires is spent.
import { type Instant, NEVER } from "../domain/time.ts";
import type { Pattern } from "../rulebook/triggers.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "./bounds.ts";
import {
  addMark,
  boundMarks,
  type Firing,
  forgetBefore,
  type Marks,
  raiseFloor,
  type Settled,
} from "./pattern-marks.ts";
import type { PatternMark } from "./state.ts";

type Count = Extract<Pattern, { kind: "count" }>;

/** What could complete nothing but what is over for more than an hour is not kept. */
export function addToCount({ times, withinMs }: Count, marks: Marks, mark: PatternMark, arrivedAt: Instant): Marks {
  const horizon = arrivedAt - TRIGGER_FRESH_MS - withinMs;
  if (mark.at < horizon) return marks;
  return boundMarks(forgetBefore(addMark(marks, mark), horizon), Math.max(PATTERN_MARKS_MAX, times));
}

/** Fires what is complete, unless it was complete more than an hour before `arrivedAt`: that is spent and no more. */
export function settleCount({ times, withinMs }: Count, marks: Marks, arrivedAt: Instant): Settled {
  const fired: Firing[] = [];
  let left = marks;
  for (;;) {
    const { events } = left;
    const at = events.findIndex((mark, index) => {
      const first = events[index - times + 1];
      return first !== undefined && mark.at - first.at <= withinMs;
    });
    const last = events[at];
    if (last === undefined) return { marks: left, due: NEVER, fired };
    if (last.at >= arrivedAt - TRIGGER_FRESH_MS) fired.push({ source: last.source, event: last.event, at: last.at });
    left = raiseFloor(left, last.at);
  }
}
