// What recorded decisions say of rules that read well and never decide anything.
import { type Lint, lintAt } from "../rulebook/lint.ts";
import type { RuleCount } from "./rule-census.ts";

/** Fewer decisions say nothing. */
const TOLD_MIN = 100;

/** By place. Rules that could be told at fewer than 100 decisions are passed over. */
export function lintCensus(counts: readonly RuleCount[]): readonly Lint[] {
  return counts.filter(({ told }) => told >= TOLD_MIN).flatMap((count) => lintOf(count) ?? []);
}

function lintOf({ id, text, place, told, true: trues, error }: RuleCount): Lint | undefined {
  const named = `rule "${id}" (${text})`;
  const of = `of ${told} recorded decisions`;
  if (error === told) {
    return lintAt(
      place,
      "recorded-always-error",
      "warning",
      `${named} failed with an error at all ${of}: guard what it reads with has()`,
    );
  }
  if (trues === 0) return lintAt(place, "recorded-never-true", "warning", `${named} was true at none ${of}`);
  if (trues === told) return lintAt(place, "recorded-always-true", "note", `${named} was true at all ${of}`);
  return undefined;
}
