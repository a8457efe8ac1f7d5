// What one partition was granted of quotas and has spent, line by line, in whole units: contacts, or millionths of the currency.
import type { DecisionRecord } from "../domain/decision.ts";
import type { Granted } from "../journal/commit-record.ts";
import type { Quota } from "../rulebook/policies.ts";
import { dateIn } from "./wall-date.ts";

export type QuotaLines = Map<string, { granted: number; spent: number }>;

const MILLIONTHS = 1_000_000;
/** A rounding error of a product is no part of a cost. */
const ROUNDING = 0.001;

export function grantLines(lines: QuotaLines, granted: readonly Granted[]): void {
  for (const { line, granted: units } of granted) {
    lines.set(line, { granted: units, spent: lines.get(line)?.spent ?? 0 });
  }
}

/** Tells the lines that were spent of, as they are then. `quotas`: of the base, whichever variant decided. */
export function spendLines(
  lines: QuotaLines,
  quotas: readonly Quota[],
  { spent, now }: Pick<DecisionRecord, "spent" | "now">,
): readonly { readonly line: string; readonly granted: number; readonly spent: number }[] {
  return spent.flatMap(({ quota: id, units }) => {
    const quota = quotas.find((one) => one.id === id);
    if (quota === undefined || units <= 0) return [];
    const line = lineOf(quota, now);
    const before = lines.get(line) ?? { granted: 0, spent: 0 };
    const after = { ...before, spent: before.spent + wholeUnits(quota, units) };
    lines.set(line, after);
    return [{ line, ...after }];
  });
}

function lineOf({ id, unit, per, timeZone }: Quota, now: number): string {
  return `${id}/${unit}/${per === "total" ? "total" : new Date(dateIn(timeZone, now)).toISOString().slice(0, 10)}`;
}

function wholeUnits({ unit }: Quota, units: number): number {
  return Math.max(0, Math.ceil(unit === "contacts" ? units : units * MILLIONTHS - ROUNDING));
}

/** Whole units that the quota has. */
export function wholeMax({ unit, max }: Quota): number {
  return Math.floor(unit === "contacts" ? max : max * MILLIONTHS + ROUNDING);
}
