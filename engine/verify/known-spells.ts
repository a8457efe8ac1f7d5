// Spells of activity: events that follow one another within the time of an inactivity. Of each its first and its last event are
// remembered, so that any number of events takes the same room.
import type { Instant } from "../domain/time.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import type { PatternMark } from "../profile/state.ts";
import { inOrder, type KnownPattern } from "./pattern-memory.ts";

interface Spell {
  readonly first: PatternMark;
  readonly last: PatternMark;
}

const SPELLS_MAX = PATTERN_MARKS_MAX / 2;

/** Where marks of two profiles were put together, their spells may overlap: then they are one. */
export function spellsOf(marks: readonly PatternMark[], forMs: number): readonly Spell[] {
  const spells: Spell[] = [];
  const opened: PatternMark[] = [];
  for (const mark of marks.toSorted((a, b) => a.at - b.at || a.step - b.step || inOrder(a, b))) {
    if (mark.step === 0) {
      opened.push(mark);
      continue;
    }
    const [first] = opened;
    if (first === undefined) continue;
    if (opened.length > 1) {
      opened.pop();
      continue;
    }
    opened.length = 0;
    const before = spells.at(-1);
    const goesOn = before !== undefined && first.at - before.last.at <= forMs;
    if (goesOn) spells.pop();
    spells.push({ first: goesOn ? before.first : first, last: mark });
  }
  return spells;
}

/** What alone would have been over for more than an hour begins no spell. */
export function takeIntoSpells(
  forMs: number,
  known: KnownPattern,
  mark: PatternMark,
  arrivedAt: Instant,
): KnownPattern {
  if (mark.at <= known.floor) return known;
  const spells = spellsOf(known.marks, forMs);
  const joined = spells.filter(({ first, last }) => mark.at >= first.at - forMs && mark.at <= last.at + forMs);
  if (joined.length === 0 && mark.at < arrivedAt - TRIGGER_FRESH_MS - forMs) return known;
  const first = [mark, ...joined.map((spell) => spell.first)].reduce((a, b) => (isLater(a, b) ? b : a));
  const last = [mark, ...joined.map((spell) => spell.last)].reduce((a, b) => (isLater(b, a) ? b : a));
  const all = [...spells.filter((spell) => !joined.includes(spell)), { first, last }]
    .sort((a, b) => a.first.at - b.first.at)
    .slice(-SPELLS_MAX);
  const marks = all.flatMap((spell) => [
    { ...spell.first, step: 0 },
    { ...spell.last, step: 1 },
  ]);
  return { ...known, marks };
}

/** Of two events of one instant the earlier name is the first, and the later name the last. */
function isLater(a: PatternMark, b: PatternMark): boolean {
  return inOrder({ ...a, step: 0 }, { ...b, step: 0 }) > 0;
}
