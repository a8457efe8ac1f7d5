// What the tests of a rulebook never show: actions that no test offers, triggers that none fires, policies that none hits.
import { sha256 } from "../partition/rulebook-library.ts";
import { rulebookHash } from "../rulebook/compile.ts";
import type { Rulebook, RulebookFiles } from "../rulebook/rulebook.ts";
import type { Verdict } from "./run-test-file.ts";

export interface Part {
  readonly total: number;
  readonly missing: readonly string[];
}

export interface Coverage {
  readonly actions: Part;
  readonly triggers: Part;
  readonly policies: Part;
}

const NOTHING: Part = { total: 0, missing: [] };

/** Counts tests of the rulebook itself, and those that replace some of its files as far as they have the same names. */
export function coverageOf(verdicts: readonly Verdict[], files: RulebookFiles): Coverage {
  const ran = verdicts.flatMap((verdict) => verdict.ran ?? []);
  const hash = rulebookHash(files, sha256);
  const rulebook = ran.find(({ book }) => book.rulebook.hash === hash)?.book.rulebook;
  if (rulebook === undefined) return { actions: NOTHING, triggers: NOTHING, policies: NOTHING };
  const decisions = ran.flatMap(({ result }) => result.decisions);
  const offered = new Set(
    decisions.flatMap(({ slates }) => slates.flatMap(({ items }) => items)).map(({ action }) => action),
  );
  const fired = new Set(decisions.flatMap(({ trigger }) => trigger?.id ?? []));
  const hit = new Set(ran.flatMap(({ result }) => [...result.hit]));
  return {
    actions: partOf(rulebook.actions, offered),
    triggers: partOf([...rulebook.triggers, ...rulebook.campaigns], fired),
    policies: partOf(policiesOf(rulebook), hit),
  };
}

function policiesOf({ contactLimits, coolDowns, related, caseRules, quietHours, quotas, slateLimits }: Rulebook) {
  return [...contactLimits, ...coolDowns, ...related, ...caseRules, ...quietHours, ...quotas, ...slateLimits];
}

function partOf(all: readonly { readonly id: string }[], seen: ReadonlySet<string>): Part {
  return { total: all.length, missing: all.map(({ id }) => id).filter((id) => !seen.has(id)) };
}
