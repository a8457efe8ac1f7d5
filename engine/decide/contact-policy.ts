// Suppression: is it too soon for this action, or the wrong moment? Cool-downs, related suppressions, open cases, snoozes,
// and what is on a screen already.
import type { Contact } from "../domain/contact.ts";
import type { DecisionInput, OpenCase } from "../domain/decision.ts";
import type { ActionIndex, NameHash, PlacementIndex, PolicyIndex } from "../domain/ids.ts";
import { DAY_MS, type Instant, LONG_AGO, NEVER, plus } from "../domain/time.ts";
import type { ActionSet, RelatedSuppression } from "../rulebook/policies.ts";
import type { Action, Placement, Rulebook } from "../rulebook/rulebook.ts";
import type { Trigger } from "../rulebook/triggers.ts";
import { type Cooling, coolDown, happenedAt, isIn } from "./cool-downs.ts";
import { createWithIssues } from "./foreign-contacts.ts";
import type { PreparedTreatment } from "./prepared.ts";

/** Stand in drops for what no file declares. */
export const SNOOZED_POLICY = -2 as PolicyIndex;
export const LIVE_POLICY = -3 as PolicyIndex;
export const TURNED_DOWN_POLICY = -4 as PolicyIndex;

/** What answers a rejection does not offer again what was turned down within this time. */
const TURNED_DOWN_MS = DAY_MS;

export interface Suppression {
  readonly policy: PolicyIndex;
  readonly because: "cool-down" | "related" | "open-case" | "snoozed";
  readonly reopensAt: Instant;
}

/** What the contacts and cases of one customer forbid. Used again for the next customer: `open` starts over. */
export interface Suppressions {
  readonly open: (input: DecisionInput) => void;
  /** May anything be suppressed or live at all? Where not, nobody has to be asked about. */
  readonly speaks: () => boolean;
  /** Of several the one that ends last. Exempt actions may only be snoozed or turned down. */
  readonly of: (treatment: PreparedTreatment) => Suppression | undefined;
  /** The open case that forbids this action. */
  readonly byCase: (action: Action) => Suppression | undefined;
  /** What outcomes of others have begun since this contact of the treatment was made. */
  readonly byOthers: (treatment: PreparedTreatment, own: Contact) => Suppression | undefined;
  /** Until when the action is live on the treatment's channel in another placement; LONG_AGO where it is not. */
  readonly liveElsewhereUntil: (treatment: PreparedTreatment, placement: PlacementIndex) => Instant;
  /** Is the action on any screen? */
  readonly isLive: (action: Action) => boolean;
}

/** A suppression of a set of actions. */
interface Covering {
  readonly covers: (action: ActionIndex) => boolean;
  readonly suppression: Suppression;
}

