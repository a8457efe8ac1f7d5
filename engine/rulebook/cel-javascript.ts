// Compiles a parsed CEL expression to one JavaScript expression that never throws.
//
// A rulebook has one number type, the double: integer literals mix with declared numbers; `<` and `+` are of numbers
// only, so texts in order or put together are errors. Errors are values (see
// cel-runtime.ts) and spread as CEL says: `false && error` is false and `true || error` is true in either order, a
// condition that fails takes its `?:` with it, everything else hands the error on. A number that is not a number
// (missing feature, division by zero, infinity minus infinity) is an error.
//
// No text of the author's reaches the generated source but as a literal by JSON.stringify.

import { call, method, select } from "./cel-calls.ts";
import type { NameScope } from "./cel-names.ts";
import { and, arithmetic, conditional, equal, membership, negated, or, ordered } from "./cel-operators.ts";
import type { ASTNode, ExpressionFault } from "./cel-parse.ts";
import { BROKEN, convert, type Piece, quote, type Scribe } from "./cel-scribe.ts";

export interface CompiledExpression {
  readonly javascript: string;
  /** Number of temporary variables t0, t1, ... that it uses. */
  readonly temporaries: number;
  readonly reads: readonly string[];
  readonly models: readonly number[];
  readonly faults: readonly ExpressionFault[];
}

/** Compiles to a `boolean` (0 | 1 | 2) or a `number` (NaN on error). Faults are told, with a harmless expression. */
export function compileExpression(ast: ASTNode, names: NameScope, want: "boolean" | "number"): CompiledExpression {
  const faults: ExpressionFault[] = [];
  const reads = new Set<string>();
  const models = new Set<number>();
  let temporaries = 0;
  const scribe: Scribe = {
    names,
    piece: (node) => piece(scribe, node),
    as: (node, want) => convert(scribe, node, piece(scribe, node), want),
    temporary: () => `t${temporaries++}`,
    read: (read) => {
      reads.add(read.name);
      if (read.model !== undefined) models.add(read.model);
    },
    wrong: (node, message, at) => {
      faults.push({ at: at ?? node.start, message });
      return BROKEN;
    },
  };
  const javascript = scribe.as(ast, want);
  return {
    javascript: faults.length > 0 ? (want === "boolean" ? "2" : "NaN") : javascript,
    temporaries,
    reads: [...reads].toSorted(),
    models: [...models].toSorted((a, b) => a - b),
    faults,
  };
}

function piece(scribe: Scribe, node: ASTNode): Piece {
  switch (node.op) {
    case "value":
      return literal(scribe, node, node.args);
    case "id":
      return scribe.wrong(node, lonely(scribe, node.args));
    case ".":
      return select(scribe, node);
    case "&&":
      return and(scribe, node.args);
    case "||":
      return or(scribe, node.args);
    case "!_":
      return { type: "boolean", javascript: negated(scribe, scribe.as(node.args, "boolean")) };
    case "-_":
      return { type: "number", javascript: `(-(${scribe.as(node.args, "number")}))` };
    case "?:":
      return conditional(scribe, node, node.args);
    case "==":
      return { type: "boolean", javascript: equal(scribe, node, node.args) };
    case "!=":
      return { type: "boolean", javascript: negated(scribe, equal(scribe, node, node.args)) };
    case "<":
    case "<=":
    case ">":
    case ">=":
      return ordered(scribe, node.op, node.args);
    case "+":
    case "-":
    case "*":
    case "/":
      return arithmetic(scribe, node.op, node.args);
    case "in":
      return membership(scribe, node, node.args);
    case "call":
      return call(scribe, node, node.args[0], node.args[1]);
    case "rcall":
      return method(scribe, node, node.args[0], node.args[1], node.args[2]);
    case "%":
      return scribe.wrong(node, "% is not defined here: numbers have fractions in a rulebook");
    case "list":
      return scribe.wrong(node, 'a list may only stand to the right of "in"');
    case "map":
      return scribe.wrong(node, "a map has no place in a rule");
    case "[]":
    case "[?]":
    case ".?":
      return scribe.wrong(node, 'fields are read as in features.NAME, sets are asked by "in"');
  }
}

function literal(scribe: Scribe, node: ASTNode, value: unknown): Piece {
  if (typeof value === "boolean") return { type: "boolean", javascript: value ? "1" : "0" };
  if (typeof value === "string") return { type: "string", javascript: JSON.stringify(value) };
  if (typeof value === "number") return { type: "number", javascript: JSON.stringify(value) };
  if (typeof value === "bigint") {
    if (Number.isSafeInteger(Number(value))) return { type: "number", javascript: String(value) };
    return scribe.wrong(node, `${value} is too large to be exact: at most ${Number.MAX_SAFE_INTEGER}`);
  }
  if (value === null) return scribe.wrong(node, "null is never a value here: ask has(...) whether something is there");
  return scribe.wrong(node, `${quote(node)}: write plain numbers and texts, without a prefix or suffix`);
}

function lonely(scribe: Scribe, name: string): string {
  const roots = scribe.names.roots.map((root) => `${root}.NAME`);
  if (scribe.names.roots.includes(name)) return `${JSON.stringify(name)} is read by name: ${name}.NAME`;
  return `unknown name ${JSON.stringify(name)}: use ${roots.join(", ")}`;
}
