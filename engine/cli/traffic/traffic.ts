// The demo's customers as a pure function of seed and time: what they do, in the shape of the event streams.
import { DAY_MS, MINUTE_MS, SECOND_MS } from "../../domain/time.ts";
import { type Crowd, createCrowd, dayCurve, eventsPerVisit, visitKind } from "./crowd.ts";
import { openingEvents } from "./opening.ts";
import type { SessionKind } from "./personas.ts";
import type { Person } from "./population.ts";
import { createDueQueue, type DueQueue } from "./queue.ts";
import { createRandom, type Random } from "./random.ts";
import { declines, type Step, type VisitChannel, views, visit } from "./sessions.ts";
import { bareStep, eventOf, type Numbering, numberedId, type TrafficEvent } from "./traffic-event.ts";

export interface TrafficOptions {
  readonly seed: number;
  /** Number of customers: c-1 .. c-N. */
  readonly customers: number;
  /** Milliseconds since 1970: the first event of `next` is after it. Part of every event id. */
  readonly start: number;
  /** Mean events per second over a simulated day. */
  readonly rate?: number;
  /** Length of the day curve. Ten minutes, so that a visitor sees it rise and fall. */
  readonly dayMs?: number;
  readonly callEveryMs?: number;
  readonly churnWaveAfterMs?: number;
}

export interface Traffic {
  /** What is known before the start, each customer's oldest first: attributes, consents, up to 85 days of purchases and logins. */
  readonly opening: () => readonly TrafficEvent[];
  /** Everything due up to `now`, in order of time. */
  readonly next: (now: number) => readonly TrafficEvent[];
  readonly person: (customer: string) => Person | undefined;
}

export const RATE_DEFAULT = 50;
const CHURN_WAVE_EVERY_MS = 5 * MINUTE_MS;
const CHURN_WAVE_SHARE = 0.03;
const CHURN_WAVE_LASTS_MS = 45 * SECOND_MS;
const QUIET_SHARE_MAX = 0.25;
const CASE_LASTS_MS = 4 * MINUTE_MS;
const DESK_CALLS = 1 / 3;
const CALL_REASONS = ["card", "fees", "loan", "closing", "question"];
const BARE_GAP_MAX_MS = 900;
/** Callers come from the last so many with trouble, mostly. */
const TROUBLED_MAX = 30;

type Due =
  | { readonly kind: "visit" }
  | { readonly kind: "call" }
  | { readonly kind: "wave" }
  | { readonly kind: "leave"; readonly person: Person }
  | {
      readonly kind: "step";
      readonly person: Person;
      readonly step: Step;
      readonly session: string;
      readonly channel: VisitChannel;
    }
  | { readonly kind: "bare"; readonly person: Person; readonly step: Step }
  | { readonly kind: "ring"; readonly person: Person; readonly step: Step; readonly callFor: "desk" | "colleague" };

interface World {
  readonly options: Required<TrafficOptions>;
  readonly random: Random;
  readonly crowd: Crowd;
  readonly due: DueQueue<Due>;
  /** Mean gap between two visits at the mean of the day curve. */
  readonly visitGapMs: number;
  readonly troubled: Person[];
  readonly numbering: Numbering;
  calls: number;
  quiet: number;
}

export function createTraffic(given: TrafficOptions): Traffic {
  const options = {
    rate: RATE_DEFAULT,
    dayMs: 10 * MINUTE_MS,
    callEveryMs: 5_000,
    churnWaveAfterMs: MINUTE_MS,
    ...given,
  };
  const random = createRandom(options.seed);
  const crowd = createCrowd(random, options.customers);
  const byId = new Map(crowd.people.map((person) => [person.id, person]));
  const world: World = {
    options,
    random,
    crowd,
    due: createDueQueue(),
    visitGapMs: (1_000 / options.rate) * eventsPerVisit(options.seed),
    troubled: [],
    numbering: { prefix: options.start.toString(36), next: 0 },
    calls: 0,
    quiet: 0,
  };
  world.due.add(options.start + 1, { kind: "visit" });
  world.due.add(options.start + 1_000, { kind: "call" });
  world.due.add(options.start + options.churnWaveAfterMs, { kind: "wave" });
  return {
    opening: () => openingEvents(options.seed, options.start, crowd.people),
    next: (now) => {
      const out: TrafficEvent[] = [];
      for (let due = world.due.take(now); due !== undefined; due = world.due.take(now))
        happen(world, due.at, due.item, out);
      return out;
    },
    person: (customer) => byId.get(customer),
  };
}

function happen(world: World, at: number, due: Due, out: TrafficEvent[]): void {
  switch (due.kind) {
    case "visit":
      startVisit(world, at);
      return;
    case "call":
      startCall(world, at);
      return;
    case "wave":
      startWave(world, at);
      return;
    case "leave":
      leave(world, at, due.person);
      return;
    case "step":
      out.push(eventOf(world.numbering, at, due.person, due.step, { session: due.session, channel: due.channel }));
      follow(world, at, due.person, due.step);
      return;
    case "bare":
      out.push(eventOf(world.numbering, at, due.person, due.step, {}));
      return;
    case "ring": {
      const event = eventOf(world.numbering, at, due.person, due.step, { channel: "contact-centre" });
      out.push({ ...event, callFor: due.callFor });
      return;
    }
  }
}

