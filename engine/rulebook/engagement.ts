// The engagement policy and weights that issues, groups, actions and treatments are written with alike.
import type { RuleIndex } from "../domain/ids.ts";
import { type ExpressionTable, expressionAt } from "./expressions.ts";
import type { Action } from "./rulebook.ts";
import type { WrittenContext, WrittenRule } from "./schema-actions.ts";
import type { Path, Source } from "./source.ts";

const TIERS = ["eligibility", "applicability", "suitability"] as const;
type Tier = (typeof TIERS)[number];
type Tiers = Readonly<Record<Tier, readonly RuleIndex[]>>;

/** What an action inherits from its issue and group: theirs are tested before its own. */
export interface Engagement {
  readonly tiers: Tiers;
  /** Product of the levers. */
  readonly lever: number;
}

export const NO_ENGAGEMENT: Engagement = { tiers: { eligibility: [], applicability: [], suitability: [] }, lever: 1 };

type Written = Readonly<Partial<Record<Tier, readonly WrittenRule[]>>> & { readonly lever?: number };

/** @param owner begins the ids of its rules, e.g. `retention/save` */
export function compileEngagement(
  expressions: ExpressionTable,
  source: Source,
  written: Written,
  path: Path,
  owner: string,
  from: Engagement,
): Engagement {
  const tier = (name: Tier): readonly RuleIndex[] => {
    const own = (written[name] ?? []).map((rule, index) => {
      const at = [...path, name, index];
      const id = `${owner}/${(typeof rule === "string" ? undefined : rule.id) ?? `${name}-${index + 1}`}`;
      return typeof rule === "string"
        ? expressions.addRule(id, expressionAt(source, rule, at))
        : expressions.addRule(id, expressionAt(source, rule.rule, [...at, "rule"]), rule.why);
    });
    return [...from.tiers[name], ...own];
  };
  return {
    tiers: { eligibility: tier("eligibility"), applicability: tier("applicability"), suitability: tier("suitability") },
    lever: from.lever * (written.lever ?? 1),
  };
}

/** Weights of C. */
export function compileContext(
  expressions: ExpressionTable,
  source: Source,
  written: WrittenContext | undefined,
  path: Path,
  owner: string,
): Action["context"] {
  return (written ?? []).map(({ when, weight }, index) => {
    const text = expressionAt(source, when, [...path, "context", index, "when"]);
    return { when: expressions.addRule(`${owner}/context-${index + 1}`, text), weight };
  });
}

/** All rules of tiers and weights. */
export function rulesOf(tiers: Tiers, context: Action["context"]): readonly RuleIndex[] {
  return [...TIERS.flatMap((tier) => tiers[tier]), ...context.map(({ when }) => when)];
}
