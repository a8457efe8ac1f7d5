// What contact policy, quotas and priorities mean, told plainly: each question goes through all contacts anew, nothing is
// prepared, counted ahead or remembered.
import type { Contact } from "../../engine/domain/contact.ts";
import type { DecisionInput } from "../../engine/domain/decision.ts";
import { drawOf } from "../../engine/domain/hash.ts";
import type { Arm } from "../../engine/rulebook/experiments.ts";
import type { Action, Channel, Placement, Rulebook, RuleScope, Treatment } from "../../engine/rulebook/rulebook.ts";

/** One decision being made. */
export interface Case {
  readonly rulebook: Rulebook;
  readonly input: DecisionInput;
  readonly scope: RuleScope;
  readonly arms: readonly Arm[];
  /** What it has placed so far. */
  readonly placed: { readonly treatment: Treatment; readonly placement: Placement; readonly priority: number }[];
}

export const actionOf = ({ rulebook }: Case, { action }: Treatment): Action => rulebook.actions[action] as Action;
const channelOf = ({ rulebook }: Case, { channel }: Treatment): Channel => rulebook.channels[channel] as Channel;

/** Names that limits, quotas and boosts speak of. */
function namesOf(one: Case, treatment: Treatment) {
  const { hash: action, group, issue } = actionOf(one, treatment);
  return { channel: channelOf(one, treatment).hash, action, group: group.hash, issue: issue.hash };
}

type Names = ReturnType<typeof namesOf>;

const fits = (of: { readonly [K in keyof Names]: Names[K] | undefined }, names: Names): boolean =>
  (["channel", "action", "group", "issue"] as const).every(
    (kind) => of[kind] === undefined || of[kind] === names[kind],
  );

/** CNS-1 to CNS-4. */
export function consentOf(one: Case, treatment: Treatment): "granted" | "denied" | "not-given" {
  const { purpose } = actionOf(one, treatment);
  const channel = channelOf(one, treatment);
  const newest = (name: string) =>
    one.input.profile.consents
      .filter((consent) => consent.purpose === purpose && consent.channel === name)
      .sort((a, b) => b.ts - a.ts || Number(a.granted) - Number(b.granted))[0];
  const [own, all] = [newest(channel.name), newest("*")];
  if (own !== undefined && all !== undefined && !all.granted && all.ts > own.ts) return "denied";
  const said = own ?? all;
  if (said !== undefined) return said.granted ? "granted" : "denied";
  return (channel.consentDefaults.get(purpose) ?? channel.consentDefault) === "granted" ? "granted" : "not-given";
}

const hasHad = (cause: string, { outcome, previous }: Contact): boolean =>
  outcome === cause ||
  (cause === "accepted" && outcome === "converted") ||
  (cause === "clicked" && previous === "clicked");

/** SUP-1 to SUP-4, of cool-downs that begin at once, and snoozes. */
export function isSuppressed(one: Case, treatment: Treatment): boolean {
  const { now, profile } = one.input;
  const names = namesOf(one, treatment);
  const isSnoozed = profile.contacts.some(
    ({ action, outcome, until }) => action === names.action && outcome === "later" && until > now,
  );
  if (isSnoozed || actionOf(one, treatment).exempt) return isSnoozed;
  return one.rulebook.coolDowns.some(({ after, scope, forMs }) =>
    profile.contacts.some(
      (contact) =>
        !contact.exempt &&
        hasHad(after, contact) &&
        contact[scope as keyof Names] === names[scope as keyof Names] &&
        contact.outcomeAt + forMs > now,
    ),
  );
}

/** SUP-5 */
export function isLiveElsewhere(one: Case, treatment: Treatment, placement: Placement): boolean {
  const { action, channel } = namesOf(one, treatment);
  return one.input.profile.contacts.some(
    (contact) =>
      contact.live &&
      contact.expiresAt > one.input.now &&
      contact.action === action &&
      contact.channel === channel &&
      contact.placement !== placement.hash,
  );
}

/** CON-1 to CON-5: rolling windows. */
export function isAtLimit(one: Case, treatment: Treatment): boolean {
  if (actionOf(one, treatment).exempt) return false;
  const { now, profile, request } = one.input;
  const names = namesOf(one, treatment);
  return one.rulebook.contactLimits.some((limit) => {
    const counted = limit.direction === "each" ? request.direction : limit.direction;
    if (counted !== "both" && counted !== request.direction) return false;
    if (!fits(limit, names)) return false;
    const isSame = (other: Names): boolean =>
      fits(limit, other) && (limit.per === "all" || other[limit.per] === names[limit.per]);
    const before = profile.contacts.filter(
      (contact) =>
        contact.state !== "released" &&
        !contact.exempt &&
        contact.at > now - limit.windowMs &&
        (counted === "both" || contact.inbound === (counted === "inbound")) &&
        isSame(contact),
    );
    const beside = one.placed.filter(
      (each) => !actionOf(one, each.treatment).exempt && isSame(namesOf(one, each.treatment)),
    );
    return before.length + beside.length >= limit.max;
  });
}

