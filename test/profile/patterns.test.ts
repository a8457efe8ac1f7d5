// Patterns against definitions over the whole sorted list of events, which know nothing of arrival and memory.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey, type NameHash } from "../../engine/domain/ids.ts";
import { HOUR_MS, type Instant, MINUTE_MS, NEVER } from "../../engine/domain/time.ts";
import { PATTERN_MARKS_MAX } from "../../engine/profile/bounds.ts";
import { addMark, readMarks, writeMarks } from "../../engine/profile/pattern-marks.ts";
import { firePattern, foldPattern, type PatternTrigger } from "../../engine/profile/patterns.ts";
import type { PatternState } from "../../engine/profile/state.ts";
import type { Pattern, PatternStep } from "../../engine/rulebook/triggers.ts";
import { tellPattern } from "../../engine/verify/known-pattern.ts";
import type { KnownPattern } from "../../engine/verify/pattern-memory.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 1_500;
const START = Date.UTC(2026, 0, 1);
const W = 10 * MINUTE_MS;

interface Seen {
  readonly id: string;
  readonly type: string;
  /** Minutes after START. */
  readonly at: number;
}

const step = (...types: string[]): PatternStep => ({ types, matches: () => true });
const ABSENCE: Pattern = { kind: "absence", after: step("a"), of: step("b"), withinMs: W };
const INACTIVITY: Pattern = { kind: "inactivity", of: step(), forMs: W };
const COUNT: Pattern = { kind: "count", of: step("a"), times: 3, withinMs: W };
const SEQUENCE: Pattern = { kind: "sequence", steps: [step("a"), step("b"), step("a", "c")], withinMs: W };

function eventOf({ id, type, at }: Seen): CustomerEvent {
  const ts = (START + at * MINUTE_MS) as Instant;
  return { id, type, key: customerKey("ana"), ts, source: "clickstream", props: {} };
}

/** A pattern fed by hand. `fired` holds `<event> <minute>`. */
function watch(pattern: Pattern) {
  const trigger: PatternTrigger = { keptAs: 7 as NameHash, pattern };
  let state: PatternState | undefined;
  const fired: string[] = [];
  const tell = (firings: ReturnType<typeof foldPattern>["fired"]): void => {
    for (const { event, at } of firings) fired.push(`${event} ${(at - START) / MINUTE_MS}`);
  };
  return {
    fired,
    due: () => ((state?.due ?? NEVER) - START) / MINUTE_MS,
    marks: () => state?.marks.length ?? 0,
    /** Arrives as it happens, unless told otherwise (minutes). */
    see: (seen: Seen, arrivesAt: number = seen.at): void => {
      const change = foldPattern(trigger, state, eventOf(seen), (START + arrivesAt * MINUTE_MS) as Instant);
      state = change.after;
      tell(change.fired);
    },
    state: () => state,
    join: (other: PatternState | undefined): void => {
      if (other === undefined) return;
      let marks = readMarks(state?.marks);
      for (const mark of readMarks(other.marks).events) marks = addMark(marks, mark);
      state = { ...other, marks: writeMarks(marks) };
    },
    timer: (at: number): void => {
      if (state === undefined) return;
      const change = firePattern(trigger, state, (START + at * MINUTE_MS) as Instant);
      state = change.after;
      tell(change.fired);
    },
  };
}

function sorted(events: readonly Seen[]): readonly Seen[] {
  return [...events].sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1));
}

function naiveAbsence(events: readonly Seen[]): string[] {
  const fired: string[] = [];
  let spentTo = Number.NEGATIVE_INFINITY;
  for (const { id, type, at } of sorted(events)) {
    if (type !== "a" || at <= spentTo) continue;
    const answers = events.filter((other) => other.type === "b" && other.at >= at && other.at <= at + 10);
    spentTo = answers.length > 0 ? Math.min(...answers.map((answer) => answer.at)) : at + 10;
    if (answers.length === 0) fired.push(`${id} ${at + 10}`);
  }
  return fired;
}

function naiveInactivity(events: readonly Seen[]): string[] {
  return sorted(events).flatMap(({ id, at }, index, all) => {
    const next = all[index + 1];
    return next === undefined || next.at > at + 10 ? [`${id} ${at + 10}`] : [];
  });
}

function naiveCount(events: readonly Seen[]): string[] {
  const fired: string[] = [];
  let spentTo = Number.NEGATIVE_INFINITY;
  for (const { id, at } of sorted(events.filter(({ type }) => type === "a"))) {
    const upTo = sorted(events).filter((other) => other.type === "a" && other.at > spentTo);
    const place = upTo.findIndex((other) => other.id === id);
    const first = upTo[place - 2];
    if (place < 0 || first === undefined || at - first.at > 10) continue;
    fired.push(`${id} ${at}`);
    spentTo = at;
  }
  return fired;
}

