// Every feature of rules/features.yaml by what the head of that file says of it, from plain rows: own reader, own fold.
// Of the engine only the hash that tells distinct values apart is used.
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { bitOf } from "../../engine/profile/distinct.ts";
import type { RecordedRow } from "./recorded-rows.ts";

export interface DeclaredFeature {
  readonly name: string;
  readonly aggregate: "count" | "sum" | "mean" | "min" | "max" | "distinct" | "last" | "recency" | "ratio";
  readonly of?: readonly string[];
  readonly where?: string;
  readonly field?: string;
  readonly window?: string;
  readonly pane?: string;
  readonly halfLife?: string;
  readonly numerator?: string;
  readonly denominator?: string;
}

export type Values = Readonly<Record<string, number | null>>;

const UNIT_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

export function readDeclaredFeatures(): readonly DeclaredFeature[] {
  const file = parse(readFileSync(`${repositoryRoot}/rules/features.yaml`, "utf8")) as { features: DeclaredFeature[] };
  return file.features;
}

/** null: no value. */
export function naiveFeatures(declared: readonly DeclaredFeature[], rows: readonly RecordedRow[], now: number): Values {
  const values: Record<string, number | null> = {};
  for (const feature of declared) {
    if (feature.aggregate !== "ratio") values[feature.name] = naiveFeature(feature, rows, now);
  }
  for (const { name, aggregate, numerator = "", denominator = "" } of declared) {
    if (aggregate !== "ratio") continue;
    const [above, below] = [values[numerator], values[denominator]];
    values[name] = typeof above !== "number" || typeof below !== "number" || below === 0 ? null : above / below;
  }
  return values;
}

function naiveFeature(feature: DeclaredFeature, rows: readonly RecordedRow[], now: number): number | null {
  const { aggregate, field } = feature;
  const counted = rows.filter((row) => isMeant(feature, row));
  const seen = feature.window === undefined ? counted : counted.filter(({ ts }) => isInWindow(feature, ts, now));
  if (feature.halfLife !== undefined) return decayed(feature, seen, now);
  const numbers = field === undefined ? [] : seen.map(({ props }) => props[field]).filter((v) => typeof v === "number");
  const sum = numbers.reduce((total, value) => total + value, 0);
  switch (aggregate) {
    case "count":
      return seen.length;
    case "sum":
      return sum;
    case "mean":
      return numbers.length === 0 ? null : sum / numbers.length;
    case "min":
      return numbers.length === 0 ? null : Math.min(...numbers);
    case "max":
      return numbers.length === 0 ? null : Math.max(...numbers);
    case "last":
      return numbers.at(-1) ?? null;
    case "recency":
      return seen.length === 0 ? null : Math.max(0, now - (seen.at(-1) as RecordedRow).ts);
    case "distinct":
      return linearCount(seen.map(({ props }) => props[field as string]));
    case "ratio":
      throw new Error(`${feature.name}: a ratio is of two features`);
  }
}

function isMeant({ name, of, where }: DeclaredFeature, row: RecordedRow): boolean {
  if (of !== undefined && !of.includes(row.type)) return false;
  if (where === undefined) return true;
  const equals = /^event\.props\.(\w+) == "(\w+)"$/.exec(where);
  if (equals === null) throw new Error(`${name}: this test does not read "${where}"`);
  return row.props[equals[1] as string] === equals[2];
}

/** Whole panes: the one that holds `now` and as many before it as the window is wide. */
function isInWindow(feature: DeclaredFeature, ts: number, now: number): boolean {
  const windowMs = durationMs(feature.window as string);
  const paneMs = feature.pane === undefined ? paneOf(windowMs) : durationMs(feature.pane);
  const behind = Math.floor(now / paneMs) - Math.floor(ts / paneMs);
  return behind >= 0 && behind <= windowMs / paneMs;
}

function paneOf(windowMs: number): number {
  const steps = [
    ["1h", "5m"],
    ["24h", "1h"],
    ["7d", "6h"],
    ["30d", "1d"],
    ["90d", "3d"],
  ] as const;
  const [, pane] = steps.find(([upTo]) => windowMs <= durationMs(upTo)) ?? ["", ""];
  return durationMs(pane);
}

function decayed(
  { name, aggregate, field, halfLife }: DeclaredFeature,
  rows: readonly RecordedRow[],
  now: number,
): number {
  const halfLifeMs = durationMs(halfLife as string);
  let total = 0;
  for (const { ts, props } of rows) {
    const value = aggregate === "count" ? 1 : props[field as string];
    if (aggregate !== "count" && aggregate !== "sum") throw new Error(`${name}: this test does not fade ${aggregate}`);
    if (typeof value === "number") total += value * 0.5 ** ((now - ts) / halfLifeMs);
  }
  return total;
}

function durationMs(text: string): number {
  const parts = /^(\d+)([mhd])$/.exec(text);
  if (parts === null) throw new Error(`"${text}" is no duration`);
  return Number(parts[1]) * (UNIT_MS[parts[2] as string] as number);
}

/** What differs, in words. Only sums and what is made of them may differ, in their last bits. */
export function differences(declared: readonly DeclaredFeature[], found: Values, expected: Values): string[] {
  const names = declared.map(({ name }) => name);
  const unknown = Object.keys(found).filter((name) => !names.includes(name));
  const wrong = declared.filter((feature) => !agrees(feature, found[feature.name], expected[feature.name]));
  return [
    ...unknown.map((name) => `${name} is not declared`),
    ...wrong.map(({ name }) => `${name} is ${found[name]}, not ${expected[name]}`),
  ];
}

function agrees({ aggregate, halfLife }: DeclaredFeature, found?: number | null, expected?: number | null): boolean {
  if (typeof found !== "number" || typeof expected !== "number") return found === expected;
  const isSum = halfLife !== undefined || ["sum", "mean", "ratio"].includes(aggregate);
  return isSum ? Math.abs(found - expected) <= Math.abs(expected) * 1e-9 : found === expected;
}

/** Linear counting over 256 bits (Whang, Vander-Zanden, Taylor 1990): which values share a bit is the hash's to say. */
function linearCount(values: readonly (string | number | undefined)[]): number {
  const bits = new Set(values.flatMap((value) => (value === undefined ? [] : [bitOf(String(value))])));
  return Math.round(-256 * Math.log(bits.size === 256 ? 1 / 512 : 1 - bits.size / 256));
}