/** QTA-1, QTA-2 */
export function lacksQuota(one: Case, treatment: Treatment): boolean {
  return one.rulebook.quotas.some((quota) => {
    const needs = (of: Treatment): number =>
      fits(quota, namesOf(one, of)) ? (quota.unit === "contacts" ? 1 : of.cost) : 0;
    if (needs(treatment) === 0) return false;
    let left = one.input.quotas[quota.index] as number;
    for (const each of one.placed) left -= needs(each.treatment);
    return left < needs(treatment);
  });
}

/** PRO-1 */
export function propensityOf({ input }: Case, { index, prior }: Treatment): number {
  const { trials, positives } = input.evidence;
  return (prior.alpha + (positives[index] as number)) / (prior.alpha + prior.beta + (trials[index] as number));
}

/** Terms are added from the least on: a sum must not depend on the order of the contacts. */
const sumOf = (terms: readonly number[]): number =>
  terms.toSorted((a, b) => a - b).reduce((sum, term) => sum + term, 0);
const recent = (age: number, halfLifeMs: number): number => 2 ** (-Math.max(0, age) / halfLifeMs);

/** ARB-1 to ARB-3; NaN where it cannot be computed. */
export function priorityOf(one: Case, treatment: Treatment): number {
  const { rulebook, scope, arms } = one;
  const action = actionOf(one, treatment);
  let context = 1;
  for (const { when, weight } of [...action.context, ...treatment.context]) {
    const verdict = rulebook.evaluateRule(when, scope);
    if (verdict === 2) return Number.NaN;
    if (verdict === 1) context *= weight;
  }
  const weights = new Float64Array(rulebook.weights);
  rulebook.evaluateWeights(scope, weights);
  const { value } = action;
  const worth = value.kind === "constant" ? value.value : (weights[value.slot] as number);
  if (!(worth >= 0) || !Number.isFinite(worth)) return Number.NaN;
  const inArms = arms.reduce((product, { levers }) => product * (levers.get(action.index) ?? 1), 1);
  const lever = action.lever * inArms * treatment.lever;
  const { arbitration: to } = rulebook;
  const priority =
    propensityOf(one, treatment) ** to.propensity *
    context ** to.context *
    worth ** to.value *
    lever ** to.lever *
    boostOf(one, treatment) ** to.boost *
    fatigueOf(one, treatment) ** to.fatigue;
  return priority >= 0 && Number.isFinite(priority) ? priority : Number.NaN;
}

/** BST-1 to BST-3 */
function boostOf(one: Case, treatment: Treatment): number {
  const { now, profile } = one.input;
  const names = namesOf(one, treatment);
  return one.rulebook.boosts.reduce((product, { after, scope, only, weight, halfLifeMs }) => {
    const terms = profile.contacts
      .filter(
        (contact) =>
          hasHad(after, contact) && contact[scope] === names[scope] && (only ?? names[scope]) === names[scope],
      )
      .map(({ outcomeAt }) => recent(now - outcomeAt, halfLifeMs));
    return terms.length === 0 ? product : product * weight ** sumOf(terms);
  }, 1);
}

/** FTG-1, FTG-2 */
function fatigueOf(one: Case, treatment: Treatment): number {
  const { fatigue, channels } = one.rulebook;
  if (fatigue === undefined || actionOf(one, treatment).exempt) return 1;
  const { now, profile } = one.input;
  const pressures = channels.map(({ hash, index }) =>
    sumOf(
      profile.contacts
        .filter(({ state, exempt, channel }) => state !== "released" && !exempt && channel === hash)
        .map(({ at, outcome }) => {
          const isAnswered = ["clicked", "accepted", "converted"].includes(outcome);
          return (
            (fatigue.weights[index] as number) *
            (isAnswered ? fatigue.answered : 1) *
            recent(now - at, fatigue.halfLifeMs)
          );
        }),
    ),
  );
  let others = 0;
  for (const [index, pressure] of pressures.entries()) if (index !== treatment.channel) others += pressure;
  return 2 ** (-((pressures[treatment.channel] as number) + fatigue.otherChannels * others) / fatigue.halvesAt);
}

/** XPR-1 */
export function armsOf({ experiments }: Rulebook, { profile, now }: DecisionInput): readonly Arm[] {
  return experiments.flatMap(({ layer, salt, firstBucket, lastBucket, from, to, arms }) => {
    const bucket = Math.floor(100 * drawOf(`layer\n${layer}\n${profile.key}`));
    if (now < from || now >= to || bucket < firstBucket || bucket > lastBucket) return [];
    const draw = drawOf(`arm\n${salt}\n${profile.key}`);
    return arms.filter(({ upTo }) => draw < upTo).slice(0, 1);
  });
}

/** HLD-1 */
export function isHeldOut({ holdout }: Rulebook, { profile }: DecisionInput): boolean {
  return holdout !== undefined && drawOf(`holdout\n${holdout.salt}\n${profile.key}`) < holdout.share;
}
