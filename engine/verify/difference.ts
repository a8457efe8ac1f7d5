// What verify finds: differences, and whom it could not tell anything of.
import type { CustomerKey, PartitionIndex } from "../domain/ids.ts";

/** Which invariant of engine/README.md it speaks against. */
export type Invariant = "S1" | "S2" | "S3" | "S4" | "S5";

export interface Difference {
  readonly invariant: Invariant;
  /** Undefined: of something that belongs to no partition. */
  readonly partition: PartitionIndex | undefined;
  readonly customer: CustomerKey | undefined;
  /** What differs, such as `features.spend_30d` or `decisions index 4xW...`. */
  readonly field: string;
  /** As Redis has it, and as the streams say it should be; short texts. */
  readonly found: string;
  readonly expected: string;
}

export interface Findings {
  /** The first ones found, at most `keptMax`. */
  readonly differences: readonly Difference[];
  /** All of them. */
  readonly count: () => number;
  readonly add: (difference: Difference) => void;
}

/** Of one partition: `found` and `expected` may be anything, equal or not is for the caller to say. */
export type Differ = (
  invariant: Invariant,
  customer: CustomerKey | undefined,
  field: string,
  found: unknown,
  expected: unknown,
) => void;

const TEXT_MAX = 400;

/** Rejects none: what is beyond `keptMax` is counted alone. */
export function createFindings(keptMax: number): Findings {
  const differences: Difference[] = [];
  let count = 0;
  return {
    differences,
    count: () => count,
    add: (difference) => {
      count++;
      if (differences.length < keptMax) differences.push(difference);
    },
  };
}

export function differIn(findings: Findings, partition: PartitionIndex | undefined): Differ {
  return (invariant, customer, field, found, expected) => {
    const [theirs, ours] = narrowed(found, expected);
    findings.add({ invariant, partition, customer, field, found: shown(theirs), expected: shown(ours) });
  };
}

/** Of two objects what differs, of two lists from the first element on that does. */
function narrowed(found: unknown, expected: unknown): readonly [found: unknown, expected: unknown] {
  if (Array.isArray(found) && Array.isArray(expected)) {
    const same = found.findIndex((element, nth) => plainJson(element) !== plainJson(expected[nth]));
    const from = same < 0 ? Math.min(found.length, expected.length) : same;
    return [found.slice(from), expected.slice(from)];
  }
  if (!isPlain(found) || !isPlain(expected)) return [found, expected];
  const names = new Set([...Object.keys(found), ...Object.keys(expected)]);
  const different = [...names].filter((name) => plainJson(found[name]) !== plainJson(expected[name]));
  const part = (whole: Readonly<Record<string, unknown>>) =>
    Object.fromEntries(different.map((name) => [name, whole[name]]));
  return [part(found), part(expected)];
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function shown(value: unknown): string {
  if (typeof value === "string") return cut(value);
  if (value === undefined) return "nothing";
  return cut(plainJson(value));
}

/** Numbers that JSON does not know are written as texts; the fields of objects by name, so that equals read equal. */
export function plainJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part === "number" && !Number.isFinite(part)) return String(part);
    if (typeof part !== "object" || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX)}... (${text.length} characters)`;
}
