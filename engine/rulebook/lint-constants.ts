// Rules whose answer is written in them: true or never true, whoever the customer is.
import type { RuleIndex } from "../domain/ids.ts";
import { ruleNames } from "./cel-names.ts";
import { type ASTNode, childrenOf, parseExpression } from "./cel-parse.ts";
import { createExpressionTable } from "./expressions.ts";
import { createFaultLog } from "./fault.ts";
import { type Lint, type LintInput, lintAt } from "./lint.ts";
import { RULE_ERROR, RULE_FALSE, RULE_TRUE, type Rulebook } from "./rulebook.ts";

/** What is known of a condition: an error is never true, and no `!` makes it so. */
type Known = "true" | "false" | "error" | undefined;

export interface Constants {
  readonly isAlways: (rule: RuleIndex) => boolean;
  readonly isNever: (rule: RuleIndex) => boolean;
}

export function createConstants(rulebook: Rulebook): Constants {
  const segments = new Map<string, Known>();
  for (const { id, rule } of rulebook.segments) {
    segments.set(id, knownOfText(rulebook.rules[rule]?.text ?? "", segments));
  }
  const known = rulebook.rules.map(({ text }) => knownOfText(text, segments));
  return {
    isAlways: (rule) => known[rule] === "true",
    isNever: (rule) => known[rule] === "false" || known[rule] === "error",
  };
}

function knownOfText(text: string, segments: ReadonlyMap<string, Known>): Known {
  const parsed = parseExpression(text);
  return parsed.kind === "parsed" ? knownOf(parsed.ast, segments) : undefined;
}

function knownOf(node: ASTNode, segments: ReadonlyMap<string, Known>): Known {
  const of = (child: ASTNode): Known => knownOf(child, segments);
  switch (node.op) {
    case "&&": {
      const both = node.args.map(of);
      if (both.includes("false")) return "false";
      return both.includes("error") ? "error" : both.every((side) => side === "true") ? "true" : undefined;
    }
    case "||": {
      const either = node.args.map(of);
      if (either.includes("true")) return "true";
      if (either.includes(undefined)) return undefined;
      return either.includes("error") ? "error" : "false";
    }
    case "!_": {
      const inner = of(node.args);
      return inner === "true" ? "false" : inner === "false" ? "true" : inner;
    }
    case "?:": {
      const [when, then, otherwise] = node.args;
      const condition = of(when);
      if (condition === undefined) return undefined;
      return condition === "error" ? "error" : of(condition === "true" ? then : otherwise);
    }
    case ".":
      if (node.args[0].op === "id" && node.args[0].args === "segments") return segments.get(node.args[1]);
      return undefined;
    default:
      return readsNothing(node) ? evaluated(node) : undefined;
  }
}

function readsNothing(node: ASTNode): boolean {
  return node.op !== "id" && childrenOf(node).every(readsNothing);
}

const NOBODY = {
  features: new Float64Array(),
  attributes: [],
  context: {},
  models: new Float64Array(),
  openCases: 0,
  anonymous: false,
};

/** By the compiler itself, so that a literal means here what it means in a decision. */
function evaluated(node: ASTNode): Known {
  const faults = createFaultLog();
  const table = createExpressionTable(ruleNames({ features: [], attributes: [], models: [] }), faults);
  const text = node.input.slice(node.start, node.end);
  const rule = table.addRule("literal", { text, placeAt: () => ({ file: "", line: 1, column: 1 }) });
  if (faults.count() > 0) return undefined;
  const result = table.build().evaluateRule(rule, NOBODY);
  return ({ [RULE_TRUE]: "true", [RULE_FALSE]: "false", [RULE_ERROR]: "error" } as const)[result];
}

/** Each rule as written; what it makes unreachable is told at its own place. */
export function lintConstants({ rulebook }: LintInput, { isAlways, isNever }: Constants): readonly Lint[] {
  return rulebook.rules.flatMap(({ index, id, text, place }): Lint[] => {
    const rule = `rule ${JSON.stringify(id)} (${text})`;
    if (isAlways(index)) {
      return [lintAt(place, "always-true", "warning", `${rule} is true of everybody: take it out, or ask something`)];
    }
    if (!isNever(index)) return [];
    return [
      lintAt(place, "never-true", "warning", `${rule} is true of nobody: to switch something off write enabled: false`),
    ];
  });
}
