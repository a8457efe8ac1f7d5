// What a journal may never say, judged by the rules as they are written in YAML, by wall clocks and plain loops: nothing of the
// engine but the hash by which customers are drawn.
import type { DecisionRecord, SlateRecord } from "../../engine/domain/decision.ts";
import { drawOf } from "../../engine/domain/hash.ts";
import { clockOf, daysBefore, isZone } from "../decide/wall-clock.ts";
import type { Person } from "./full-load.ts";
import type { Kind, Treatment, WrittenLimit, WrittenQuota, WrittenRules } from "./written-rules.ts";

const DAY_MS = 86_400_000;

/** A contact as the journal has it, with the rules' names. */
interface Made {
  readonly code: string;
  readonly at: number;
  readonly inbound: boolean;
  readonly shadow: boolean;
  readonly treatment: Treatment;
}

export interface Judgement {
  /** In words; empty where nothing is wrong. */
  readonly faults: readonly string[];
  /** Limits that some customer has come up to. */
  readonly reached: ReadonlySet<string>;
  /** Units spent, by quota: `gold-cards`, or `mails 2026-11-22` where it is one of a day. */
  readonly spent: ReadonlyMap<string, number>;
  readonly shadows: number;
}

/** `released`: tracking codes of contacts that may have been given back, and count no more. */
export function judgeJournal(
  rules: WrittenRules,
  records: readonly DecisionRecord[],
  people: readonly Person[],
  released: ReadonlySet<string>,
): Judgement {
  const faults: string[] = [];
  const reached = new Set<string>();
  const spent = new Map<string, number>();
  const histories = new Map<string, Made[]>();
  let shadows = 0;
  for (const record of records) {
    const person = people.find(({ key }) => key === record.key);
    if (person === undefined) throw new Error(`nobody is called "${record.key}"`);
    const say = (fault: string): number => faults.push(`${record.id} of ${record.key}: ${fault}`);
    const made = contactsOf(rules, record);
    const history = histories.get(record.key) ?? [];
    histories.set(record.key, history);
    history.push(...made.filter(({ code }) => !released.has(code)));
    for (const limit of rules.limits) {
      for (const next of made) {
        if (next.treatment.exempt || !concerns(limit, next)) continue;
        const count = history.filter((one) => counts(limit, one, next, zoneOf(rules, person))).length;
        if (count > limit.max) say(`${limit.id} has ${count} of ${limit.max}`);
        if (count === limit.max) reached.add(limit.id);
      }
    }
    judgeHoldout(rules, record, made, say);
    judgeArms(rules, record, person, say);
    judgeSpending(rules, record, made, spent, say);
    shadows += made.filter(({ shadow }) => shadow).length;
  }
  faults.push(...judgeQuotas(rules, records, spent));
  return { faults, reached, spent, shadows };
}

function contactsOf({ treatments }: WrittenRules, record: DecisionRecord): readonly Made[] {
  const itemsOf = (slates: readonly SlateRecord[]) => slates.flatMap(({ items }) => items);
  const names = new Map(
    itemsOf([...record.slates, ...record.withheld]).map((item) => [item.trackingCode, item.treatment]),
  );
  const withheld = new Set(itemsOf(record.withheld).map(({ trackingCode }) => trackingCode));
  return record.contacts.map(({ trackingCode }) => ({
    code: trackingCode,
    at: record.now,
    inbound: record.direction === "inbound",
    shadow: withheld.has(trackingCode),
    treatment: treatments.get(names.get(trackingCode) ?? "") as Treatment,
  }));
}

function concerns(scope: Readonly<Partial<Record<Kind, string>>>, { treatment }: Made): boolean {
  const kinds: readonly Kind[] = ["channel", "issue", "group", "action"];
  return kinds.every((kind) => scope[kind] === undefined || scope[kind] === treatment[kind]);
}

/** Whether `one` takes room of this limit from `next`, which is made now. */
function counts(limit: WrittenLimit, one: Made, next: Made, zone: string | undefined): boolean {
  if (one.treatment.exempt || !concerns(limit, one)) return false;
  if (limit.direction === "each" && one.inbound !== next.inbound) return false;
  if (limit.per !== undefined && one.treatment[limit.per] !== next.treatment[limit.per]) return false;
  if (limit.days === undefined) return one.at > next.at - windowMs(limit.window ?? "");
  if (zone === undefined) return one.at > next.at - limit.days * DAY_MS;
  return clockOf(zone, one.at).date >= daysBefore(clockOf(zone, next.at).date, limit.days - 1);
}

