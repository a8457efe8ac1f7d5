// What a line expects against what happened.

import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord, Withdrawal } from "../domain/decision.ts";
import { DAY_MS, type Instant } from "../domain/time.ts";
import {
  describeDecision,
  describeFall,
  describeFalls,
  describeInstant,
  fallsOf,
  type Told,
} from "./describe-decision.ts";
import type { LocalClock } from "./local-clock.ts";
import type { Expected, ExpectedDecision, Fact } from "./rule-test.ts";

/** What one line saw. */
export interface Seen {
  readonly now: Instant;
  readonly clock: LocalClock;
  readonly decisions: readonly Told[];
  readonly withdrawals: readonly Withdrawal[];
  /** Why an ask or an event was refused. */
  readonly refused: string | undefined;
  /** The last item of an action or a treatment that the customer was offered so far, or that was withheld. */
  readonly lastItem: (item: string) => ItemRecord | undefined;
  /** What became of it. */
  readonly contactOf: (item: ItemRecord) => Contact | undefined;
}

export interface Difference {
  readonly expected: string;
  readonly got: string;
}

export function compareStep(expected: Expected, seen: Seen): readonly Difference[] {
  const differences = expected.decisions === undefined ? [] : compareDecisions(expected.decisions, seen);
  return [...differences, ...expected.facts.flatMap((fact) => compareFact(fact, seen))];
}

function compareDecisions(wanted: readonly ExpectedDecision[], seen: Seen): readonly Difference[] {
  const { decisions, refused } = seen;
  const refusal = refused === undefined ? [] : [`refused because ${refused}`];
  const isSame =
    wanted.length === decisions.length + refusal.length &&
    wanted.every((one, index) => isMet(one, decisions[index]?.record, refused));
  if (isSame) return [];
  const items = wanted.flatMap((one) => (one.kind === "act" ? one.slates.flatMap((slate) => slate.items) : []));
  const got = [...decisions.map((told) => describeTold(told, items, seen)), ...refusal];
  return [{ expected: wanted.map(describeWanted).join("; ") || "nothing", got: got.join("; ") || "nothing" }];
}

function isMet(wanted: ExpectedDecision, record: DecisionRecord | undefined, refused: string | undefined): boolean {
  if (wanted.kind === "refused") {
    return record === undefined && refused !== undefined && refused.includes(wanted.because ?? "");
  }
  if (record === undefined || record.kind !== wanted.kind) return false;
  if (wanted.kind === "none") {
    return wanted.because === undefined || record.slates.some((slate) => slate.because === wanted.because);
  }
  const filled = record.slates.filter(({ items }) => items.length > 0);
  if (filled.length !== wanted.slates.length) return false;
  return wanted.slates.every(({ placement, items }, index) => {
    const slate = placement === undefined ? filled[index] : filled.find((one) => one.placement === placement);
    return slate?.items.length === items.length && items.every((item, at) => isItem(slate.items[at], item));
  });
}

function isItem(item: ItemRecord | undefined, name: string): boolean {
  return item !== undefined && (item.treatment === name || item.action === name);
}

function describeWanted(wanted: ExpectedDecision): string {
  if (wanted.kind !== "act")
    return wanted.because === undefined ? wanted.kind : `${wanted.kind} because ${wanted.because}`;
  const slates = wanted.slates.map(({ placement, items }) =>
    placement === undefined ? items.join(", ") : `${placement}: ${items.join(", ")}`,
  );
  return `act ${slates.join(" | ")}`;
}

function describeTold(told: Told, wanted: readonly string[], { clock, now }: Seen): string {
  const falls = describeFalls(told, wanted, clock, now);
  return `${describeDecision(told.record)}${falls === "" ? "" : ` (${falls})`}`;
}

function compareFact(fact: Fact, seen: Seen): readonly Difference[] {
  const got = gotOf(fact, seen);
  return got === undefined ? [] : [{ expected: fact.text, got }];
}

/** undefined: the fact holds. */
function gotOf(fact: Fact, seen: Seen): string | undefined {
  switch (fact.kind) {
    case "dropped":
      return droppedGot(fact, seen);
    case "not-offered":
      return itemsOf(seen, "slates").some((item) => isItem(item, fact.item)) ? `${fact.item} offered` : undefined;
    case "kept": {
      const item = itemsOf(seen, "slates").find((one) => isItem(one, fact.item));
      return item?.kept === true ? undefined : `${fact.item} ${item === undefined ? "not offered" : "offered anew"}`;
    }
    case "withheld":
      return itemsOf(seen, "withheld").some((item) => isItem(item, fact.item))
        ? undefined
        : `${fact.item} not withheld`;
    case "withdrawn":
      return withdrawnGot(fact, seen);
    case "contact": {
      const item = seen.lastItem(fact.item);
      const contact = item === undefined ? undefined : seen.contactOf(item);
      if (contact === undefined) return `${fact.item} has no contact`;
      const standing: readonly string[] = [contact.state, contact.outcome, contact.live ? "live" : "not-live"];
      return standing.includes(fact.is) ? undefined : `${fact.item} is ${standing.join(", ")}`;
    }
    case "factor":
      return factorGot(fact, seen);
    case "says": {
      const item = itemsOf(seen, "slates").find((one) => isItem(one, fact.item));
      const texts = item === undefined ? [] : [...Object.values(item.content).flat(), ...item.reasons];
      return texts.some((text) => text.includes(fact.words)) ? undefined : `${fact.item} says ${JSON.stringify(texts)}`;
    }
    default:
      return decisionFactGot(fact, seen);
  }
}

