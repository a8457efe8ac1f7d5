import type { SessionKind } from "./personas.ts";
import { PERSONA_SPECS } from "./personas.ts";
import { createPopulation, type Person } from "./population.ts";
import { createRandom, type Random } from "./random.ts";
import { visit } from "./sessions.ts";

/** Everybody, and who comes next. */
export interface Crowd {
  readonly people: readonly Person[];
  /** Someone, in proportion to how active they are. */
  readonly visitor: () => Person;
}

export function createCrowd(random: Random, count: number): Crowd {
  const people = createPopulation(random, count);
  const sums = new Float64Array(count);
  let sum = 0;
  people.forEach((person, index) => {
    sum += PERSONA_SPECS[person.persona].activity;
    sums[index] = sum;
  });
  return { people, visitor: () => people[firstAbove(sums, random.next() * sum)] as Person };
}

export function visitKind(random: Random, person: Person): SessionKind {
  return random.weighted<SessionKind>(PERSONA_SPECS[person.persona].sessions);
}

/** Mean number of events of a visit, by trying: a crowd of its own, so that the real one draws nothing. */
export function eventsPerVisit(seed: number): number {
  const random = createRandom(seed ^ 0x5eed);
  const crowd = createCrowd(random, 300);
  const trials = 2_000;
  let events = 0;
  for (let index = 0; index < trials; index++) {
    const person = crowd.visitor();
    events += visit(
      random,
      person,
      visitKind(random, person),
      person.hasApp && random.chance(0.75) ? "app" : "web",
    ).length;
  }
  return events / trials;
}

/** Mean 1 over a day; quiet at its two ends, busy in its last third. In [0.5, 1.5]. */
export function dayCurve(now: number, dayMs: number): number {
  const phase = (now % dayMs) / dayMs;
  return 1 - 0.35 * Math.cos(2 * Math.PI * phase) - 0.15 * Math.sin(4 * Math.PI * phase);
}

/** First index whose running sum exceeds `draw`. */
function firstAbove(sums: Float64Array, draw: number): number {
  let low = 0;
  let high = sums.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sums[middle] as number) > draw) high = middle;
    else low = middle + 1;
  }
  return low;
}
