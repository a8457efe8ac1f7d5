// What a pattern has seen of one customer, and what that amounts to, by the rules PTN-1 to PTN-10 of engine/decide/SPEC.md.
import type { CustomerEvent } from "../domain/event.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import type { PatternMark, PatternState } from "../profile/state.ts";
import type { Pattern, PatternStep } from "../rulebook/triggers.ts";
import { spellsOf, takeIntoSpells } from "./known-spells.ts";
import { inOrder, type KnownPattern } from "./pattern-memory.ts";

export interface PatternFiring {
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
}

export interface PatternTold {
  /** Undefined: there is nothing to remember. */
  readonly after: KnownPattern | undefined;
  readonly fired: readonly PatternFiring[];
}

const NOTHING: KnownPattern = { floor: LONG_AGO, marks: [], due: NEVER };
/** Step under which a stored pattern keeps its floor. */
const FLOOR = 255;
const AFTER = 0;
const OF = 1;

export function patternFrom({ due, marks: [first, ...rest] }: PatternState): KnownPattern {
  if (first === undefined) return { ...NOTHING, due };
  return first.step === FLOOR
    ? { floor: first.at, marks: rest, due }
    : { floor: LONG_AGO, marks: [first, ...rest], due };
}

/** An event that comes in at `arrivedAt`: undefined where it is none of the pattern's. */
export function tellPattern(
  pattern: Pattern,
  before: KnownPattern | undefined,
  event: CustomerEvent,
  arrivedAt: Instant,
): PatternTold | undefined {
  let known = before ?? NOTHING;
  const steps = stepsOf(pattern).flatMap((step, nth) => (isOf(step, event) ? [nth] : []));
  for (const step of steps) {
    const mark: PatternMark = { step, at: event.ts, source: event.source, event: event.id };
    known = take(pattern, known, mark, arrivedAt);
  }
  return steps.length === 0 ? undefined : settled(pattern, known, isTimed(pattern) ? LONG_AGO : arrivedAt);
}

/** Time goes by, or the marks of two profiles were put together. */
export function settled(pattern: Pattern, known: KnownPattern, at: Instant): PatternTold {
  const fired: PatternFiring[] = [];
  let { floor, marks } = known;
  for (;;) {
    const next = nextFiring(pattern, marks);
    const isDue = next !== undefined && (!isTimed(pattern) || next.at <= at);
    if (next === undefined || !isDue) {
      const after = { floor, marks, due: next === undefined ? NEVER : next.at };
      return { after: floor === LONG_AGO && marks.length === 0 ? undefined : after, fired };
    }
    // An event completed it: more than an hour ago that is over. What time completes is never over.
    if (isTimed(pattern) || next.at >= at - TRIGGER_FRESH_MS) fired.push(next);
    floor = Math.max(floor, next.spentUpTo);
    marks = marks.filter((mark) => mark.at > floor);
  }
}

/** Both have seen it: what either knows, settled as far as both are. */
export function patternOfBoth(own: KnownPattern, theirs: KnownPattern): KnownPattern {
  const floor = Math.min(own.floor, theirs.floor);
  const most = Math.max(PATTERN_MARKS_MAX, sizeOf(own), sizeOf(theirs));
  let known: KnownPattern = { floor, marks: own.marks, due: Math.min(own.due, theirs.due) as Instant };
  for (const mark of theirs.marks) known = withMark(known, mark);
  return spendOldest(known, most);
}

function isTimed({ kind }: Pattern): boolean {
  return kind === "absence" || kind === "inactivity";
}

function stepsOf(pattern: Pattern): readonly PatternStep[] {
  switch (pattern.kind) {
    case "sequence":
      return pattern.steps;
    case "absence":
      return [pattern.after, pattern.of];
    case "count":
    case "inactivity":
      return [pattern.of];
  }
}

function isOf({ types, matches }: PatternStep, event: CustomerEvent): boolean {
  return (types.length === 0 || types.includes(event.type)) && matches(event);
}

/** What could complete nothing that is not over for more than an hour is not remembered. */
function take(pattern: Pattern, known: KnownPattern, mark: PatternMark, arrivedAt: Instant): KnownPattern {
  if (pattern.kind === "inactivity") return takeIntoSpells(pattern.forMs, known, mark, arrivedAt);
  const horizon = arrivedAt - TRIGGER_FRESH_MS - pattern.withinMs;
  const answers = pattern.kind === "absence" && mark.step === OF;
  if (mark.at < horizon && !answers) return known;
  const added = withMark(known, mark);
  const open = pattern.kind === "absence" ? openOf(added.marks, pattern.withinMs) : undefined;
  const from = Math.min(horizon, open?.at ?? NEVER);
  const recent = { ...added, marks: added.marks.filter(({ at }) => at >= from) };
  switch (pattern.kind) {
    case "absence":
      return boundAbsence(recent, pattern.withinMs);
    case "count":
      return spendOldest(recent, Math.max(PATTERN_MARKS_MAX, pattern.times));
    case "sequence":
      return boundSequence(recent);
  }
}