/** Every chain is tried; of those that end in the earliest event, the one whose steps are latest, last step first. */
function naiveSequence(events: readonly Seen[]): string[] {
  const fired: string[] = [];
  let spentTo = Number.NEGATIVE_INFINITY;
  for (;;) {
    const left = sorted(events).filter(({ at }) => at > spentTo);
    const place = (seen: Seen) => left.indexOf(seen);
    const chains = left.flatMap((c) =>
      left.flatMap((b) => left.map((a) => [a, b, c] as const)).filter(([a, b]) => isChain(a, b, c)),
    );
    if (chains.length === 0) return fired;
    const [a, , c] = chains.sort(
      (x, y) => place(x[2]) - place(y[2]) || place(y[1]) - place(x[1]) || place(y[0]) - place(x[0]),
    )[0] as (typeof chains)[number];
    fired.push(`${a.id} ${c.at}`);
    spentTo = c.at;
  }
}

function isChain(a: Seen, b: Seen, c: Seen): boolean {
  const typed = a.type === "a" && b.type === "b" && (c.type === "a" || c.type === "c");
  return typed && a !== c && a.at <= b.at && b.at <= c.at && c.at - a.at <= 10;
}

// An event may be two steps of the sequence, so that eight make at most the sixteen marks that are kept.
const history = fc
  .array(fc.record({ type: fc.constantFrom("a", "a", "b", "c"), at: fc.nat({ max: 40 }) }), { maxLength: 8 })
  .map((list) => list.map((seen, index): Seen => ({ ...seen, id: `e${index}` })));
const shuffled = history.chain((events) =>
  fc.tuple(
    fc.constant(events),
    fc.shuffledSubarray([...events], { minLength: events.length, maxLength: events.length }),
  ),
);
const check = (property: fc.IProperty<[[Seen[], Seen[]]]>) =>
  fc.assert(property, { numRuns: RUNS, endOnFailure: true });

describe("patterns that time completes", () => {
  it("PTN-1 PTN-2 PTN-5 absence: any order of arrival before it fires gives what the sorted list says", () => {
    check(
      fc.property(shuffled, ([events, arrivals]) => {
        const pattern = watch(ABSENCE);
        for (const seen of arrivals) pattern.see(seen, 41);
        const wanted = naiveAbsence(events);
        expect(pattern.due()).toBe(wanted.length === 0 ? NEVER : Number(wanted[0]?.split(" ")[1]));
        pattern.timer(60);
        expect(pattern.fired).toEqual(wanted);
        pattern.timer(600);
        for (const seen of arrivals) pattern.see(seen, 61);
        pattern.timer(600);
        expect(pattern.fired, "never twice").toEqual(wanted);
      }),
    );
  });

  it("PTN-3 PTN-5 inactivity: any order of arrival before it fires gives what the sorted list says", () => {
    check(
      fc.property(shuffled, ([events, arrivals]) => {
        const pattern = watch(INACTIVITY);
        for (const seen of arrivals) pattern.see(seen, 41);
        const wanted = naiveInactivity(events);
        expect(pattern.due()).toBe(wanted.length === 0 ? NEVER : Number(wanted[0]?.split(" ")[1]));
        for (const minute of [15, 30, 60]) pattern.timer(minute);
        expect(pattern.fired).toEqual(wanted);
      }),
    );
  });

  it("PTN-1 inactivity: of events of one instant any order of arrival leaves the same, as nba verify tells it", () => {
    const events = ["d", "a", "c", "b"].map((id): Seen => ({ id, type: "a", at: id === "d" ? 1 : 0 }));
    const orders = events.flatMap((first) => {
      const rest = events.filter((seen) => seen !== first);
      return [
        [first, ...rest],
        [first, ...rest.toReversed()],
      ];
    });
    for (const arrivals of orders) {
      const pattern = watch(INACTIVITY);
      let known: KnownPattern | undefined;
      for (const seen of arrivals) {
        pattern.see(seen, 2);
        known = tellPattern(INACTIVITY, known, eventOf(seen), (START + 2 * MINUTE_MS) as Instant)?.after;
      }
      expect(pattern.state()?.marks.map(({ event }) => event)).toEqual(["a", "d"]);
      expect(known?.marks.map(({ event }) => event)).toEqual(["a", "d"]);
    }
  });

  it("PTN-1 what two profiles have seen, put together, is what one would have seen", () => {
    for (const [pattern, naive] of [
      [ABSENCE, naiveAbsence],
      [INACTIVITY, naiveInactivity],
    ] as const) {
      check(
        fc.property(shuffled, ([events, arrivals]) => {
          const [one, other] = [watch(pattern), watch(pattern)];
          for (const [n, seen] of arrivals.entries()) (n % 2 === 0 ? one : other).see(seen, 41);
          one.join(other.state());
          one.timer(60);
          expect(one.fired).toEqual(naive(events));
        }),
      );
    }
  });

  it("PTN-1 in order, with the timer going off whenever something is due, the same", () => {
    for (const [pattern, naive] of [
      [ABSENCE, naiveAbsence],
      [INACTIVITY, naiveInactivity],
    ] as const) {
      check(
        fc.property(shuffled, ([events]) => {
          const fed = watch(pattern);
          for (const seen of sorted(events)) {
            if (fed.due() < seen.at) fed.timer(seen.at - 0.5);
            fed.see(seen);
          }
          fed.timer(60);
          expect(fed.fired).toEqual(naive(events));
        }),
      );
    }
  });
});

