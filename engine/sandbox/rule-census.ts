// How often each rule of a rulebook was true, over recorded decisions: what never decides anything is a fault in waiting.
import { RULE_ERROR, RULE_TRUE, type Rulebook, type RuleScope } from "../rulebook/rulebook.ts";

export interface RuleCount {
  readonly id: string;
  readonly text: string;
  readonly place: Rulebook["rules"][number]["place"];
  /** Decisions at which it could be told: models that it reads had answered. */
  readonly told: number;
  readonly true: number;
  readonly error: number;
}

export interface RuleCensus {
  readonly add: (scope: RuleScope) => void;
  readonly decisions: () => number;
  readonly counts: () => readonly RuleCount[];
}

export function createRuleCensus(rulebook: Rulebook): RuleCensus {
  const { rules } = rulebook;
  const told = new Float64Array(rules.length);
  const trues = new Float64Array(rules.length);
  const errors = new Float64Array(rules.length);
  const verdicts = new Uint8Array(rulebook.verdicts);
  let decisions = 0;
  return {
    add: (scope) => {
      decisions++;
      rulebook.evaluateRules(scope, verdicts);
      rulebook.evaluateModelRules(scope, verdicts);
      for (const { index, slot, needsModels } of rules) {
        if (needsModels.some((model) => Number.isNaN(scope.models[model]))) continue;
        told[index] = (told[index] as number) + 1;
        if (verdicts[slot] === RULE_TRUE) trues[index] = (trues[index] as number) + 1;
        if (verdicts[slot] === RULE_ERROR) errors[index] = (errors[index] as number) + 1;
      }
    },
    decisions: () => decisions,
    counts: () =>
      rules.map(({ index, id, text, place }) => ({
        id,
        text,
        place,
        told: told[index] as number,
        true: trues[index] as number,
        error: errors[index] as number,
      })),
  };
}