function decisionFactGot(
  fact: Extract<Fact, { kind: "arm" | "trigger" | "held" | "pressure" | "spent" }>,
  { decisions, clock, now }: Seen,
): string | undefined {
  const records = decisions.map(({ record }) => record);
  switch (fact.kind) {
    case "arm": {
      const arms = records.flatMap((record) => record.arms);
      const holds = arms.some(({ experiment, arm }) => experiment === fact.experiment && arm === fact.arm);
      return holds ? undefined : arms.map(({ experiment, arm }) => `arm ${experiment} ${arm}`).join(", ") || "no arm";
    }
    case "trigger": {
      const triggers = records.flatMap(({ trigger }) => (trigger === undefined ? [] : [trigger.id]));
      return triggers.includes(fact.trigger) ? undefined : `triggered by ${triggers.join(", ") || "nothing"}`;
    }
    case "held": {
      const until = records.flatMap(({ heldUntil }) => heldUntil ?? []);
      if (until.some((at) => isInstant(at, fact.until, clock, now))) return undefined;
      return until.map((at) => `held until ${describeInstant(at, clock, now)}`).join(", ") || "nothing held";
    }
    case "pressure":
      return records.some(({ pressure }) => isNumber(pressure, fact.value))
        ? undefined
        : records.map(({ pressure }) => `pressure ${shown(pressure)}`).join(", ") || "no decision";
    case "spent": {
      const spent = records.flatMap((record) => record.spent).filter(({ quota }) => quota === fact.quota);
      const units = spent.reduce((sum, one) => sum + one.units, 0);
      return isNumber(units, fact.value) ? undefined : `spent ${fact.quota} ${shown(units)}`;
    }
  }
}

function droppedGot(fact: Extract<Fact, { kind: "dropped" }>, seen: Seen): string | undefined {
  const { clock, now } = seen;
  const fallen = seen.decisions.flatMap((told) => fallsOf(told, fact.item));
  const isMet = fallen.some(({ fall }) => {
    const by = fall.policy ?? fall.rule?.id;
    return (
      fall.stage === fact.stage &&
      (fact.by === undefined || by === fact.by || by?.endsWith(`/${fact.by}`) === true) &&
      (fact.because === undefined || fall.because === fact.because) &&
      (fact.rival === undefined || fall.heldFor === fact.rival || fall.lostTo === fact.rival) &&
      (fact.until === undefined || isInstant(fall.reopensAt, fact.until, clock, now))
    );
  });
  if (isMet) return undefined;
  if (itemsOf(seen, "slates").some((item) => isItem(item, fact.item))) return `${fact.item} offered`;
  const described = fallen.map((one) => describeFall(one, clock, now));
  return described.join(", ") || `${fact.item} was no candidate`;
}

function withdrawnGot(fact: Extract<Fact, { kind: "withdrawn" }>, seen: Seen): string | undefined {
  const item = seen.lastItem(fact.item);
  const reasons = seen.withdrawals
    .filter((one) => one.trackingCode === item?.trackingCode)
    .map(({ because }) => because);
  const holds = fact.because === undefined ? reasons.length > 0 : reasons.includes(fact.because);
  if (holds) return undefined;
  return reasons.length === 0 ? `${fact.item} not withdrawn` : `${fact.item} withdrawn because ${reasons.join(", ")}`;
}

function factorGot(fact: Extract<Fact, { kind: "factor" }>, seen: Seen): string | undefined {
  const items = [...itemsOf(seen, "slates"), ...itemsOf(seen, "withheld")];
  const factors = items.find((item) => isItem(item, fact.item))?.factors;
  const value = factors?.[fact.factor as keyof typeof factors];
  if (value === undefined) return `${fact.item} not offered`;
  return isNumber(value, fact.value) ? undefined : `${fact.item} ${fact.factor} ${shown(value)}`;
}

function itemsOf({ decisions }: Seen, of: "slates" | "withheld"): readonly ItemRecord[] {
  return decisions.flatMap(({ record }) => record[of].flatMap(({ items }) => items));
}

/** Equal as far as the decimals that are written go. */
function isNumber(value: number, written: string): boolean {
  const decimals = written.includes(".") ? written.length - written.indexOf(".") - 1 : 0;
  return Math.abs(value - Number(written)) <= 0.5 * 10 ** -decimals + 1e-12;
}

/** A time of day alone means within a day from now. */
function isInstant(at: Instant | undefined, written: string, clock: LocalClock, now: Instant): boolean {
  if (at === undefined || !Number.isFinite(at)) return written === "never";
  if (written === "never") return false;
  const [time = "", date] = written.split(" ").reverse();
  if (clock.time(at).padStart(5, "0") !== time.padStart(time.length < 6 ? 5 : 8, "0")) return false;
  return date === undefined ? at - now <= DAY_MS : clock.date(at) === date;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(6)));
}