describe("patterns that an event completes", () => {
  it("PTN-4 PTN-6 count and sequence, in order: what the sorted list says", () => {
    for (const [pattern, naive] of [
      [COUNT, naiveCount],
      [SEQUENCE, naiveSequence],
    ] as const) {
      check(
        fc.property(shuffled, ([events]) => {
          // Of one instant nobody knows the order: they arrive together.
          const fed = watch(pattern);
          const distinct = events.map((seen, index) => ({ ...seen, at: seen.at + index / 100 }));
          for (const seen of sorted(distinct)) fed.see(seen);
          expect(fed.fired).toEqual(naive(distinct));
        }),
      );
    }
  });

  it("PTN-4 PTN-6 whatever the order of arrival, unless something fired before a late event came", () => {
    let compared = 0;
    for (const [pattern, naive] of [
      [COUNT, naiveCount],
      [SEQUENCE, naiveSequence],
    ] as const) {
      check(
        fc.property(shuffled, ([events, arrivals]) => {
          const fed = watch(pattern);
          let firedTo = Number.NEGATIVE_INFINITY;
          for (const seen of arrivals) {
            fc.pre(seen.at > firedTo);
            fed.see(seen, 41);
            firedTo = Math.max(firedTo, ...fed.fired.map((text) => Number(text.split(" ")[1])));
          }
          if (fed.fired.length > 0) compared++;
          expect(fed.fired).toEqual(naive(events));
        }),
      );
    }
    expect(compared, "cases in which something fired").toBeGreaterThan(RUNS / 20);
  });
});

describe("the abandoned basket", () => {
  const basket = () => watch(ABSENCE);
  const add = (id: string, at: number): Seen => ({ id, type: "a", at });
  const buy = (id: string, at: number): Seen => ({ id, type: "b", at });

  it("PTN-2 a second A before it fires belongs to the first; after it has fired the next one opens anew", () => {
    const pattern = basket();
    pattern.see(add("one", 0));
    pattern.see(add("two", 8));
    pattern.timer(10);
    pattern.see(add("late", 9), 11);
    pattern.timer(30);
    pattern.see(add("three", 31));
    pattern.timer(41);
    expect(pattern.fired).toEqual(["one 10", "three 41"]);
  });

  it("PTN-5 a B that arrives late but happened in time takes the timer away, and one that happened too late does not", () => {
    const pattern = basket();
    pattern.see(add("one", 0));
    pattern.see(buy("late", 10), 25);
    expect(pattern.due()).toBe(NEVER);
    pattern.see(add("two", 30));
    pattern.see(buy("too-late", 40.001), 41);
    pattern.timer(41);
    expect(pattern.fired).toEqual(["two 40"]);
  });

  it("PTN-7 what would have fired more than an hour before it arrives fires nothing; within the hour it fires", () => {
    for (const [arrivesAt, fires] of [
      [70, 1],
      [70.001, 0],
    ] as const) {
      for (const pattern of [watch(ABSENCE), watch(INACTIVITY)]) {
        pattern.see(add("old", 0), arrivesAt);
        pattern.timer(arrivesAt);
        expect(pattern.fired).toHaveLength(fires);
      }
    }
    const count = watch(COUNT);
    for (const [n, id] of ["x", "y", "z"].entries()) count.see(add(id, n), 63);
    expect(count.fired).toEqual([]);
  });

  it("PTN-7 a timer that is late for whatever reason fires all the same", () => {
    const pattern = basket();
    pattern.see(add("one", 0));
    pattern.timer(50 * 60);
    expect(pattern.fired).toEqual(["one 10"]);
  });

  it("PTN-8 remembers a bounded number of events, and the open A among them", () => {
    for (const pattern of [ABSENCE, INACTIVITY, COUNT, SEQUENCE].map(watch)) {
      pattern.see(add("first", 0));
      for (let n = 0; n < 500; n++) pattern.see({ id: `n${n}`, type: n % 7 === 3 ? "c" : "a", at: 0.001 + n / 100 });
      expect(pattern.marks()).toBeLessThanOrEqual(PATTERN_MARKS_MAX + 1);
    }
    const pattern = basket();
    pattern.see(add("first", 0));
    for (let n = 0; n < 500; n++) pattern.see(add(`n${n}`, 0.001 + n / 100));
    pattern.timer(10);
    expect(pattern.fired).toEqual(["first 10"]);
  });

  it("PTN-8 what is settled is forgotten as time goes by", () => {
    const pattern = basket();
    for (let day = 0; day < 40; day++) {
      const at = (day * 24 * HOUR_MS) / MINUTE_MS;
      pattern.see(add(`a${day}`, at));
      pattern.see(buy(`b${day}`, at + 1));
    }
    expect(pattern.marks()).toBe(2);
  });
});
