// Consent and suppression: may this customer be contacted on this channel, and is it too soon for this action?
import type { Contact, Outcome } from "../domain/contact.ts";
import type { Consent } from "../domain/decision.ts";
import type { NameHash, PlacementIndex, PolicyIndex } from "../domain/ids.ts";
import { type Instant, LONG_AGO } from "../domain/time.ts";
import type { CoolDown } from "../rulebook/policies.ts";
import type { Action, Placement, Rulebook } from "../rulebook/rulebook.ts";
import type { ConsentNeed, PreparedTreatment } from "./prepared.ts";

/** Stand in drops for what no file declares. */
export const SNOOZED_POLICY = -2 as PolicyIndex;
export const LIVE_POLICY = -3 as PolicyIndex;

export type ConsentVerdict = "granted" | "denied" | "not-given";

export interface Suppression {
  readonly policy: PolicyIndex;
  readonly because: "cool-down" | "snoozed" | "already-live";
  readonly reopensAt: Instant;
}

/** What the contacts of one customer forbid. Used again for the next customer: `open` starts over. */
export interface Suppressions {
  readonly open: (contacts: readonly Contact[], now: Instant) => void;
  /** Cool-down or snooze of this action: of several, the one that ends last. */
  readonly of: (action: Action) => Suppression | undefined;
  /** Until when the action is live on the treatment's channel in another placement; LONG_AGO where it is not. */
  readonly liveElsewhereUntil: (treatment: PreparedTreatment, placement: PlacementIndex) => Instant;
}

/**
 * The newest record of exactly this channel, else the newest for every channel, else what the channel declares.
 * Of two records of the same instant the refusal holds.
 */
export function consentVerdict(need: ConsentNeed, consents: readonly Consent[]): ConsentVerdict {
  let found: Consent | undefined;
  for (const consent of consents) {
    if (consent.purpose !== need.purpose) continue;
    if (consent.channel !== need.channel.name && consent.channel !== "*") continue;
    if (found === undefined || outranks(consent, found)) found = consent;
  }
  if (found !== undefined) return found.granted ? "granted" : "denied";
  return need.channel.consentDefault === "granted" ? "granted" : "not-given";
}

function outranks(a: Consent, b: Consent): boolean {
  const aExact = a.channel !== "*";
  if (aExact !== (b.channel !== "*")) return aExact;
  if (a.ts !== b.ts) return a.ts > b.ts;
  return !a.granted && b.granted;
}

export function createSuppressions(rulebook: Rulebook): Suppressions {
  const byScope = {
    action: new Map<NameHash, Suppression>(),
    group: new Map<NameHash, Suppression>(),
    issue: new Map<NameHash, Suppression>(),
  };
  const live: Contact[] = [];
  const liveActions = new Set<NameHash>();

  function open(contacts: readonly Contact[], now: Instant): void {
    byScope.action.clear();
    byScope.group.clear();
    byScope.issue.clear();
    live.length = 0;
    liveActions.clear();
    for (const contact of contacts) {
      for (const coolDown of rulebook.coolDowns) note(coolDown, contact, now);
      if (contact.outcome === "later" && contact.until > now) {
        keepLatest(byScope.action, contact.action, {
          policy: SNOOZED_POLICY,
          because: "snoozed",
          reopensAt: contact.until,
        });
      }
      if (contact.live && contact.expiresAt > now) {
        live.push(contact);
        liveActions.add(contact.action);
      }
    }
  }

  function note(coolDown: CoolDown, contact: Contact, now: Instant): void {
    if (!follows(coolDown.after, contact.outcome)) return;
    const reopensAt = (contact.outcomeAt + coolDown.forMs) as Instant;
    if (coolDown.scope === "all" || coolDown.scope === "channel") return;
    const scope = contact[coolDown.scope];
    if (reopensAt <= now || (coolDown.only !== undefined && coolDown.only !== scope)) return;
    keepLatest(byScope[coolDown.scope], scope, { policy: coolDown.index, because: "cool-down", reopensAt });
  }

  function of(action: Action): Suppression | undefined {
    let worst = byScope.action.size === 0 ? undefined : byScope.action.get(action.hash);
    if (byScope.group.size > 0) worst = later(worst, byScope.group.get(action.group.hash));
    if (byScope.issue.size > 0) worst = later(worst, byScope.issue.get(action.issue.hash));
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

  return { open, of, liveElsewhereUntil };
}

/** A conversion is an acceptance carried through: it ends no cool-down that the acceptance began. */
function follows(after: CoolDown["after"], outcome: Outcome): boolean {
  return outcome === after || (after === "accepted" && outcome === "converted");
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
