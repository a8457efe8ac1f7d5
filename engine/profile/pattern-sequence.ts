// Steps in order, the last at most so long after the first, in whatever order their events arrive. Fires with the last
// step; of several chains that end there the one whose steps are latest counts, and names its decision by its first event.
// Steps may be of the same instant, but no event is two of them. Whatever happened up to the last step is spent.
import { type Instant, NEVER } from "../domain/time.ts";
import type { Pattern } from "../rulebook/triggers.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "./bounds.ts";
import { addMark, type Firing, forgetBefore, type Marks, raiseFloor, type Settled } from "./pattern-marks.ts";
import type { PatternMark } from "./state.ts";

type Sequence = Extract<Pattern, { kind: "sequence" }>;

/** What could complete nothing but what is over for more than an hour is not kept. */
export function addToSequence({ withinMs }: Sequence, marks: Marks, mark: PatternMark, arrivedAt: Instant): Marks {
  const horizon = arrivedAt - TRIGGER_FRESH_MS - withinMs;
  if (mark.at < horizon) return marks;
  return boundSteps(forgetBefore(addMark(marks, mark), horizon));
}

/** Fires what is complete, unless it was complete more than an hour before `arrivedAt`: that is spent and no more. */
export function settleSequence({ steps, withinMs }: Sequence, marks: Marks, arrivedAt: Instant): Settled {
  const fired: Firing[] = [];
  let left = marks;
  for (;;) {
    const found = earliest(left.events, steps.length, withinMs);
    if (found === undefined) return { marks: left, due: NEVER, fired };
    const { first, last } = found;
    if (last.at >= arrivedAt - TRIGGER_FRESH_MS) fired.push({ source: first.source, event: first.event, at: last.at });
    left = raiseFloor(left, last.at);
  }
}

function earliest(
  events: readonly PatternMark[],
  steps: number,
  withinMs: number,
): { readonly first: PatternMark; readonly last: PatternMark } | undefined {
  for (const last of events) {
    if (last.step !== steps - 1) continue;
    const first = firstOf(events, steps - 2, [last], last.at - withinMs);
    if (first !== undefined) return { first, last };
  }
  return undefined;
}

/** The first step of the chain that ends in `later`, latest steps tried first; `later` begins with its earliest mark. */
function firstOf(
  events: readonly PatternMark[],
  step: number,
  later: readonly PatternMark[],
  notBefore: number,
): PatternMark | undefined {
  const [next] = later as [PatternMark];
  if (step < 0) return next;
  for (let at = events.length - 1; at >= 0; at--) {
    const mark = events[at] as PatternMark;
    if (mark.step !== step || mark.at > next.at || mark.at < notBefore) continue;
    if (later.some(({ source, event }) => source === mark.source && event === mark.event)) continue;
    const first = firstOf(events, step - 1, [mark, ...later], notBefore);
    if (first !== undefined) return first;
  }
  return undefined;
}

/** Of the step that has most marks the oldest goes: the latest ones complete a chain in time. */
function boundSteps(marks: Marks): Marks {
  let bounded = marks;
  while (bounded.events.length > PATTERN_MARKS_MAX) {
    const counts = new Map<number, number>();
    for (const { step } of bounded.events) counts.set(step, (counts.get(step) ?? 0) + 1);
    const most = Math.max(...counts.values());
    const oldest = bounded.events.find(({ step }) => counts.get(step) === most);
    bounded = { ...bounded, events: bounded.events.filter((mark) => mark !== oldest) };
  }
  return bounded;
}
