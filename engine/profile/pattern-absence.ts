// `after`, and none of `of` within the time that follows: the abandoned basket.
//
//   A────A──────────────┤ fires   the first A opens; those until it fires belong to it
//   A──A──B             ✗         B answers every A up to it; the next A opens anew
//
// An event of `of` in the very instant of A, or at the very end, answers.
import { type Instant, NEVER, plus } from "../domain/time.ts";
import type { Pattern } from "../rulebook/triggers.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "./bounds.ts";
import { addMark, type Firing, forgetBefore, type Marks, raiseFloor, type Settled } from "./pattern-marks.ts";
import type { PatternMark } from "./state.ts";

type Absence = Extract<Pattern, { kind: "absence" }>;

export const AFTER = 0;
export const OF = 1;

/** `mark.step`: AFTER or OF. What would have fired more than an hour before `arrivedAt` opens nothing. */
export function addToAbsence({ withinMs }: Absence, marks: Marks, mark: PatternMark, arrivedAt: Instant): Marks {
  const horizon = arrivedAt - TRIGGER_FRESH_MS - withinMs;
  if (mark.step === AFTER && mark.at < horizon) return marks;
  const added = addMark(marks, mark);
  // What waits for its timer is not forgotten, however long ago it opened.
  return bound(forgetBefore(added, Math.min(horizon, openOf(added, withinMs)?.at ?? NEVER)), withinMs);
}

/** Fires what is due by `upTo`. */
export function settleAbsence({ withinMs }: Absence, marks: Marks, upTo: Instant): Settled {
  const fired: Firing[] = [];
  let left = marks;
  for (;;) {
    const open = openOf(left, withinMs);
    if (open === undefined) return { marks: left, due: NEVER, fired };
    const due = plus(open.at, withinMs);
    if (due > upTo) return { marks: left, due, fired };
    fired.push({ source: open.source, event: open.event, at: due });
    left = raiseFloor(left, due);
  }
}

/** The first A that nothing has answered. */
function openOf({ events }: Marks, withinMs: number): PatternMark | undefined {
  let answeredAt = Number.NEGATIVE_INFINITY;
  for (const mark of events) {
    if (mark.step !== AFTER || mark.at <= answeredAt) continue;
    const answer = events.find(({ step, at }) => step === OF && at >= mark.at && at <= mark.at + withinMs);
    if (answer === undefined) return mark;
    answeredAt = answer.at;
  }
  return undefined;
}

/** The open A stays; what is settled goes first, then what came right after the open one. */
function bound(marks: Marks, withinMs: number): Marks {
  let bounded = marks;
  while (bounded.events.length > PATTERN_MARKS_MAX) {
    const [first, second] = bounded.events as [PatternMark, PatternMark];
    bounded =
      first === openOf(bounded, withinMs)
        ? { ...bounded, events: bounded.events.filter((mark) => mark !== second) }
        : raiseFloor(bounded, first.at);
  }
  return bounded;
}
