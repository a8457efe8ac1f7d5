// Every feature by its definition, from the list of all events: slow, plain, and without a line of the packed record.
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { hashText } from "../../engine/domain/hash.ts";
import type { FeatureSpec } from "../../engine/rulebook/rulebook.ts";

export interface Naive {
  readonly values: number[];
  /** By feature, for distinct: how many there truly are. */
  readonly trueDistinct: number[];
}

export function naiveFeatures(features: readonly FeatureSpec[], events: readonly CustomerEvent[], now: number): Naive {
  const values: number[] = [];
  const trueDistinct: number[] = [];
  for (const spec of features) {
    const { value, distinct } = naiveFeature(spec, events, now);
    values.push(value);
    trueDistinct.push(distinct);
  }
  for (const [index, spec] of features.entries()) {
    if (spec.ratio === undefined) continue;
    const denominator = values[spec.ratio.denominator] as number;
    values[index] = denominator === 0 ? Number.NaN : (values[spec.ratio.numerator] as number) / denominator;
  }
  return { values, trueDistinct };
}

function naiveFeature(spec: FeatureSpec, events: readonly CustomerEvent[], now: number) {
  const seen = events.filter((event) => counts(spec, event));
  const inWindow = seen.filter((event) => isInWindow(spec, event, now));
  const fields = inWindow.map((event) => spec.field?.(event));
  const numbers = fields.filter((field) => typeof field === "number");
  const sum = numbers.reduce((a, b) => a + b, 0);
  const none = numbers.length === 0;
  if (spec.halfLifeMs !== undefined) return { value: decayed(spec, seen, now, spec.halfLifeMs), distinct: 0 };
  const newest = Math.max(...seen.map(({ ts }) => ts));
  const fresh = seen.length > 0 && (spec.windowMs === undefined || newest > now - spec.windowMs);
  switch (spec.aggregate) {
    case "count":
      return { value: inWindow.length, distinct: 0 };
    case "sum":
      return { value: sum, distinct: 0 };
    case "mean":
      return { value: none ? Number.NaN : sum / numbers.length, distinct: 0 };
    case "min":
      return { value: none ? Number.NaN : Math.min(...numbers), distinct: 0 };
    case "max":
      return { value: none ? Number.NaN : Math.max(...numbers), distinct: 0 };
    case "distinct":
      return { value: linearCount(fields.map(String)), distinct: new Set(fields.map(String)).size };
    case "last": {
      const last = seen.filter(({ ts }) => ts === newest).at(-1);
      return { value: fresh && last !== undefined ? Number(spec.field?.(last)) : Number.NaN, distinct: 0 };
    }
    case "recency":
      return { value: fresh ? Math.max(0, now - newest) : Number.NaN, distinct: 0 };
    case "ratio":
      return { value: Number.NaN, distinct: 0 };
  }
}

function counts(spec: FeatureSpec, event: CustomerEvent): boolean {
  if (spec.aggregate === "ratio") return false;
  if (spec.types.length > 0 && !spec.types.includes(event.type)) return false;
  if (!spec.matches(event)) return false;
  return spec.field === undefined || spec.field(event) !== undefined;
}

/** The pane that the event lies in overlaps (now - windowMs, now] in whole panes, and has begun. */
function isInWindow({ windowMs, paneMs }: FeatureSpec, { ts }: CustomerEvent, now: number): boolean {
  if (windowMs === undefined || paneMs === undefined) return true;
  const start = ts - (((ts % paneMs) + paneMs) % paneMs);
  const nowStart = now - (((now % paneMs) + paneMs) % paneMs);
  return start <= now && start >= nowStart - windowMs;
}

function decayed(spec: FeatureSpec, seen: readonly CustomerEvent[], now: number, halfLifeMs: number): number {
  const at = Math.max(now, ...seen.map(({ ts }) => ts));
  let count = 0;
  let sum = 0;
  // For a mean the common factor cancels; without it old events would underflow to 0 / 0.
  const reference = spec.aggregate === "mean" ? Math.max(...seen.map(({ ts }) => ts)) : at;
  for (const event of seen) {
    const weight = 0.5 ** ((reference - event.ts) / halfLifeMs);
    count += weight;
    sum += weight * Number(spec.field?.(event) ?? 1);
  }
  if (spec.aggregate === "mean") return count === 0 ? Number.NaN : sum / count;
  return sum;
}

function linearCount(values: readonly string[]): number {
  const bits = new Set(values.map((value) => (hashText(value, 0x64697374)[0] as number) % 256));
  return bits.size === 256 ? Math.round(256 * Math.log(512)) : Math.round(-256 * Math.log(1 - bits.size / 256));
}