function withMark(known: KnownPattern, mark: PatternMark): KnownPattern {
  const isKnown = known.marks.some((other) => inOrder(mark, other) === 0);
  if (mark.at <= known.floor || isKnown) return known;
  return { ...known, marks: [...known.marks, mark].sort(inOrder) };
}

function sizeOf({ floor, marks }: KnownPattern): number {
  return marks.length + (floor === LONG_AGO ? 0 : 1);
}

/** Too many: the oldest are spent, and what is older still with them. */
function spendOldest(known: KnownPattern, most: number): KnownPattern {
  const last = known.marks[known.marks.length - most - 1];
  if (last === undefined) return known;
  const floor = Math.max(known.floor, last.at);
  return { ...known, floor, marks: known.marks.filter(({ at }) => at > floor) };
}

function boundAbsence(known: KnownPattern, withinMs: number): KnownPattern {
  const [first, second] = known.marks;
  if (known.marks.length <= PATTERN_MARKS_MAX || first === undefined) return known;
  const isOpen = openOf(known.marks, withinMs) === first;
  const fewer = isOpen
    ? { ...known, marks: known.marks.filter((mark) => mark !== second) }
    : spendOldest(known, known.marks.length - 1);
  return boundAbsence(fewer, withinMs);
}

/** Of the step with most marks the oldest: of two with as many that which has the older one. */
function boundSequence(known: KnownPattern): KnownPattern {
  if (known.marks.length <= PATTERN_MARKS_MAX) return known;
  const countOf = (step: number): number => known.marks.filter((mark) => mark.step === step).length;
  const most = Math.max(...known.marks.map(({ step }) => countOf(step)));
  const oldest = known.marks.find(({ step }) => countOf(step) === most);
  return boundSequence({ ...known, marks: known.marks.filter((mark) => mark !== oldest) });
}

interface NextFiring extends PatternFiring {
  readonly spentUpTo: number;
}

/** The earliest one; of what time completes also one that is still to come. */
function nextFiring(pattern: Pattern, marks: readonly PatternMark[]): NextFiring | undefined {
  switch (pattern.kind) {
    case "absence": {
      const open = openOf(marks, pattern.withinMs);
      return open && firing(open, open.at + pattern.withinMs, open.at + pattern.withinMs);
    }
    case "inactivity": {
      const [spell] = spellsOf(marks, pattern.forMs);
      return spell && firing(spell.last, spell.last.at + pattern.forMs, spell.last.at);
    }
    case "count": {
      const { times, withinMs } = pattern;
      const last = marks.find((mark, nth) => {
        const first = marks[nth - times + 1];
        return first !== undefined && mark.at - first.at <= withinMs;
      });
      return last && firing(last, last.at, last.at);
    }
    case "sequence":
      return nextChain(marks, pattern.steps.length, pattern.withinMs);
  }
}

function firing({ source, event }: PatternMark, at: number, spentUpTo: number): NextFiring {
  return { source, event, at: at as Instant, spentUpTo };
}

/** The first `after` that no `of` answers: one answers every `after` up to its own instant. */
function openOf(marks: readonly PatternMark[], withinMs: number): PatternMark | undefined {
  return marks.find(({ step, at }) => {
    if (step !== AFTER) return false;
    const isAnswered = marks.some((mark) => mark.step === OF && mark.at >= at && mark.at <= at + withinMs);
    return !isAnswered;
  });
}

/** The last step that comes first of those that end a chain; of its chains the one whose steps are latest names it. */
function nextChain(marks: readonly PatternMark[], steps: number, withinMs: number): NextFiring | undefined {
  for (const last of marks) {
    if (last.step !== steps - 1) continue;
    const first = beginning(marks, [last], last.at - withinMs);
    if (first !== undefined) return firing(first, last.at, last.at);
  }
  return undefined;
}

function beginning(
  marks: readonly PatternMark[],
  chain: readonly PatternMark[],
  notBefore: number,
): PatternMark | undefined {
  const [next] = chain as readonly [PatternMark];
  if (next.step === 0) return next;
  const isTaken = (mark: PatternMark): boolean =>
    chain.some(({ source, event }) => source === mark.source && event === mark.event);
  for (const mark of marks.toReversed()) {
    if (mark.step !== next.step - 1 || mark.at > next.at || mark.at < notBefore || isTaken(mark)) continue;
    const first = beginning(marks, [mark, ...chain], notBefore);
    if (first !== undefined) return first;
  }
  return undefined;
}