function startVisit(world: World, at: number): void {
  const { random, options, due } = world;
  due.add(at + random.gap(world.visitGapMs / dayCurve(at, options.dayMs)), { kind: "visit" });
  const person = world.crowd.visitor();
  if (person.quiet) return;
  schedule(world, at, person, visitKind(random, person));
}

function schedule(world: World, at: number, person: Person, kind: SessionKind): void {
  const { random, due } = world;
  const channel: VisitChannel = person.hasApp && random.chance(0.75) ? "app" : "web";
  const session = numberedId("s", world.numbering);
  let when = at;
  for (const step of visit(random, person, kind, channel)) {
    when += step.afterMs;
    due.add(when, { kind: "step", person, step, session, channel });
  }
}

/** What follows from an event: trouble makes callers, a complaint opens a case that is closed later. */
function follow(world: World, at: number, person: Person, step: Step): void {
  if (step.type !== "card_declined" && step.type !== "complaint" && step.type !== "account_closure_viewed") return;
  world.troubled.push(person);
  if (world.troubled.length > TROUBLED_MAX) world.troubled.shift();
  if (step.type !== "complaint") return;
  const caseId = numberedId("k", world.numbering);
  const kind = String(step.props["about"]);
  const opened = { caseId, kind, slaDueAt: Math.round(at + DAY_MS) };
  world.due.add(at + 1_000, { kind: "bare", person, step: bareStep("case_opened", opened) });
  world.due.add(at + world.random.between(0.5, 1.5) * CASE_LASTS_MS, {
    kind: "bare",
    person,
    step: bareStep("case_closed", { caseId }),
  });
}

function startCall(world: World, at: number): void {
  const { random, due, options } = world;
  due.add(at + random.between(0.6, 1.4) * options.callEveryMs, { kind: "call" });
  const isTroubled = world.troubled.length > 0 && random.chance(0.6);
  const person = isTroubled ? random.pick(world.troubled) : world.crowd.visitor();
  if (person.quiet) return;
  // The first call is for the person who has just opened the console.
  const callFor = world.calls++ === 0 || random.chance(DESK_CALLS) ? "desk" : "colleague";
  const call = bareStep("call_started", { reason: random.pick(CALL_REASONS), line: callFor });
  if (callFor === "colleague") {
    due.add(at, { kind: "ring", person, step: call, callFor });
    return;
  }
  const ringsAt = scheduleBare(world, at, person, beforeCall(random, person)) + 800;
  due.add(ringsAt, { kind: "ring", person, step: call, callFor });
  // Half of the callers go on while they talk: what they do reaches the open screen.
  if (random.chance(0.5))
    scheduleBare(world, ringsAt + random.between(12_000, 22_000), person, whileTalking(random, person));
}

/** When the last of the steps happens. */
function scheduleBare(world: World, at: number, person: Person, steps: readonly Step[]): number {
  let when = at;
  for (const step of steps) {
    when += Math.min(step.afterMs, BARE_GAP_MAX_MS);
    world.due.add(when, { kind: "bare", person, step });
  }
  return when;
}

/** What made somebody reach for the phone. */
function beforeCall(random: Random, person: Person): readonly Step[] {
  switch (person.persona) {
    case "struggling":
    case "shopper":
      return declines(random, person);
    case "traveller":
      return [...views(random, ["travel"], 2, 3), ...declines(random, person).slice(0, 1)];
    case "leaving":
      return [...views(random, ["support"], 1, 2), bareStep("account_closure_viewed", { section: "closing" })];
    case "saver":
      return views(random, ["savings", "support"], 2, 3);
    case "newcomer":
      return views(random, ["support"], 2, 3);
  }
}

function whileTalking(random: Random, person: Person): readonly Step[] {
  return random.chance(0.6)
    ? [...declines(random, person), ...declines(random, person)]
    : views(random, ["loans"], 2, 4);
}

/** A batch of customers looks at closing the account and then goes quiet. */
function startWave(world: World, at: number): void {
  const { random, due } = world;
  const { people } = world.crowd;
  due.add(at + CHURN_WAVE_EVERY_MS, { kind: "wave" });
  if (world.quiet >= people.length * QUIET_SHARE_MAX) return;
  const size = Math.max(3, Math.round(people.length * CHURN_WAVE_SHARE));
  const inclined = people.filter((person) => !person.quiet && person.persona === "leaving");
  const batch = new Set<Person>();
  for (let tries = 0; batch.size < size && tries < size * 4; tries++)
    batch.add(random.pick(inclined.length > 0 && random.chance(0.7) ? inclined : people));
  for (const person of batch) due.add(at + random.between(0, CHURN_WAVE_LASTS_MS), { kind: "leave", person });
}

function leave(world: World, at: number, person: Person): void {
  if (person.quiet) return;
  schedule(world, at, person, "closure");
  person.quiet = true;
  world.quiet++;
}
