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

const LAST = 0;
const FIRST = 1;
const SPELLS_MAX = PATTERN_MARKS_MAX / 2;

/** An event that would have fired alone more than an hour before `arrivedAt` begins no spell of its own. */
export function addToInactivity({ forMs }: Inactivity, marks: Marks, mark: PatternMark, arrivedAt: Instant): Marks {
  if (mark.at <= marks.floor) return marks;
  const spells = spellsOf(marks);
  const joins = ({ first, last }: Spell): boolean => mark.at >= first.at - forMs && mark.at <= last.at + forMs;
  const joined = spells.filter(joins);
  if (joined.length === 0 && mark.at < arrivedAt - TRIGGER_FRESH_MS - forMs) return marks;
  const firsts = [mark, ...joined.map(({ first }) => first)].sort((a, b) => a.at - b.at);
  const lasts = [mark, ...joined.map(({ last }) => last)].sort((a, b) => compareMarks(same(a), same(b)));
  const spell: Spell = { first: firsts[0] as PatternMark, last: lasts.at(-1) as PatternMark };
  const before = joined[0];
  if (joined.length === 1 && before?.first.at === spell.first.at && before.last === spell.last) return marks;
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
  for (const { last } of spellsOf(marks)) {
    const due = plus(last.at, forMs);
    if (due > upTo) return { marks: left, due, fired };
    fired.push({ source: last.source, event: last.event, at: due });
    left = raiseFloor(left, last.at);
  }
  return { marks: left, due: NEVER, fired };
}

function spellsOf({ events }: Marks): Spell[] {
  const spells: Spell[] = [];
  for (let at = 0; at + 1 < events.length; at += 2) {
    spells.push({ first: events[at] as PatternMark, last: events[at + 1] as PatternMark });
  }
  return spells;
}

/** Which of two events of the same instant was the last is a matter of their names, whatever they are marked as. */
function same(mark: PatternMark): PatternMark {
  return { ...mark, step: LAST };
}
