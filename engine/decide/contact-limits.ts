// Caps on contacts, over rolling windows and calendar days. A counter belongs to a limit and, where it says `per`, to one value:
//
//   limit "push 2 a day per group"       counters: (that limit, group cards), (that limit, group loans) ...
import type { Contact } from "../domain/contact.ts";
import type { DecisionInput, Direction } from "../domain/decision.ts";
import type { NameHash, PolicyIndex, TreatmentIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import { room } from "../profile/outcome.ts";
import type { ContactLimit, Zones } from "../rulebook/policies.ts";
import type { Action, Channel, Rulebook } from "../rulebook/rulebook.ts";
import { zoneOf } from "./customer-zone.ts";
import { createWithIssues, type WithIssues } from "./foreign-contacts.ts";
import { counterValue, counts, type LimitScope, leavesAt, limits, matchesScope, windowStart } from "./limit-window.ts";
import type { LocalZone } from "./local-time.ts";

/** Contacts that a profile keeps. One that still matters is never forgotten, so beyond this nothing new is offered. */
export const CONTACTS_KEPT_MAX = 128;

/** Stands in drops for the limit of contacts kept, which no file declares. */
export const ROOM_POLICY = -1 as PolicyIndex;

export interface Counter {
  readonly limit: ContactLimit;
  /** The value of `per` that it counts; undefined: all that the limit matches. */
  readonly value: NameHash | undefined;
}

export interface LimitPlan {
  readonly counters: readonly Counter[];
  /** By position of the limit: counter of a value, or of `undefined`. */
  readonly counterOf: readonly ReadonlyMap<NameHash | undefined, number>[];
  readonly limits: readonly ContactLimit[];
  /** By TreatmentIndex: the counters that one more contact of it would advance, of either direction. Exempt ones have none. */
  readonly countersOf: readonly (readonly number[])[];
  readonly zones: Zones;
  readonly memoryMs: number;
  readonly withIssues: WithIssues;
}

export interface Refusal {
  readonly policy: PolicyIndex;
  /** Contacts counted, those of this decision included. */
  readonly counted: number;
  /** When one more fits, if nothing is added until then. */
  readonly reopensAt: Instant;
}

/** What was counted for one customer, and what one decision adds. Used again for the next customer: `open` starts over. */
export interface Ledger {
  readonly open: (input: DecisionInput) => void;
  /** The same for the second half of a decision: what `open` has counted of the same profile is not counted again. */
  readonly openAgain: (input: DecisionInput) => void;
  /** Is any cap reached? Where not, one contact of anything fits. */
  readonly isTight: () => boolean;
  /** Why one more contact of this treatment would exceed a cap: of several, the one that opens last. */
  readonly refusal: (treatment: TreatmentIndex) => Refusal | undefined;
  /**
   * Calls `visit` for each counter that one more contact of this treatment would fill up: with what a refusal would say, and
   * when that contact would count no longer. Stops at the first that says true, and gives what it would say.
   */
  readonly lastRoom: (
    treatment: TreatmentIndex,
    isHeld: (counter: number, leavesAt: Instant) => boolean,
  ) => Refusal | undefined;
  readonly add: (treatment: TreatmentIndex) => void;
  /** Takes the last one back that was added. */
  readonly undo: () => void;
}

export function planLimits(rulebook: Rulebook): LimitPlan {
  const counters: Counter[] = [];
  const counterOf = rulebook.contactLimits.map(() => new Map<NameHash | undefined, number>());
  const countersOf = rulebook.treatments.map((treatment) => {
    const action = rulebook.actions[treatment.action] as Action;
    const channel = rulebook.channels[treatment.channel] as Channel;
    const own: number[] = [];
    if (action.exempt) return own;
    const scope: LimitScope = {
      channel: channel.hash,
      issue: action.issue.hash,
      group: action.group.hash,
      action: action.hash,
    };
    rulebook.contactLimits.forEach((limit, position) => {
      if (!matchesScope(limit, scope)) return;
      const value = counterValue(limit, scope);
      const byValue = counterOf[position] as Map<NameHash | undefined, number>;
      const counter = byValue.get(value) ?? counters.push({ limit, value }) - 1;
      byValue.set(value, counter);
      own.push(counter);
    });
    return own;
  });
  const { contactLimits, zones, contactMemoryMs } = rulebook;
  const withIssues = createWithIssues(rulebook);
  return { counters, counterOf, limits: contactLimits, countersOf, zones, memoryMs: contactMemoryMs, withIssues };
}

export function createLedger(plan: LimitPlan): Ledger {
  const { counters, countersOf } = plan;
  const hasDays = plan.limits.some(({ calendarDays }) => calendarDays > 0);
  const counted = new Int32Array(counters.length);
  /** By counter: when it opens, worked out when first asked for; NaN before. */
  const opens = new Float64Array(counters.length);
  /** By position of the limit. */
  const starts = new Float64Array(plan.limits.length);
  let contacts: readonly Contact[] = [];
  let added: TreatmentIndex[] = [];
  let now = LONG_AGO;
  let direction: Direction = "inbound";
  let zone: LocalZone | undefined;
  let kept = 0;
  /** By counter: what a refusal says, until something is added. */
  const refusals: (Refusal | undefined)[] = new Array(counters.length).fill(undefined);
  const hasShut = counters.some(({ limit }) => limit.max <= 0);
  let opened: DecisionInput["profile"] | undefined;
  let isDirty = true;
  let tight = false;

  function openAgain(input: DecisionInput): void {
    if (opened !== input.profile || added.length > 0 || now !== input.now || direction !== input.request.direction) {
      open(input);
    }
  }

  function open({ profile, request, now: at }: DecisionInput): void {
    opened = profile;
    contacts = plan.withIssues(profile.contacts);
    now = at;
    direction = request.direction;
    zone = hasDays ? zoneOf(plan.zones, profile.attributes) : undefined;
    if (added.length > 0) added = [];
    if (isDirty) {
      counted.fill(0);
      opens.fill(Number.NaN);
      refusals.fill(undefined);
    }
    isDirty = contacts.length > 0;
    tight = hasShut;
    kept = CONTACTS_KEPT_MAX - room(contacts, now, plan.memoryMs, CONTACTS_KEPT_MAX);
    if (contacts.length > 0) count();
    if (kept >= CONTACTS_KEPT_MAX) tight = true;
  }

  function count(): void {
    plan.limits.forEach((limit, position) => {
      const byValue = plan.counterOf[position] as ReadonlyMap<NameHash | undefined, number>;
      if (byValue.size === 0 || !limits(limit, direction)) return;
      const start = windowStart(limit, now, zone);
      starts[position] = start;
      for (const contact of contacts) {
        if (!counts(limit, contact, start, direction, zone)) continue;
        const counter = byValue.get(counterValue(limit, contact));
        if (counter === undefined) continue;
        const count = (counted[counter] as number) + 1;
        counted[counter] = count;
        if (count >= limit.max) tight = true;
      }
    });
  }

  function refusal(treatment: TreatmentIndex): Refusal | undefined {
    let worst: Refusal | undefined;
    if (kept + added.length >= CONTACTS_KEPT_MAX) {
      worst = { policy: ROOM_POLICY, counted: kept + added.length, reopensAt: roomOpensAt() };
    }
    for (const counter of countersOf[treatment] as readonly number[]) {
      const { limit } = counters[counter] as Counter;
      const count = counted[counter] as number;
      if (count < limit.max || !limits(limit, direction)) continue;
      const reopensAt = opensAt(counter);
      if (worst !== undefined && reopensAt <= worst.reopensAt) continue;
      worst = refusals[counter] ?? { policy: limit.index, counted: count, reopensAt };
      refusals[counter] = worst;
    }
    return worst;
  }

  function lastRoom(treatment: TreatmentIndex, isHeld: (counter: number, leaves: Instant) => boolean) {
    for (const counter of countersOf[treatment] as readonly number[]) {
      const { limit } = counters[counter] as Counter;
      const count = counted[counter] as number;
      if (count + 1 < limit.max || !limits(limit, direction)) continue;
      if (!isHeld(counter, leavesAt(limit, now, zone))) continue;
      return { policy: limit.index, counted: count, reopensAt: roomFor(2, counter) };
    }
    return undefined;
  }

  function add(treatment: TreatmentIndex): void {
    added.push(treatment);
    advance(treatment, 1);
  }

  function undo(): void {
    const last = added.pop();
    if (last !== undefined) advance(last, -1);
  }

  function advance(treatment: TreatmentIndex, by: 1 | -1): void {
    isDirty = true;
    for (const counter of countersOf[treatment] as readonly number[]) {
      counted[counter] = (counted[counter] as number) + by;
      opens[counter] = Number.NaN;
      refusals[counter] = undefined;
    }
  }

  function opensAt(counter: number): Instant {
    const known = opens[counter] as number;
    if (!Number.isNaN(known)) return known as Instant;
    const at = roomFor(1, counter);
    opens[counter] = at;
    return at;
  }

  /** When so many more fit, if nothing is added until then; NEVER where so many never do. */
  function roomFor(more: number, counter: number): Instant {
    const { limit, value } = counters[counter] as Counter;
    const start = starts[plan.limits.indexOf(limit)] as Instant;
    const instants: Instant[] = [];
    for (const contact of contacts) {
      if (!counts(limit, contact, start, direction, zone)) continue;
      if (counterValue(limit, contact) === value) instants.push(contact.at);
    }
    for (const treatment of added)
      if ((countersOf[treatment] as readonly number[]).includes(counter)) instants.push(now);
    instants.sort((a, b) => a - b);
    const mustLeave = instants[instants.length + more - 1 - limit.max];
    return limit.max < more || mustLeave === undefined ? NEVER : leavesAt(limit, mustLeave, zone);
  }

  function roomOpensAt(): Instant {
    const instants: number[] = added.map(() => NEVER);
    for (const contact of contacts) {
      const until = mattersUntil(contact, plan.memoryMs);
      if (until > now) instants.push(until);
    }
    instants.sort((a, b) => a - b);
    return (instants[instants.length - CONTACTS_KEPT_MAX] ?? NEVER) as Instant;
  }

  return { open, openAgain, isTight: () => tight, refusal, lastRoom, add, undo };
}

/** Until when a contact can still count, cool something down, snooze or be on a screen: then the profile may forget it. */
function mattersUntil(contact: Contact, memoryMs: number): number {
  let until: number = LONG_AGO;
  if (contact.live) until = contact.expiresAt;
  if (contact.state === "released") return until;
  if (contact.state === "reserved") until = Math.max(until, contact.reservedUntil);
  return Math.max(until, Math.max(contact.at, contact.outcomeAt, contact.until) + memoryMs);
}
