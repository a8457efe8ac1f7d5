import type { Lint, LintInput } from "./lint.ts";
import { createConstants, lintConstants } from "./lint-constants.ts";
import { lintLimits } from "./lint-limits.ts";
import { lintQuietHours } from "./lint-quiet-hours.ts";
import { lintReach } from "./lint-reach.ts";
import { lintSlates } from "./lint-slates.ts";
import { lintUnused } from "./lint-unused.ts";

/** All that can be told without customers, by file, line and column. Of a variant: what is told of its own files. */
export function lintRulebook(input: LintInput): readonly Lint[] {
  const variants = [...input.rulebook.variants.values()].flatMap((rulebook) => {
    return lintOne({ ...input, rulebook }).filter(({ file }) => file.startsWith("variants/"));
  });
  return [...lintOne(input), ...variants].toSorted(byPlace);
}

function lintOne(input: LintInput): readonly Lint[] {
  const constants = createConstants(input.rulebook);
  return [
    ...lintReach(input, constants),
    ...lintConstants(input, constants),
    ...lintLimits(input),
    ...lintSlates(input),
    ...lintQuietHours(input),
    ...lintUnused(input),
  ];
}

function byPlace(a: Lint, b: Lint): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column || (a.id < b.id ? -1 : 1);
}
