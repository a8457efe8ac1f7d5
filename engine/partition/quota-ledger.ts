// What one partition was granted of each quota and has spent of it, by quota and period. Part of what the journal says: a
// commit holds the grants that its decisions spend from. Units are whole numbers, so that sums are exact: contacts, or
// millionths of the currency.
import type { Instant } from "../domain/time.ts";
import type { Quota } from "../rulebook/policies.ts";
import { quotaDay } from "./quota-day.ts";

export interface QuotaLine {
  /** Units that this partition may spend in all. */
  granted: number;
  spent: number;
}

/** By line, `ID/UNIT/PERIOD`: see lineOf. */
export type QuotaLedger = Map<string, QuotaLine>;

const COST_UNITS = 1_000_000;
/** A rounding error of a product is no part of a cost. */
const ROUNDING = 0.001;
/** Days of one quota that a ledger remembers; the time of deciding does not go back, a quota's zone may be changed. */
const DAYS_KEPT = 4;

/** The line of a quota at this time. The unit is part of it: contacts and costs are not to be added. */
export function lineOf(quota: Quota, now: Instant): string {
  const period = quota.per === "total" ? "total" : quotaDay(quota.timeZone, now).date;
  return `${quota.id}/${quota.unit}/${period}`;
}

/** Whole units of the ledger for units as a decision counts them; never fewer. */
export function wholeUnits({ unit }: Pick<Quota, "unit">, units: number): number {
  return Math.max(0, Math.ceil(unit === "contacts" ? units : units * COST_UNITS - ROUNDING));
}

/** Units as a decision counts them. */
export function decisionUnits({ unit }: Pick<Quota, "unit">, whole: number): number {
  return unit === "contacts" ? whole : whole / COST_UNITS;
}

/** Whole units that may be granted by now over all partitions: all of them, or with even pacing the part of the day gone by. */
export function limitOf(quota: Quota, now: Instant): number {
  const whole = quota.unit === "contacts" ? Math.floor(quota.max) : Math.floor(quota.max * COST_UNITS + ROUNDING);
  if (quota.pacing === "none" || quota.per === "total") return whole;
  const { from, to } = quotaDay(quota.timeZone, now);
  return Math.floor(whole * Math.min(1, Math.max(0, (now - from) / (to - from))));
}

export function leftOn(ledger: QuotaLedger, line: string): number {
  const found = ledger.get(line);
  return found === undefined ? 0 : Math.max(0, found.granted - found.spent);
}

/** By QuotaIndex: units that may be spent by a decision at this very moment, as it counts them. */
export function quotaView(ledger: QuotaLedger, quotas: readonly Quota[], now: Instant): Float64Array {
  const view = new Float64Array(quotas.length);
  for (const quota of quotas) view[quota.index] = decisionUnits(quota, leftOn(ledger, lineOf(quota, now)));
  return view;
}

/** Sets what is granted on a line, and forgets days that are over. */
export function grant(ledger: QuotaLedger, line: string, granted: number): void {
  const found = ledger.get(line);
  if (found !== undefined) found.granted = granted;
  else {
    ledger.set(line, { granted, spent: 0 });
    forgetDays(ledger, line);
  }
}

/** Takes what a decision spent off the lines of its time. `spent` as journalled: by id of quota. */
export function spend(
  ledger: QuotaLedger,
  quotas: readonly Quota[],
  now: Instant,
  spent: readonly { readonly quota: string; readonly units: number }[],
): void {
  for (const { quota: id, units } of spent) {
    const quota = quotas.find((known) => known.id === id);
    if (quota === undefined) throw new Error(`a decision spent of quota "${id}", which its rulebook does not have`);
    if (units <= 0) continue;
    const line = lineOf(quota, now);
    const found = ledger.get(line);
    if (found === undefined) throw new Error(`a decision spent of quota line ${line}, of which nothing was granted`);
    found.spent += wholeUnits(quota, units);
  }
}

/** Never one of `total`: Redis remembers its grant, and without what was spent of it, it would be spent again. */
function forgetDays(ledger: QuotaLedger, line: string): void {
  const quota = line.slice(0, line.lastIndexOf("/") + 1);
  const days = [...ledger.keys()].filter((known) => known.startsWith(quota) && known !== `${quota}total`).sort();
  for (const day of days.slice(0, Math.max(0, days.length - DAYS_KEPT))) ledger.delete(day);
}
