import { type ASTNode, Environment, ParseError } from "@marcbachmann/cel-js";

export type { ASTNode };

export const EXPRESSION_LENGTH_MAX = 2_000;
export const EXPRESSION_DEPTH_MAX = 32;

/** A fault within an expression: `at` is the offset of the character that it is about. */
export interface ExpressionFault {
  readonly at: number;
  readonly message: string;
}

export type ParsedExpression =
  | { readonly kind: "parsed"; readonly ast: ASTNode }
  | { readonly kind: "faulty"; readonly fault: ExpressionFault };

const environment = new Environment({ unlistedVariablesAreDyn: true });

/** Parses the text of one CEL expression, at most 2,000 characters long and 32 levels deep. */
export function parseExpression(text: string): ParsedExpression {
  if (text.length > EXPRESSION_LENGTH_MAX) {
    return faulty(0, `expression of ${text.length} characters: at most ${EXPRESSION_LENGTH_MAX} are allowed`);
  }
  let ast: ASTNode;
  try {
    ast = environment.parse(text).ast;
  } catch (error) {
    if (error instanceof ParseError)
      return faulty(error.range?.start ?? 0, `not a valid expression: ${inWords(error)}`);
    if (error instanceof RangeError) return faulty(0, tooDeep());
    throw error;
  }
  const deep = deeperThan(ast, EXPRESSION_DEPTH_MAX);
  return deep === undefined ? { kind: "parsed", ast } : faulty(deep.start, tooDeep());
}

function faulty(at: number, message: string): ParsedExpression {
  return { kind: "faulty", fault: { at, message } };
}

function tooDeep(): string {
  return `expression nested deeper than ${EXPRESSION_DEPTH_MAX} levels: split it into several rules`;
}

const TOKENS: Readonly<Record<string, string>> = {
  EOF: "end of the expression",
  RPAREN: '")"',
  LPAREN: '"("',
  RBRACKET: '"]"',
  LBRACKET: '"["',
  RBRACE: '"}"',
  LBRACE: '"{"',
  IDENTIFIER: "a name",
  NUMBER: "a number",
  STRING: "a text",
  COLON: '":"',
  COMMA: '","',
  AND: '"&&"',
  OR: '"||"',
  IN: '"in"',
};

function inWords(error: ParseError): string {
  const text = error.summary.replace(/\b[A-Z]{2,}\b/g, (token) => TOKENS[token] ?? token.toLowerCase());
  return `${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

// `a && b && c` is one level, however long: its nodes lean to the left but nobody reads them as nested.
function deeperThan(node: ASTNode, levels: number): ASTNode | undefined {
  if (levels < 0) return node;
  for (const child of childrenOf(node)) {
    const chained = child.op === node.op && (node.op === "&&" || node.op === "||" || node.op === "+");
    const found = deeperThan(child, chained ? levels : levels - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The nodes right below one. */
export function childrenOf(node: ASTNode): readonly ASTNode[] {
  switch (node.op) {
    case "value":
    case "id":
      return [];
    case ".":
    case ".?":
      return [node.args[0]];
    case "call":
      return node.args[1];
    case "rcall":
      return [node.args[1], ...node.args[2]];
    case "list":
      return node.args;
    case "map":
      return node.args.flat();
    case "!_":
    case "-_":
      return [node.args];
    case "?:":
    case "[]":
    case "[?]":
    case "||":
    case "&&":
    case "==":
    case "!=":
    case "in":
    case "+":
    case "-":
    case "*":
    case "/":
    case "%":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return node.args;
  }
}
