// Caps on contacts over rolling windows. A counter belongs to a limit and, where it says `per`, to one value:
//
//   limit "push 2 a day per group"       counters: (that limit, group cards), (that limit, group loans) ...
//        now - windowMs              now
//   ---------(--x-----x-----------x--]-->    a contact counts while at > now - windowMs, so a place
//               |<---- windowMs ---->|       opens again at the instant `at + windowMs` of the oldest
import type { Contact } from "../domain/contact.ts";
import type { Direction } from "../domain/decision.ts";
import type { NameHash, PolicyIndex, TreatmentIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER, plus } from "../domain/time.ts";
import type { ContactLimit } from "../rulebook/policies.ts";
import type { Action, Channel, Rulebook } from "../rulebook/rulebook.ts";

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
  /** By TreatmentIndex: the counters that one more contact of it would advance, of either direction. */
  readonly countersOf: readonly (readonly number[])[];
  readonly memoryMs: number;
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
  readonly open: (contacts: readonly Contact[], now: Instant, direction: Direction) => void;
  /** Why one more contact of this treatment would exceed a cap: of several, the one that opens last. */
  readonly refusal: (treatment: TreatmentIndex) => Refusal | undefined;
  readonly add: (treatment: TreatmentIndex) => void;
}

export function planLimits(rulebook: Rulebook): LimitPlan {
  const counters: Counter[] = [];
  const counterOf = rulebook.contactLimits.map(() => new Map<NameHash | undefined, number>());
  const countersOf = rulebook.treatments.map((treatment) => {
    const action = rulebook.actions[treatment.action] as Action;
    const channel = rulebook.channels[treatment.channel] as Channel;
    const scope: Scope = {
      channel: channel.hash,
      issue: action.issue.hash,
      group: action.group.hash,
      action: action.hash,
    };
    const own: number[] = [];
    rulebook.contactLimits.forEach((limit, position) => {
      if (!matches(limit, scope)) return;
      const value = scopeValue(limit, scope);
      const byValue = counterOf[position] as Map<NameHash | undefined, number>;
      const counter = byValue.get(value) ?? counters.push({ limit, value }) - 1;
      byValue.set(value, counter);
      own.push(counter);
    });
    return own;
  });
  return { counters, counterOf, limits: rulebook.contactLimits, countersOf, memoryMs: rulebook.contactMemoryMs };
}

export function createLedger(plan: LimitPlan): Ledger {
  const { counters, countersOf } = plan;
  const counts = new Int32Array(counters.length);
  /** By counter: when it opens, worked out when first asked for; NaN before. */
  const opens = new Float64Array(counters.length);
  let contacts: readonly Contact[] = [];
  let added: TreatmentIndex[] = [];
  let now = LONG_AGO;
  let direction: Direction = "inbound";
  let kept = 0;

  function open(ofCustomer: readonly Contact[], at: Instant, of: Direction): void {
    contacts = ofCustomer;
    now = at;
    direction = of;
    added = [];
    counts.fill(0);
    opens.fill(Number.NaN);
    kept = 0;
    for (const contact of contacts) if (mattersUntil(contact, plan.memoryMs) > now) kept++;
    plan.limits.forEach((limit, position) => {
      const byValue = plan.counterOf[position] as ReadonlyMap<NameHash | undefined, number>;
      if (byValue.size === 0 || !applies(limit, direction)) return;
      for (const contact of contacts) {
        if (!counted(limit, contact, now)) continue;
        const counter = byValue.get(scopeValue(limit, contact));
        if (counter !== undefined) counts[counter] = (counts[counter] as number) + 1;
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
      const count = counts[counter] as number;
      if (count < limit.max || !applies(limit, direction)) continue;
      const reopensAt = opensAt(counter);
      if (worst === undefined || reopensAt > worst.reopensAt)
        worst = { policy: limit.index, counted: count, reopensAt };
    }
    return worst;
  }

  function add(treatment: TreatmentIndex): void {
    added.push(treatment);
    for (const counter of countersOf[treatment] as readonly number[]) {
      counts[counter] = (counts[counter] as number) + 1;
      opens[counter] = Number.NaN;
    }
  }

  function opensAt(counter: number): Instant {
    const known = opens[counter] as number;
    if (!Number.isNaN(known)) return known as Instant;
    const { limit, value } = counters[counter] as Counter;
    const instants: number[] = [];
    for (const contact of contacts) {
      if (counted(limit, contact, now) && scopeValue(limit, contact) === value) instants.push(contact.at);
    }
    for (const treatment of added)
      if ((countersOf[treatment] as readonly number[]).includes(counter)) instants.push(now);
    instants.sort((a, b) => a - b);
    const mustLeave = instants[instants.length - limit.max];
    const at = limit.max <= 0 || mustLeave === undefined ? NEVER : plus(mustLeave as Instant, limit.windowMs);
    opens[counter] = at;
    return at;
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

  return { open, refusal, add };
}

type Scope = Pick<Contact, "channel" | "issue" | "group" | "action">;

function matches(limit: ContactLimit, scope: Scope): boolean {
  return (
    (limit.channel === undefined || limit.channel === scope.channel) &&
    (limit.issue === undefined || limit.issue === scope.issue) &&
    (limit.group === undefined || limit.group === scope.group) &&
    (limit.action === undefined || limit.action === scope.action)
  );
}

function scopeValue(limit: ContactLimit, scope: Scope): NameHash | undefined {
  return limit.per === "all" ? undefined : scope[limit.per];
}

function applies(limit: ContactLimit, direction: Direction): boolean {
  return limit.direction === "both" || limit.direction === direction;
}

function counted(limit: ContactLimit, contact: Contact, now: Instant): boolean {
  return (
    contact.state !== "released" &&
    contact.at > now - limit.windowMs &&
    (limit.direction === "both" || contact.inbound === (limit.direction === "inbound")) &&
    matches(limit, contact)
  );
}

/** Until when a contact can still count, cool something down or be on a screen. */
function mattersUntil(contact: Contact, memoryMs: number): number {
  let until: number = LONG_AGO;
  if (contact.live) until = contact.expiresAt;
  if (contact.state !== "released") until = Math.max(until, contact.at + memoryMs);
  if (contact.outcome !== "pending") until = Math.max(until, contact.outcomeAt + memoryMs);
  return until;
}
