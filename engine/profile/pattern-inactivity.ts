// Nothing for a while after the last event. Kept are not the events but the *spells* of activity, whose events follow one
// another within that while: two marks each, so that any number of events takes the same room.
//
//   x─x──x───────────┤ fires      x──x─x─x────── due at the last one + for
//   first    last                 first    last
import { type Instant, NEVER, plus } from "../domain/time.ts";
import type { Pattern } from "../rulebook/triggers.ts";
import { PATTERN_MARKS_MAX, TRIGGER_FRESH_MS } from "./bounds.ts";
import { compareMarks, type Firing, type Marks, raiseFloor, type Settled } from "./pattern-marks.ts";
import type { PatternMark } from "./state.ts";

type Inactivity = Extract<Pattern, { kind: "inactivity" }>;

interface Spell {
  readonly first: PatternMark;
  readonly last: PatternMark;
}

const FIRST = 0;
const LAST = 1;
const SPELLS_MAX = PATTERN_MARKS_MAX / 2;

/** An event that would have fired alone more than an hour before `arrivedAt` begins no spell of its own. */
export function addToInactivity({ forMs }: Inactivity, marks: Marks, mark: PatternMark, arrivedAt: Instant): Marks {
  if (mark.at <= marks.floor) return marks;
  const spells = spellsOf(marks, forMs);
  const joins = ({ first, last }: Spell): boolean => mark.at >= first.at - forMs && mark.at <= last.at + forMs;
  const joined = spells.filter(joins);
  if (joined.length === 0 && mark.at < arrivedAt - TRIGGER_FRESH_MS - forMs) return marks;
  const firsts = [mark, ...joined.map(({ first }) => first)].sort(byName);
  const lasts = [mark, ...joined.map(({ last }) => last)].sort(byName);
  const spell: Spell = { first: firsts[0] as PatternMark, last: lasts.at(-1) as PatternMark };
  const before = joined[0];
  if (joined.length === 1 && before?.first === spell.first && before.last === spell.last) return marks;
  const others = spells.filter((other) => !joined.includes(other));
  const all = [...others, spell].sort((a, b) => a.first.at - b.first.at).slice(-SPELLS_MAX);
  return {
    floor: marks.floor,
    events: all.flatMap(({ first, last }) => [
      { ...first, step: FIRST },
      { ...last, step: LAST },
    ]),
  };
}

/** Fires what is due by `upTo`. */
export function settleInactivity({ forMs }: Inactivity, marks: Marks, upTo: Instant): Settled {
  const fired: Firing[] = [];
  let left = marks;
  for (const { last } of spellsOf(marks, forMs)) {
    const due = plus(last.at, forMs);
    if (due > upTo) return { marks: left, due, fired };
    fired.push({ source: last.source, event: last.event, at: due });
    left = raiseFloor(left, last.at);
  }
  return { marks: left, due: NEVER, fired };
}

/** Where the marks of two profiles were put together their spells may overlap, and are one then. */
function spellsOf({ events }: Marks, forMs: number): Spell[] {
  const spells: Spell[] = [];
  let first: PatternMark | undefined;
  let open = 0;
  for (const mark of [...events].sort((a, b) => a.at - b.at || a.step - b.step || compareMarks(a, b))) {
    if (mark.step === FIRST) {
      first ??= mark;
      open++;
      continue;
    }
    open--;
    if (open > 0 || first === undefined) continue;
    const before = spells.at(-1);
    const isOne = before !== undefined && first.at - before.last.at <= forMs;
    if (isOne) spells.pop();
    spells.push({ first: isOne ? before.first : first, last: mark });
    first = undefined;
  }
  return spells;
}

/** Which of two events of the same instant was the first, and which the last, is a matter of their names, whatever they are marked as. */
function byName(a: PatternMark, b: PatternMark): number {
  return compareMarks({ ...a, step: FIRST }, { ...b, step: FIRST });
}
