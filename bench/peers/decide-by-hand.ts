// What the generated rulebook says, written by hand as one function, as somebody would who wants it fast and need not change it
// at run time: the same conditions, contact limits, cool-downs and priorities, the same winners with their texts, and
// for each candidate that lost the same reason. Candidates are columns, nothing is allocated for one; names are resolved once.
import type { Contact } from "../../engine/domain/contact.ts";
import type { DecisionInput } from "../../engine/domain/decision.ts";
import type { NameHash } from "../../engine/domain/ids.ts";
import { DAY_MS } from "../../engine/domain/time.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import type { DrawnAction } from "../load/generated-rules.ts";

/** Why a treatment is not offered; 0: it is. Those of an action hold for both of its treatments. */
export const REASONS = [
  "",
  "eligibility:of-age",
  "eligibility:long-enough",
  "applicability:interest",
  "suitability:not-in-arrears",
  "consent",
  "suppression",
  "contact-limit",
  "arbitration",
  "slots",
] as const;

export interface Shown {
  readonly action: number;
  readonly priority: number;
  readonly title: string;
  readonly text: string;
  readonly cta: string;
  readonly reasons: readonly string[];
}

export interface ByHand {
  /** Two at most on the start screen, one on the website. */
  readonly home: readonly Shown[];
  readonly hero: readonly Shown[];
  /** By action, for app and web: index into REASONS. */
  readonly app: Uint8Array;
  readonly web: Uint8Array;
}

const COOLED = 6;
const CAPPED = 7;
const SAME_ACTION = 8;
const NO_SLOT = 9;
const PER_ACTION = 6;
const PER_GROUP = 12;
const REST_DAYS: Readonly<Record<string, number>> = { declined: 30, accepted: 60, converted: 90, "no-response": 3 };

