// Expressions of a Lua script, as JavaScript over the operations of lua-values.ts.
import type { SimpleError } from "./database.ts";
import type { Token } from "./lua-tokens.ts";

/** `values`: of what may be any number of values, code for an array of them; `code` is the first of them. */
export interface Expression {
  readonly code: string;
  readonly values?: string;
}

export interface Reader {
  readonly peek: () => Token;
  readonly next: () => Token;
  /** Takes this mark where it comes next. */
  readonly took: (mark: string) => boolean;
  readonly expect: (mark: string) => void;
  readonly name: () => string;
  readonly fail: (what: string) => SimpleError;
}

export interface Scope {
  /** The JavaScript name of a variable: of a local or a global. */
  readonly variable: (name: string) => string;
  /** A variable that holds a value for an instant. */
  readonly spare: () => string;
  /** Reads from the parameters on. */
  readonly functionBody: () => string;
}

/** The further left, the weaker; the two of each are how strongly it binds to its left and to its right. */
const BINARY: Readonly<Record<string, readonly [left: number, right: number, operation: string]>> = {
  or: [1, 1, ""],
  and: [2, 2, ""],
  "<": [3, 3, "isLess"],
  ">": [3, 3, "isMore"],
  "<=": [3, 3, "isLessOrEqual"],
  ">=": [3, 3, "isMoreOrEqual"],
  "~=": [3, 3, ""],
  "==": [3, 3, ""],
  "..": [5, 4, "joined"],
  "+": [6, 6, "+"],
  "-": [6, 6, "-"],
  "*": [7, 7, "*"],
  "/": [7, 7, "/"],
  "%": [7, 7, "remainder"],
};
const UNARY_STRENGTH = 8;

export function readExpression(reader: Reader, scope: Scope, strength = 0): Expression {
  let left = readUnary(reader, scope);
  for (;;) {
    const mark = reader.peek();
    const found = mark.kind === "mark" ? BINARY[mark.text] : undefined;
    if (found === undefined || found[0] <= strength) return left;
    reader.next();
    const right = readExpression(reader, scope, found[1]);
    left = { code: binary(mark.text, found[2], left.code, right.code, scope) };
  }
}

export function readExpressions(reader: Reader, scope: Scope): readonly Expression[] {
  const found = [readExpression(reader, scope)];
  while (reader.took(",")) found.push(readExpression(reader, scope));
  return found;
}

/** The elements of an array: the last one with all its values. */
export function listed(expressions: readonly Expression[]): string {
  return expressions
    .map(({ code, values }, at) => (values !== undefined && at === expressions.length - 1 ? `...${values}` : code))
    .join(", ");
}

function binary(mark: string, operation: string, left: string, right: string, scope: Scope): string {
  if (mark === "==") return `(${left} === ${right})`;
  if (mark === "~=") return `(${left} !== ${right})`;
  if (mark === "and" || mark === "or") {
    const spare = scope.spare();
    const test = `$.isTrue(${spare} = ${left})`;
    return mark === "and" ? `(${test} ? ${right} : ${spare})` : `(${test} ? ${spare} : ${right})`;
  }
  if ("+-*/".includes(operation)) return `($.number(${left}) ${operation} $.number(${right}))`;
  return `$.${operation}(${left}, ${right})`;
}

function readUnary(reader: Reader, scope: Scope): Expression {
  const operand = (): string => readExpression(reader, scope, UNARY_STRENGTH).code;
  if (reader.took("not")) return { code: `!$.isTrue(${operand()})` };
  if (reader.took("-")) return { code: `(-$.number(${operand()}))` };
  if (reader.took("#")) return { code: `$.size(${operand()})` };
  return readPostfix(reader, scope);
}

function readPostfix(reader: Reader, scope: Scope): Expression {
  const { kind, text } = reader.peek();
  if (kind === "number") return { code: `${Number(reader.next().text)}` };
  if (kind === "string") return { code: JSON.stringify(reader.next().text) };
  if (text === "{") return { code: readTable(reader, scope) };
  if (reader.took("nil")) return { code: "undefined" };
  if (reader.took("true")) return { code: "true" };
  if (reader.took("false")) return { code: "false" };
  if (reader.took("function")) return { code: scope.functionBody() };
  return readSuffixed(reader, scope);
}

/** A variable or something in brackets, and what is indexed and called of it. */
export function readSuffixed(reader: Reader, scope: Scope): Expression {
  let found: Expression;
  if (reader.took("(")) {
    found = { code: `(${readExpression(reader, scope).code})` };
    reader.expect(")");
  } else found = { code: scope.variable(reader.name()) };
  for (;;) {
    const { kind, text } = reader.peek();
    if (reader.took(".")) found = { code: `$.at(${found.code}, ${JSON.stringify(reader.name())})` };
    else if (reader.took("[")) {
      found = { code: `$.at(${found.code}, ${readExpression(reader, scope).code})` };
      reader.expect("]");
    } else if (reader.took(":")) {
      // Of all values only strings have methods.
      const method = `$.at($.global(globals, "string"), ${JSON.stringify(reader.name())})`;
      found = called(`$.callable(${method})(${found.code}, ${readArguments(reader, scope)})`);
    } else if (text === "(" || text === "{" || kind === "string") {
      found = called(`$.callable(${found.code})(${readArguments(reader, scope)})`);
    } else return found;
  }
}

function called(values: string): Expression {
  return { code: `${values}[0]`, values };
}

function readArguments(reader: Reader, scope: Scope): string {
  const { kind, text } = reader.peek();
  if (kind === "string") return JSON.stringify(reader.next().text);
  if (text === "{") return readTable(reader, scope);
  reader.expect("(");
  if (reader.took(")")) return "";
  const found = listed(readExpressions(reader, scope));
  reader.expect(")");
  return found;
}

function readTable(reader: Reader, scope: Scope): string {
  reader.expect("{");
  const items: Expression[] = [];
  while (!reader.took("}")) {
    if (reader.peek().text === "[" || reader.peek().kind === "end") throw reader.fail("a plain item of a table");
    items.push(readExpression(reader, scope));
    if (reader.peek().text === "=") throw reader.fail("a plain item of a table");
    if (!reader.took(",") && !reader.took(";")) {
      reader.expect("}");
      break;
    }
  }
  return `$.table([${listed(items)}])`;
}
