// When a customer is not to be disturbed: outbound messages wait for the end of quiet hours, local time of the customer.
import type { Contact } from "../domain/contact.ts";
import type { DecisionInput, DecisionRequest, ProfileView } from "../domain/decision.ts";
import type { PolicyIndex } from "../domain/ids.ts";
import { DAY_MS, type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import type { QuietHours } from "../rulebook/policies.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { zoneOf } from "./customer-zone.ts";
import { dayOf, type LocalZone, localTime, weekdayOf } from "./local-time.ts";
import type { PreparedTreatment } from "./prepared.ts";

export interface Quiet {
  readonly policy: PolicyIndex;
  readonly because: "quiet" | "no-time-zone";
  readonly reopensAt: Instant;
}

/** The quiet hours of one customer. Used again for the next: `open` starts over. */
export interface QuietTimes {
  readonly open: (input: DecisionInput) => void;
  /** Can anything be quiet for this request? */
  readonly speaks: () => boolean;
  /** Why nothing may be sent by this treatment now; undefined where it may. */
  readonly of: (treatment: PreparedTreatment) => Quiet | undefined;
}

/** Quiet hours that follow one another for longer than this never end. */
const QUIET_MAX_MS = 8 * DAY_MS;

export function createQuietTimes({ quietHours, zones, channels, placements }: Rulebook): QuietTimes {
  /** By ChannelIndex. */
  const policiesOf = channels.map(({ hash }) =>
    quietHours.filter((policy) => policy.channels.length === 0 || policy.channels.includes(hash)),
  );
  /** By ChannelIndex: worked out when first asked for; null: not quiet. */
  const known: (Quiet | null | undefined)[] = [];
  let input: DecisionInput | undefined;

  function open(next: DecisionInput): void {
    input = quietHours.length > 0 && isMessage(next.request) ? next : undefined;
    known.length = 0;
  }

  /** What a trigger puts on a screen, such as an agent's, wakes nobody. */
  function isMessage({ direction, placements: asked }: DecisionRequest): boolean {
    if (direction !== "outbound") return false;
    return asked.some(({ placement }) => placements[placement]?.direction === "outbound");
  }

  function of({ action, channel }: PreparedTreatment): Quiet | undefined {
    if (input === undefined || (action.exempt && action.urgent)) return undefined;
    const before = known[channel.index];
    if (before !== undefined) return before ?? undefined;
    const policies = policiesOf[channel.index] ?? [];
    const zone = policies.length === 0 ? undefined : zoneOf(zones, input.profile.attributes);
    const found = quietAt(policies, zone, input.now);
    known[channel.index] = found ?? null;
    return found;
  }

  return { open, speaks: () => input !== undefined, of };
}

/**
 * Why a message that was decided before may not be handed over to its gateway now; undefined where it may. What the rulebook
 * does not know any more waits for nothing.
 */
export function quietForMessage(
  { quietHours, zones, channels, placements, actions }: Rulebook,
  contact: Pick<Contact, "channel" | "placement" | "action">,
  attributes: ProfileView["attributes"],
  now: Instant,
): Quiet | undefined {
  const placement = placements.find(({ hash }) => hash === contact.placement);
  const action = actions.find(({ hash }) => hash === contact.action);
  if (placement?.direction !== "outbound" || action === undefined || (action.exempt && action.urgent)) return undefined;
  if (!channels.some(({ hash }) => hash === contact.channel)) return undefined;
  const policies = quietHours.filter(
    (policy) => policy.channels.length === 0 || policy.channels.includes(contact.channel),
  );
  return policies.length === 0 ? undefined : quietAt(policies, zoneOf(zones, attributes), now);
}

/** Of several quiet hours the one that ends last is told, and `reopensAt` is when none is left. */
function quietAt(policies: readonly QuietHours[], zone: LocalZone | undefined, now: Instant): Quiet | undefined {
  const first = policies[0];
  if (first === undefined) return undefined;
  if (zone === undefined) return { policy: first.index, because: "no-time-zone", reopensAt: NEVER };
  let told: QuietHours | undefined;
  let until = now;
  for (const policy of policies) {
    const end = quietUntil(policy, zone, now);
    if (end <= until) continue;
    told = policy;
    until = end;
  }
  if (told === undefined) return undefined;
  for (let end = until; end !== LONG_AGO; ) {
    until = end;
    if (until > now + QUIET_MAX_MS) return { policy: told.index, because: "quiet", reopensAt: NEVER };
    end = LONG_AGO;
    for (const policy of policies) end = Math.max(end, quietUntil(policy, zone, until)) as Instant;
  }
  return { policy: told.index, because: "quiet", reopensAt: until };
}

/**
 * When the quiet hours that `at` lies in end, LONG_AGO where it lies in none. Where the clock is put back they begin at the
 * earlier and end at the later of two equal local times; one that does not exist is the first instant after it.
 */
function quietUntil({ fromMinute, toMinute, days }: QuietHours, zone: LocalZone, at: Instant): Instant {
  const today = dayOf(zone, at);
  const nights = toMinute <= fromMinute ? 1 : 0;
  let until = LONG_AGO;
  // Those of tomorrow have not begun; those of the days before may go on where the clock went back, or a day is missing.
  for (let day = today - 1 - nights; day <= today; day++) {
    if (days[weekdayOf(day)] !== true) continue;
    const ends = zone.settledAt(localTime(day + nights, toMinute));
    if (ends > at && ends > until && zone.firstAt(localTime(day, fromMinute)) <= at) until = ends;
  }
  return until;
}
