// Patterns of events in time: what a pattern keeps of the events that it has seen, what is due, what fires. All by event
// time: the order in which events arrive changes nothing that has not fired yet. Pure: folding again fires the same.
import type { CustomerEvent } from "../domain/event.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import type { PatternStep, Trigger } from "../rulebook/triggers.ts";
import { AFTER, addToAbsence, OF, settleAbsence } from "./pattern-absence.ts";
import { addToCount, settleCount } from "./pattern-count.ts";
import { addToInactivity, settleInactivity } from "./pattern-inactivity.ts";
import { type Firing, type Marks, readMarks, type Settled, writeMarks } from "./pattern-marks.ts";
import { addToSequence, settleSequence } from "./pattern-sequence.ts";
import type { PatternMark, PatternState } from "./state.ts";

/** A trigger of kind `pattern`. */
export type PatternTrigger = Pick<Trigger, "keptAs"> & { readonly pattern: NonNullable<Trigger["pattern"]> };

export interface PatternChange {
  /** Undefined: there is nothing to remember. */
  readonly after: PatternState | undefined;
  /** In the order of event time. */
  readonly fired: readonly Firing[];
  readonly isChanged: boolean;
}

export function isPattern(trigger: Trigger): trigger is Trigger & PatternTrigger {
  return trigger.pattern !== undefined;
}

/**
 * Takes in one event. Fires what it completes: sequence and count; what time completes is left to `firePattern`.
 * @param arrivedAt the log's time of the event: what would have been complete more than an hour before fires nothing
 */
export function foldPattern(
  { keptAs, pattern }: PatternTrigger,
  before: PatternState | undefined,
  event: CustomerEvent,
  arrivedAt: Instant,
): PatternChange {
  const marks = readMarks(before?.marks);
  let added = marks;
  const mark = (step: number): PatternMark => ({ step, at: event.ts, source: event.source, event: event.id });
  switch (pattern.kind) {
    case "absence":
      if (isOf(pattern.after, event)) added = addToAbsence(pattern, added, mark(AFTER), arrivedAt);
      if (isOf(pattern.of, event)) added = addToAbsence(pattern, added, mark(OF), arrivedAt);
      return changeOf(keptAs, before, marks, settleAbsence(pattern, added, LONG_AGO));
    case "inactivity":
      if (isOf(pattern.of, event)) added = addToInactivity(pattern, added, mark(0), arrivedAt);
      return changeOf(keptAs, before, marks, settleInactivity(pattern, added, LONG_AGO));
    case "count":
      if (isOf(pattern.of, event)) added = addToCount(pattern, added, mark(0), arrivedAt);
      return changeOf(keptAs, before, marks, settleCount(pattern, added, arrivedAt));
    case "sequence":
      for (const [step, one] of pattern.steps.entries()) {
        if (isOf(one, event)) added = addToSequence(pattern, added, mark(step), arrivedAt);
      }
      return changeOf(keptAs, before, marks, settleSequence(pattern, added, arrivedAt));
  }
}

/**
 * Fires what is due at `at`, however late the timer is; and what the marks of two profiles put together complete, unless it
 * was complete more than an hour before.
 */
export function firePattern({ keptAs, pattern }: PatternTrigger, before: PatternState, at: Instant): PatternChange {
  const marks = readMarks(before.marks);
  switch (pattern.kind) {
    case "absence":
      return changeOf(keptAs, before, marks, settleAbsence(pattern, marks, at));
    case "inactivity":
      return changeOf(keptAs, before, marks, settleInactivity(pattern, marks, at));
    case "count":
      return changeOf(keptAs, before, marks, settleCount(pattern, marks, at));
    case "sequence":
      return changeOf(keptAs, before, marks, settleSequence(pattern, marks, at));
  }
}

/** A rule error of its filter counts as no; so the compiled filter says. */
function isOf(step: PatternStep, event: CustomerEvent): boolean {
  return (step.types.length === 0 || step.types.includes(event.type)) && step.matches(event);
}

function changeOf(
  keptAs: PatternTrigger["keptAs"],
  before: PatternState | undefined,
  marks: Marks,
  settled: Settled,
): PatternChange {
  const { fired, due } = settled;
  if (settled.marks === marks && due === (before?.due ?? NEVER)) return { after: before, fired, isChanged: false };
  const written = writeMarks(settled.marks);
  const after = written.length === 0 ? undefined : { pattern: keptAs, due, marks: written };
  return { after, fired, isChanged: after !== undefined || before !== undefined };
}