/** Valid until the next call. */
export function createByHand(actions: readonly DrawnAction[], rulebook: Rulebook): (input: DecisionInput) => ByHand {
  const featureAt = (name: string): number => rulebook.features.findIndex((feature) => feature.name === name);
  const attributeAt = (name: string): number => rulebook.attributes.findIndex((known) => known.name === name);
  const [age, tenure, arrears] = [attributeAt("age"), attributeAt("tenure_months"), attributeAt("arrears")];
  const firstName = attributeAt("first_name");
  const spend = featureAt("spend_30d");
  const count = actions.length;
  const feature = Int32Array.from(actions, (action) => featureAt(action.feature));
  const column = (read: (action: DrawnAction) => number): Float64Array => Float64Array.from(actions, read);
  const [least, ageMin, tenureMin] = [column((a) => a.least), column((a) => a.ageMin), column((a) => a.tenureMin)];
  const [base, slope] = [column((a) => a.base), column((a) => a.slope)];
  // By id, app before web: the order of the rulebook's treatments.
  const prior = (channel: 0 | 1) => rulebook.treatments.filter((_, at) => at % 2 === channel).map((one) => one.prior);
  const appAlpha = Float64Array.from(prior(0), ({ alpha }) => alpha);
  const webAlpha = Float64Array.from(prior(1), ({ alpha }) => alpha);
  const appSum = Float64Array.from(prior(0), ({ alpha, beta }) => alpha + beta);
  const webSum = Float64Array.from(prior(1), ({ alpha, beta }) => alpha + beta);
  const actionOf = new Map<NameHash, number>(rulebook.actions.map(({ hash, index }) => [hash, index]));
  const groups = [...new Set(rulebook.actions.map(({ group }) => group.hash))];
  const groupOf = new Map<NameHash, number>(groups.map((hash, index) => [hash, index]));
  const group = Int32Array.from(rulebook.actions, (action) => groupOf.get(action.group.hash) as number);
  const app = new Uint8Array(count);
  const web = new Uint8Array(count);
  const appPriority = new Float64Array(count);
  const webPriority = new Float64Array(count);
  const contacted = new Int32Array(count);
  const contactedGroup = new Int32Array(groups.length);
  const restsUntil = new Float64Array(count);
  let isTouched = false;

  function readContacts(contacts: readonly Contact[], now: number): void {
    if (isTouched) {
      contacted.fill(0);
      contactedGroup.fill(0);
      restsUntil.fill(0);
    }
    isTouched = contacts.length > 0;
    for (const contact of contacts) {
      const { state, exempt, at, outcome, outcomeAt } = contact;
      if (state === "released" || exempt) continue;
      const own = actionOf.get(contact.action);
      const inGroup = groupOf.get(contact.group);
      if (own !== undefined && at > now - 7 * DAY_MS) contacted[own] = (contacted[own] as number) + 1;
      if (inGroup !== undefined && at > now - DAY_MS) {
        contactedGroup[inGroup] = (contactedGroup[inGroup] as number) + 1;
      }
      const rest = REST_DAYS[outcome];
      if (own !== undefined && rest !== undefined) {
        restsUntil[own] = Math.max(restsUntil[own] as number, outcomeAt + rest * DAY_MS);
      }
    }
  }

  function barred(action: number, now: number): number {
    if ((restsUntil[action] as number) > now) return COOLED;
    if ((contacted[action] as number) >= PER_ACTION) return CAPPED;
    return (contactedGroup[group[action] as number] as number) >= PER_GROUP ? CAPPED : 0;
  }

  return ({ profile, evidence, now }) => {
    const { features, attributes, contacts } = profile;
    const { trials, positives } = evidence;
    readContacts(contacts, now);
    const years = attributes[age] as number;
    const months = attributes[tenure] as number;
    const spent = features[spend] as number;
    const isSound = attributes[arrears] === false;
    for (let index = 0; index < count; index++) {
      let reason = 0;
      if (!(years >= (ageMin[index] as number))) reason = 1;
      else if (!(months >= (tenureMin[index] as number))) reason = 2;
      else if (!((features[feature[index] as number] as number) >= (least[index] as number))) reason = 3;
      else if (!isSound) reason = 4;
      else if (isTouched) reason = barred(index, now);
      app[index] = reason;
      web[index] = reason;
      if (reason !== 0) continue;
      const value = (base[index] as number) + (slope[index] as number) * spent;
      const [atApp, atWeb] = [2 * index, 2 * index + 1];
      const appP =
        ((appAlpha[index] as number) + (positives[atApp] as number)) /
        ((appSum[index] as number) + (trials[atApp] as number));
      const webP =
        ((webAlpha[index] as number) + (positives[atWeb] as number)) /
        ((webSum[index] as number) + (trials[atWeb] as number));
      appPriority[index] = appP * value;
      webPriority[index] = webP * value;
      app[index] = NO_SLOT;
      web[index] = NO_SLOT;
    }
    return place(attributes[firstName] as string, features);
  };

  /** Of all pairs the best one that may still stand, until both slots of the one and the one of the other are taken. */
  function place(name: string, features: Float64Array): ByHand {
    const home: Shown[] = [];
    const hero: Shown[] = [];
    for (let slot = 0; slot < 3; slot++) {
      let best = -1;
      let most = -1;
      let isWeb = false;
      for (let index = 0; index < count; index++) {
        if (home.length < 2 && app[index] === NO_SLOT && (appPriority[index] as number) > most) {
          best = index;
          most = appPriority[index] as number;
          isWeb = false;
        }
        if (hero.length < 1 && web[index] === NO_SLOT && (webPriority[index] as number) > most) {
          best = index;
          most = webPriority[index] as number;
          isWeb = true;
        }
      }
      if (best < 0) break;
      (isWeb ? hero : home).push(shown(best, most, name, features));
      // What ranks higher was tried before, and its slots were taken already.
      app[best] = !isWeb ? 0 : (appPriority[best] as number) >= most ? NO_SLOT : SAME_ACTION;
      web[best] = isWeb ? 0 : (webPriority[best] as number) > most ? NO_SLOT : SAME_ACTION;
    }
    return { home, hero, app, web };
  }

  function shown(action: number, priority: number, name: string, features: Float64Array): Shown {
    const spent = features[spend] as number;
    const reasons = [`${features[feature[action] as number]} times of late`];
    if (spent >= 50) reasons.push(`Spent ${Math.round(spent * 100) / 100} in 30 days`);
    return { action, priority, title: `An offer for ${name}`, text: "Have a look.", cta: "Look", reasons };
  }
}
