// Limits, cool-downs, suppressions and quotas that can never bite: because nothing is in their scope, or because a tighter
// one that covers all of theirs always bites first. Only what can be proved is told.

import { isInSet } from "./action-set.ts";
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import type { ContactLimit, CoolDown, Quota } from "./policies.ts";
import type { Action, Channel, Placement, Rulebook, Treatment } from "./rulebook.ts";

export function lintLimits({ rulebook }: LintInput): readonly Lint[] {
  const offers = offersOf(rulebook);
  const limited = offers.filter(({ action }) => !action.exempt);
  return [...limitLints(rulebook, limited), ...suppressionLints(rulebook, limited), ...quotaLints(rulebook, offers)];
}

/** One way in which an action can reach a customer. */
interface Offer {
  readonly action: Action;
  readonly treatment: Treatment;
  readonly channel: Channel;
  readonly placement: Placement;
}

function offersOf(rulebook: Rulebook): readonly Offer[] {
  return rulebook.treatments.flatMap((treatment) =>
    treatment.placements.map((index) => ({
      action: rulebook.actions[treatment.action] as Action,
      treatment,
      channel: rulebook.channels[treatment.channel] as Channel,
      placement: rulebook.placements[index] as Placement,
    })),
  );
}

type Scope = Pick<Quota, "channel" | "issue" | "group" | "action">;

function isInScope({ channel, issue, group, action }: Scope, offer: Offer): boolean {
  if (channel !== undefined && offer.channel.hash !== channel) return false;
  if (issue !== undefined && offer.action.issue.hash !== issue) return false;
  if (group !== undefined && offer.action.group.hash !== group) return false;
  return action === undefined || offer.action.hash === action;
}

function limitLints({ contactLimits }: Rulebook, limited: readonly Offer[]): readonly Lint[] {
  return contactLimits.flatMap((limit): Lint[] => {
    const name = `limit ${JSON.stringify(limit.id)}`;
    const inScope = limited.filter(
      (offer) =>
        isInScope(limit, offer) &&
        (limit.direction === "both" || limit.direction === "each" || offer.placement.direction === limit.direction),
    );
    if (inScope.length === 0) {
      return [
        lintAt(
          limit.place,
          "moot-limit",
          "warning",
          `${name} limits nothing: no treatment that is not exempt is in its scope`,
        ),
      ];
    }
    const tighter = contactLimits.find((other) => other !== limit && bitesFirst(other, limit));
    if (tighter !== undefined) {
      const message = `${name} never bites: ${JSON.stringify(tighter.id)} covers all that it counts and always bites first`;
      return [lintAt(limit.place, "moot-limit", "warning", message)];
    }
    const slower = contactLimits.find((other) => other !== limit && letsThrough(other, limit) <= limit.max);
    if (slower === undefined) return [];
    const most = letsThrough(slower, limit);
    const message = `${name} allows ${limit.max}, but ${JSON.stringify(slower.id)} lets only ${most} through in that time: it bites only where other senders' contacts come on top`;
    return [lintAt(limit.place, "slack-limit", "note", message)];
  });
}

/** The most that `other`, over a shorter time, lets through while `limit` counts: its own maximum, as often as its time is begun in the other's. */
function letsThrough(other: ContactLimit, limit: ContactLimit): number {
  if (other.windowMs >= limit.windowMs || !countsAll(other, limit)) return Number.POSITIVE_INFINITY;
  if (other.calendarDays === 0) return other.max * Math.ceil(limit.windowMs / other.windowMs);
  if (limit.calendarDays === 0) return Number.POSITIVE_INFINITY; // a week touches eight days, or nine where clocks change
  return other.max * Math.ceil(limit.calendarDays / other.calendarDays);
}

/** Whatever reaches `limit` has reached `other` before, or at the same time; of two that are alike the later one is moot. */
function bitesFirst(other: ContactLimit, limit: ContactLimit): boolean {
  if (other.max > limit.max || !lastsAsLong(other, limit) || !countsAll(other, limit)) return false;
  const isAlike = other.max === limit.max && lastsAsLong(limit, other) && countsAll(limit, other);
  return !isAlike || other.index < limit.index;
}

function lastsAsLong(other: ContactLimit, limit: ContactLimit): boolean {
  if (other.calendarDays > 0) return limit.calendarDays > 0 && other.calendarDays >= limit.calendarDays;
  return other.windowMs >= limit.windowMs;
}

