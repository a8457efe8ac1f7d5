import { createDecider } from "../decide/decide.ts";
import { createEvidenceTotals } from "../learn/evidence.ts";
import type { ActiveRulebook } from "../partition/active-rulebook.ts";
import { compileLayout } from "../profile/layout.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Scorer } from "../score/scorer.ts";

/** One for each sandbox: it learns what that sandbox observes. */
export function activeRulebookOf(rulebook: Rulebook, scorer: Scorer): ActiveRulebook {
  return {
    hash: rulebook.hash,
    rulebook,
    decider: createDecider(rulebook),
    layout: compileLayout(rulebook.features, rulebook.attributes),
    scorer,
    evidence: createEvidenceTotals(rulebook.treatments),
    variants: new Map([...rulebook.variants].map(([name, variant]) => [name, activeRulebookOf(variant, scorer)])),
    isVariant: false,
  };
}