export function createSuppressions(rulebook: Rulebook): Suppressions {
  const cooling = {
    action: new Map<NameHash, Suppression>(),
    group: new Map<NameHash, Suppression>(),
    issue: new Map<NameHash, Suppression>(),
    channel: new Map<NameHash, Suppression>(),
  };
  const snoozed = new Map<NameHash, Suppression>();
  let everything: Suppression | undefined;
  const related = rulebook.related.map((policy) => ({ policy, covers: covering(rulebook, policy.suppresses) }));
  const relatedNow: Covering[] = [];
  const cases = rulebook.caseRules.map(({ index, kinds, suppresses }) => ({
    kinds,
    covers: covering(rulebook, suppresses),
    suppression: { policy: index, because: "open-case" as const, reopensAt: NEVER },
  }));
  const casesNow: Covering[] = [];
  const live: Contact[] = [];
  const liveActions = new Set<NameHash>();
  let isDirty = false;
  const withIssues = createWithIssues(rulebook);
  let opened: { readonly contacts: readonly Contact[]; readonly now: Instant } = { contacts: [], now: LONG_AGO };
  const rejections = new Map(rulebook.triggers.filter(({ kind }) => kind === "rejection").map((one) => [one.id, one]));

  function open({ profile, request, now }: DecisionInput): void {
    const contacts = withIssues(profile.contacts);
    opened = { contacts, now };
    if (isDirty) clear();
    isDirty = contacts.length > 0 || profile.openCases.length > 0;
    if (!isDirty) return;
    openContacts(contacts, now);
    const rejection = request.trigger === undefined ? undefined : rejections.get(request.trigger);
    if (rejection !== undefined) openRejected(rejection, contacts, now);
    for (const policy of rulebook.coolDowns) {
      coolDown(policy, contacts, now, (what, reopensAt) => {
        begin(policy.scope, what, { policy: policy.index, because: "cool-down", reopensAt });
      });
    }
    for (const policy of related) openRelated(policy, contacts, now);
    if (profile.openCases.length === 0) return;
    for (const rule of cases) if (isOpen(rule.kinds, profile.openCases)) casesNow.push(rule);
  }

  function clear(): void {
    for (const scope of Object.values(cooling)) scope.clear();
    snoozed.clear();
    everything = undefined;
    relatedNow.length = 0;
    casesNow.length = 0;
    live.length = 0;
    liveActions.clear();
  }

  function speaks(): boolean {
    if (!isDirty) return false;
    if (everything !== undefined || snoozed.size + live.length + relatedNow.length + casesNow.length > 0) return true;
    return cooling.action.size + cooling.group.size + cooling.issue.size + cooling.channel.size > 0;
  }

  function openContacts(contacts: readonly Contact[], now: Instant): void {
    for (const contact of contacts) {
      if (contact.outcome === "later" && contact.until > now) {
        keepLatest(snoozed, contact.action, { policy: SNOOZED_POLICY, because: "snoozed", reopensAt: contact.until });
      }
      if (contact.live && contact.expiresAt > now) {
        live.push(contact);
        liveActions.add(contact.action);
      }
    }
  }

  /** Without a cool-down it would be the next best; and what cannot be delivered would be sent again and again. */
  function openRejected({ placement, outcomes }: Trigger, contacts: readonly Contact[], now: Instant): void {
    const { hash } = rulebook.placements[placement] as Placement;
    for (const { action, placement: where, outcome, outcomeAt } of contacts) {
      const reopensAt = plus(outcomeAt, TURNED_DOWN_MS);
      if (where !== hash || reopensAt <= now || !outcomes.includes(outcome)) continue;
      keepLatest(snoozed, action, { policy: TURNED_DOWN_POLICY, because: "cool-down", reopensAt });
    }
  }

  function begin(scope: keyof typeof cooling | "all", what: Cooling, suppression: Suppression): void {
    if (scope === "all" || what === undefined) everything = later(everything, suppression);
    else keepLatest(cooling[scope], what, suppression);
  }

  function openRelated({ policy, covers }: (typeof related)[number], contacts: readonly Contact[], now: Instant): void {
    const reopensAt = relatedUntil(policy, contacts);
    if (reopensAt <= now) return;
    relatedNow.push({ covers, suppression: { policy: policy.index, because: "related", reopensAt } });
  }

  function of({ action, channel }: PreparedTreatment): Suppression | undefined {
    let worst = snoozed.size === 0 ? undefined : snoozed.get(action.hash);
    if (action.exempt) return worst;
    worst = later(worst, everything);
    if (cooling.action.size > 0) worst = later(worst, cooling.action.get(action.hash));
    if (cooling.group.size > 0) worst = later(worst, cooling.group.get(action.group.hash));
    if (cooling.issue.size > 0) worst = later(worst, cooling.issue.get(action.issue.hash));
    if (cooling.channel.size > 0) worst = later(worst, cooling.channel.get(channel.hash));
    for (const { covers, suppression } of relatedNow) if (covers(action.index)) worst = later(worst, suppression);
    return later(worst, byCase(action));
  }

  function byCase(action: Action): Suppression | undefined {
    if (action.exempt) return undefined;
    for (const { covers, suppression } of casesNow) if (covers(action.index)) return suppression;
    return undefined;
  }

  function byOthers({ action, channel }: PreparedTreatment, own: Contact): Suppression | undefined {
    if (action.exempt) return undefined;
    const { contacts, now } = opened;
    const others = contacts.filter(({ trackingCode }) => trackingCode !== own.trackingCode);
    let worst: Suppression | undefined;
    for (const policy of rulebook.coolDowns) {
      // Side by side with it, or before it was offered, others were contacted too: that was no hindrance then.
      if (policy.after === "contacted") continue;
      const { scope } = policy;
      const names = { action: action.hash, group: action.group.hash, issue: action.issue.hash, channel: channel.hash };
      coolDown(policy, others, now, (what, reopensAt) => {
        if (scope !== "all" && what !== names[scope]) return;
        if (reopensAt - policy.forMs <= own.at) return;
        worst = later(worst, { policy: policy.index, because: "cool-down", reopensAt });
      });
    }
    for (const { policy, covers } of related) {
      if (policy.after === "contacted" || !covers(action.index)) continue;
      const reopensAt = relatedUntil(policy, others);
      if (reopensAt <= now || reopensAt - policy.forMs <= own.at) continue;
      worst = later(worst, { policy: policy.index, because: "related", reopensAt });
    }
    return worst;
  }

  function liveElsewhereUntil({ action, channel }: PreparedTreatment, placement: PlacementIndex): Instant {
    let until = LONG_AGO;
    if (!liveActions.has(action.hash)) return until;
    const here = (rulebook.placements[placement] as Placement).hash;
    for (const contact of live) {
      if (contact.action !== action.hash || contact.channel !== channel.hash || contact.placement === here) continue;
      if (contact.expiresAt > until) until = contact.expiresAt;
    }
    return until;
  }

  return { open, speaks, of, byCase, byOthers, liveElsewhereUntil, isLive: (action) => liveActions.has(action.hash) };
}

/** When it ends, LONG_AGO where it never began. */
function relatedUntil({ of: set, after, forMs }: RelatedSuppression, contacts: readonly Contact[]): Instant {
  let until = LONG_AGO;
  for (const contact of contacts) {
    if (!isIn(set, contact.action, contact.group, contact.issue)) continue;
    const at = happenedAt(after, contact);
    if (at !== undefined && at + forMs > until) until = plus(at, forMs);
  }
  return until;
}

/** What a policy without a set suppresses is everything. */
function covering({ actions }: Rulebook, set: ActionSet | undefined): Covering["covers"] {
  if (set === undefined) return () => true;
  const members = actions.map((action) => isIn(set, action.hash, action.group.hash, action.issue.hash));
  return (action) => members[action] === true;
}

function isOpen(kinds: readonly string[], openCases: readonly OpenCase[]): boolean {
  return kinds.length === 0 || openCases.some(({ kind }) => kinds.includes(kind));
}

function keepLatest(map: Map<NameHash, Suppression>, scope: NameHash, found: Suppression): void {
  map.set(scope, later(map.get(scope), found) as Suppression);
}

/** The one that ends last; of equals the declared policy of lowest index, then the snooze. */
function later(a: Suppression | undefined, b: Suppression | undefined): Suppression | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  if (a.reopensAt !== b.reopensAt) return a.reopensAt > b.reopensAt ? a : b;
  if (a.policy >= 0 !== b.policy >= 0) return a.policy >= 0 ? a : b;
  return a.policy <= b.policy ? a : b;
}