function windowMs(written: string): number {
  if (!/^\d+d$/.test(written)) throw new Error(`"${written}": only days are read here, such as 7d`);
  return Number.parseInt(written, 10) * DAY_MS;
}

function zoneOf({ countries }: WrittenRules, { zone, country }: Person): string | undefined {
  return [zone, country === undefined ? undefined : countries[country]].find(isZone);
}

function judgeHoldout(
  { holdout, treatments }: WrittenRules,
  record: DecisionRecord,
  made: readonly Made[],
  say: (fault: string) => void,
): void {
  const shown = record.slates.flatMap(({ items }) => items);
  const isHeldOut = isInHoldout(holdout, record.key);
  if (!isHeldOut && record.withheld.length > 0) say("something is withheld from a customer of no holdout");
  for (const { treatment } of shown) {
    if (isHeldOut && treatments.get(treatment)?.exempt !== true) say(`${treatment} is shown to the holdout`);
  }
  for (const [index, { shadow }] of made.entries()) {
    if (record.contacts[index]?.shadow !== shadow) say("a contact is a shadow that was shown, or the other way round");
  }
}

export function isInHoldout({ share, salt }: WrittenRules["holdout"], key: string): boolean {
  return drawOf(`holdout\n${salt}\n${key}`) < share;
}

function judgeArms(
  { experiments }: WrittenRules,
  record: DecisionRecord,
  { key, firstName }: Person,
  say: (fault: string) => void,
): void {
  const expected = experiments.flatMap(({ id, layer, buckets: [first, last], when, arms }) => {
    if (when !== undefined && when !== "segments.known") throw new Error(`"${when}" is not understood here`);
    if (when !== undefined && firstName === undefined) return [];
    const bucket = Math.floor(100 * drawOf(`layer\n${layer}\n${key}`));
    if (bucket < first || bucket > last) return [];
    let left = drawOf(`arm\n${id}\n${key}`) * arms.reduce((sum, { weight }) => sum + weight, 0);
    for (const arm of arms) {
      left -= arm.weight;
      if (left < 0) return [`${id} ${arm.id}`];
    }
    return [`${id} none`];
  });
  const found = record.arms.map(({ experiment, arm }) => `${experiment} ${arm}`);
  if (found.join(", ") !== expected.join(", ")) say(`arms are "${found.join(", ")}", not "${expected.join(", ")}"`);
}

function judgeSpending(
  { quotas }: WrittenRules,
  record: DecisionRecord,
  made: readonly Made[],
  spent: Map<string, number>,
  say: (fault: string) => void,
): void {
  for (const quota of quotas) {
    const paid = made.filter((one) => !one.shadow && concerns(quota, one));
    const units = paid.reduce((sum, { treatment }) => sum + (quota.unit === "cost" ? treatment.cost : 1), 0);
    const noted = record.spent.find((one) => one.quota === quota.id)?.units ?? 0;
    if (Math.abs(units - noted) > 1e-9) say(`${quota.id}: ${noted} units are noted, ${units} are spent`);
    const account = accountOf(quota, record.now);
    spent.set(account, (spent.get(account) ?? 0) + units);
  }
}

function accountOf({ id, per, timeZone }: WrittenQuota, at: number): string {
  if (per === "total") return id;
  if (timeZone !== undefined) throw new Error(`quota "${id}": only days of UTC are read here`);
  return `${id} ${new Date(at).toISOString().slice(0, 10)}`;
}

function judgeQuotas(
  { quotas }: WrittenRules,
  records: readonly DecisionRecord[],
  spent: ReadonlyMap<string, number>,
): readonly string[] {
  const lastAt = new Map<string, number>();
  for (const { now } of records) {
    for (const quota of quotas) {
      const account = accountOf(quota, now);
      lastAt.set(account, Math.max(now, lastAt.get(account) ?? 0));
    }
  }
  return quotas.flatMap((quota) =>
    [...lastAt].flatMap(([account, at]) => {
      if (accountOf(quota, at) !== account) return [];
      const ofDay = (at % DAY_MS) / DAY_MS;
      // What is granted in a moment may be spent a moment later, or by one whose clock was read just before.
      const most = quota.pacing === "even" ? Math.min(quota.max, quota.max * ofDay + 1) : quota.max;
      const units = spent.get(account) ?? 0;
      return units > most ? [`${account}: ${units} units are spent, of ${most}`] : [];
    }),
  );
}