/** One counter of `other` holds all that any one counter of `limit` does. */
function countsAll(other: ContactLimit, limit: ContactLimit): boolean {
  for (const kind of ["channel", "issue", "group", "action"] as const) {
    if (other[kind] !== undefined && other[kind] !== limit[kind]) return false;
  }
  if (other.per !== "all" && other.per !== limit.per && limit[other.per] === undefined) return false;
  if (other.direction === "both") return true;
  if (other.direction === "each") return limit.direction !== "both";
  return other.direction === limit.direction;
}

function suppressionLints(rulebook: Rulebook, limited: readonly Offer[]): readonly Lint[] {
  const { coolDowns, related, caseRules } = rulebook;
  const fromCoolDowns = coolDowns.flatMap((coolDown): Lint[] => {
    const name = `cool-down ${JSON.stringify(coolDown.id)}`;
    if (!limited.some((offer) => isCooled(coolDown, offer))) {
      return [
        lintAt(
          coolDown.place,
          "moot-cool-down",
          "warning",
          `${name} stops nothing: no treatment that is not exempt is in its scope`,
        ),
      ];
    }
    const longer = coolDowns.find((other) => other !== coolDown && stopsAll(other, coolDown));
    if (longer === undefined) return [];
    const message = `${name} stops nothing more than ${JSON.stringify(longer.id)} does, which is as wide and as long`;
    return [lintAt(coolDown.place, "moot-cool-down", "warning", message)];
  });
  const fromSets = [...related, ...caseRules].flatMap(({ id, place, suppresses }): Lint[] => {
    if (limited.some(({ action }) => suppresses === undefined || isInSet(suppresses, action))) return [];
    const message = `policy ${JSON.stringify(id)} suppresses nothing: every action that it names is exempt`;
    return [lintAt(place, "moot-suppression", "warning", message)];
  });
  return [...fromCoolDowns, ...fromSets];
}

function isCooled({ scope, only }: CoolDown, { action, channel }: Offer): boolean {
  if (only === undefined || scope === "all") return true;
  if (scope === "channel") return channel.hash === only;
  return (scope === "action" ? action.hash : action[scope].hash) === only;
}

const WIDER: Readonly<Record<CoolDown["scope"], readonly CoolDown["scope"][]>> = {
  action: ["action", "group", "issue", "all"],
  group: ["group", "issue", "all"],
  issue: ["issue", "all"],
  channel: ["channel", "all"],
  all: ["all"],
};

/** Whenever `coolDown` stops something, `other` stops it too. */
function stopsAll(other: CoolDown, coolDown: CoolDown): boolean {
  if (other.after !== coolDown.after || other.forMs < coolDown.forMs || !WIDER[coolDown.scope].includes(other.scope)) {
    return false;
  }
  if (other.only !== undefined && (other.scope !== coolDown.scope || other.only !== coolDown.only)) return false;
  const isEasier =
    other.times === 1 ||
    (other.times <= coolDown.times && (other.withinMs as number) >= (coolDown.withinMs ?? Number.POSITIVE_INFINITY));
  if (!isEasier) return false;
  const isAlike =
    other.forMs === coolDown.forMs &&
    other.scope === coolDown.scope &&
    other.only === coolDown.only &&
    other.times === coolDown.times &&
    other.withinMs === coolDown.withinMs;
  return !isAlike || other.index < coolDown.index;
}

function quotaLints({ quotas }: Rulebook, offers: readonly Offer[]): readonly Lint[] {
  return quotas.flatMap((quota): Lint[] => {
    const inScope = offers.filter((offer) => isInScope(quota, offer));
    const name = `quota ${JSON.stringify(quota.id)}`;
    if (inScope.length === 0) {
      return [lintAt(quota.place, "moot-quota", "warning", `${name} limits nothing: no treatment is in its scope`)];
    }
    if (quota.unit === "contacts") return [];
    const costs = inScope.map(({ treatment }) => treatment.cost);
    if (costs.every((cost) => cost === 0)) {
      const message = `${name} is spent by nothing: no treatment in its scope has a cost`;
      return [lintAt(quota.place, "moot-quota", "warning", message)];
    }
    if (costs.every((cost) => cost > quota.max)) {
      const message = `${name} lets nothing through: every treatment in its scope costs more than ${quota.max}`;
      return [lintAt(quota.place, "closed-quota", "warning", message)];
    }
    return [];
  });
}
