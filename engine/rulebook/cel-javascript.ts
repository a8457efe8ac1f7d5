// Compiles a parsed CEL expression to one JavaScript expression that never throws.
//
// A rulebook has one number type, the double: integer literals mix with declared numbers. Errors are values (see
// cel-runtime.ts) and spread as CEL says: `false && error` is false and `true || error` is true in either order, a
// condition that fails takes its `?:` with it, everything else hands the error on. A number that is not a number
// (missing feature, division by zero, infinity minus infinity) is an error.
//
// No text of the author's reaches the generated source but as a literal by JSON.stringify.

import type { CelType, NameRead, NameScope } from "./cel-names.ts";
import type { ASTNode, ExpressionFault } from "./cel-parse.ts";
import { suggest } from "./suggest.ts";

export interface CompiledExpression {
  readonly javascript: string;
  /** Number of temporary variables t0, t1, ... that it uses. */
  readonly temporaries: number;
  readonly reads: readonly string[];
  readonly models: readonly number[];
  readonly faults: readonly ExpressionFault[];
}

/** A piece of JavaScript and what it yields. `broken`: a fault was reported, say no more. */
interface Piece {
  readonly type: CelType | "broken";
  readonly javascript: string;
}

interface Scribe {
  readonly names: NameScope;
  readonly temporary: () => string;
  readonly read: (read: NameRead) => void;
  /** Reports a fault and gives a piece that causes no other. */
  readonly wrong: (node: ASTNode, message: string, at?: number) => Piece;
}

const BROKEN: Piece = { type: "broken", javascript: "2" };

/** Compiles to a `boolean` (0 | 1 | 2) or a `number` (NaN on error). Faults are told, with a harmless expression. */
export function compileExpression(ast: ASTNode, names: NameScope, want: "boolean" | "number"): CompiledExpression {
  const faults: ExpressionFault[] = [];
  const reads = new Set<string>();
  const models = new Set<number>();
  let temporaries = 0;
  const scribe: Scribe = {
    names,
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
  const javascript = as(scribe, ast, want);
  return {
    javascript: faults.length > 0 ? (want === "boolean" ? "2" : "NaN") : javascript,
    temporaries,
    reads: [...reads].toSorted(),
    models: [...models].toSorted((a, b) => a - b),
    faults,
  };
}

const IN_WORDS: Readonly<Record<CelType, string>> = {
  number: "a number",
  string: "a text",
  boolean: "true or false",
  set: "a set of texts",
  any: "any value",
};

/** JavaScript of a node in the representation of the wanted type. */
function as(scribe: Scribe, node: ASTNode, want: CelType): string {
  return convert(scribe, node, piece(scribe, node), want);
}

function convert(scribe: Scribe, node: ASTNode, { type, javascript }: Piece, want: CelType): string {
  if (type === want || type === "broken") return javascript;
  if (want === "any") {
    if (type === "number") return `anyOfNumber(${javascript})`;
    return type === "boolean" ? `anyOfBoolean(${javascript})` : javascript;
  }
  if (type === "any") return `${FROM_ANY[want]}(${javascript})`;
  const hint = want === "boolean" ? ": compare it, e.g. with ==" : "";
  return scribe.wrong(node, `${quote(node)} is ${IN_WORDS[type]} where ${IN_WORDS[want]} is needed${hint}`).javascript;
}

const FROM_ANY = { number: "num", string: "str", boolean: "bool", set: "set" } as const;

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
      return { type: "boolean", javascript: negated(scribe, as(scribe, node.args, "boolean")) };
    case "-_":
      return { type: "number", javascript: `(-(${as(scribe, node.args, "number")}))` };
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

function select(scribe: Scribe, node: ASTNode): Piece {
  const read = resolve(scribe, node);
  if (read === undefined) return BROKEN;
  scribe.read(read);
  return { type: read.type, javascript: read.javascript };
}

/** The read that `root.field` (or `event.props.field`) stands for; reports what is wrong with it. */
function resolve(scribe: Scribe, node: ASTNode): NameRead | undefined {
  if (node.op !== ".") {
    scribe.wrong(node, `${quote(node)} is no field: write e.g. has(${scribe.names.roots[0]}.NAME)`);
    return undefined;
  }
  const [base, field] = node.args;
  const root = rootOf(base);
  if (root === undefined || !(scribe.names.roots.includes(root) || root === "event.props")) {
    const known = scribe.names.roots;
    scribe.wrong(base, root === undefined ? `${quote(base)} has no fields` : unknownRoot(root, known));
    return undefined;
  }
  const read = scribe.names.resolve(root, field);
  if (!("wrong" in read)) return read;
  scribe.wrong(node, read.wrong, node.end - field.length);
  return undefined;
}

function rootOf(base: ASTNode): string | undefined {
  if (base.op === "id") return base.args;
  if (base.op === "." && base.args[1] === "props" && base.args[0].op === "id" && base.args[0].args === "event") {
    return "event.props";
  }
  return undefined;
}

function unknownRoot(root: string, known: readonly string[]): string {
  return `unknown name ${JSON.stringify(root)}${suggest(root, known)}`;
}

function and(scribe: Scribe, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [as(scribe, left, "boolean"), as(scribe, right, "boolean")];
  return { type: "boolean", javascript: `((${a}=${x})===0?0:(${b}=${y})===0?0:(${a}|${b})===1?1:2)` };
}

function or(scribe: Scribe, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [as(scribe, left, "boolean"), as(scribe, right, "boolean")];
  return { type: "boolean", javascript: `((${a}=${x})===1?1:(${b}=${y})===1?1:(${a}|${b})===0?0:2)` };
}

function negated(scribe: Scribe, javascript: string): string {
  const a = scribe.temporary();
  return `((${a}=${javascript})===2?2:1-${a})`;
}

function conditional(scribe: Scribe, node: ASTNode, [when, then, other]: readonly [ASTNode, ASTNode, ASTNode]): Piece {
  const condition = as(scribe, when, "boolean");
  const a = scribe.temporary();
  const [x, y] = [piece(scribe, then), piece(scribe, other)];
  if (x.type === "broken" || y.type === "broken") return BROKEN;
  if (x.type !== y.type && x.type !== "any" && y.type !== "any") {
    return scribe.wrong(node, `one branch is ${IN_WORDS[x.type]}, the other ${IN_WORDS[y.type]}: make them alike`);
  }
  const type = x.type === y.type ? x.type : "any";
  const failed = type === "boolean" ? "2" : type === "number" ? "NaN" : "undefined";
  const [yes, no] = [convert(scribe, then, x, type), convert(scribe, other, y, type)];
  return { type, javascript: `((${a}=${condition})===2?${failed}:${a}===1?${yes}:${no})` };
}

function equal(scribe: Scribe, node: ASTNode, [left, right]: readonly [ASTNode, ASTNode]): string {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [piece(scribe, left), piece(scribe, right)];
  if (x.type === "broken" || y.type === "broken") return BROKEN.javascript;
  if (x.type === "set" || y.type === "set") {
    return scribe.wrong(node, 'sets are not compared: ask whether a text is in one, e.g. "card" in attributes.NAME')
      .javascript;
  }
  if (x.type === "any" || y.type === "any") {
    return `same(${convert(scribe, left, x, "any")},${convert(scribe, right, y, "any")})`;
  }
  if (x.type !== y.type) {
    return scribe.wrong(
      node,
      `${quote(left)} is ${IN_WORDS[x.type]}, ${quote(right)} is ${IN_WORDS[y.type]}: they are never equal`,
    ).javascript;
  }
  const both = `(${a}=${x.javascript})===(${b}=${y.javascript})`;
  if (x.type === "number") return `(${both}?1:${a}<${b}||${a}>${b}?0:2)`;
  const failed = x.type === "boolean" ? "2" : "undefined";
  return `((${a}=${x.javascript})===${failed}||(${b}=${y.javascript})===${failed}?2:${a}===${b}?1:0)`;
}

const OPPOSITE = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" } as const;

function ordered(scribe: Scribe, op: keyof typeof OPPOSITE, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [as(scribe, left, "number"), as(scribe, right, "number")];
  return { type: "boolean", javascript: `((${a}=${x})${op}(${b}=${y})?1:${a}${OPPOSITE[op]}${b}?0:2)` };
}

function arithmetic(scribe: Scribe, op: "+" | "-" | "*" | "/", [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const [x, y] = [as(scribe, left, "number"), as(scribe, right, "number")];
  if (op !== "/") return { type: "number", javascript: `(${x}${op}(${y}))` };
  const a = scribe.temporary();
  return { type: "number", javascript: `((${a}=${y})===0?NaN:${x}/${a})` };
}

function membership(scribe: Scribe, node: ASTNode, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const value = piece(scribe, left);
  if (right.op === "list") return inList(scribe, left, value, right);
  const within = as(scribe, right, "set");
  if (value.type === "broken") return BROKEN;
  if (value.type !== "string" && value.type !== "any") {
    return scribe.wrong(node, `${quote(left)} is ${IN_WORDS[value.type]}: a set holds texts`);
  }
  return { type: "boolean", javascript: `inSet(${value.javascript},${within})` };
}

function inList(scribe: Scribe, left: ASTNode, value: Piece, list: ASTNode & { readonly op: "list" }): Piece {
  if (list.args.length === 0) return scribe.wrong(list, "nothing is in an empty list");
  const pieces = list.args.map((item) => {
    if (item.op !== "value" && !(item.op === "-_" && item.args.op === "value")) {
      return scribe.wrong(item, `${quote(item)}: a list holds plain numbers or texts`);
    }
    return piece(scribe, item);
  });
  if (value.type === "broken" || pieces.some((item) => item.type === "broken")) return BROKEN;
  const type = value.type === "any" ? pieces[0]?.type : value.type;
  const odd = pieces.findIndex((item) => item.type !== type);
  if (odd !== -1 || (type !== "number" && type !== "string")) {
    const item = list.args[Math.max(odd, 0)] as ASTNode;
    const of = value.type === "any" ? "the first of the list" : quote(left);
    const kind = IN_WORDS[type as CelType];
    return scribe.wrong(
      item,
      `${quote(item)} does not fit: ${of} is ${kind}${type === "boolean" ? ", compare it with ==" : ""}`,
    );
  }
  const a = scribe.temporary();
  const failed = value.type === "number" ? `${a}!==${a}` : `${a}===undefined`;
  const hit = pieces.map((item) => `${a}===${item.javascript}`).join("||");
  return { type: "boolean", javascript: `(${a}=${value.javascript},${failed}?2:${hit}?1:0)` };
}

const FUNCTIONS = ["has", "size", "min", "max", "abs"];
const METHODS = ["startsWith", "endsWith", "contains"];

function call(scribe: Scribe, node: ASTNode, name: string, args: readonly ASTNode[]): Piece {
  const [first] = args;
  if (!FUNCTIONS.includes(name)) return scribe.wrong(node, unknownFunction(name));
  const fits = name === "min" || name === "max" ? args.length >= 2 : args.length === 1;
  if (first === undefined || !fits) {
    return scribe.wrong(
      node,
      `${name}() takes ${name === "min" || name === "max" ? "at least two numbers" : "one argument"}`,
    );
  }
  if (name === "has") {
    const read = resolve(scribe, first);
    if (read === undefined) return BROKEN;
    scribe.read(read);
    return { type: "boolean", javascript: read.present };
  }
  if (name === "size") return sizeOf(scribe, first);
  return { type: "number", javascript: `Math.${name}(${args.map((arg) => as(scribe, arg, "number")).join(",")})` };
}

function sizeOf(scribe: Scribe, node: ASTNode): Piece {
  const value = piece(scribe, node);
  if (value.type === "broken") return BROKEN;
  if (value.type === "string") return { type: "number", javascript: `sizeOfText(${value.javascript})` };
  if (value.type === "set") return { type: "number", javascript: `sizeOfSet(${value.javascript})` };
  if (value.type === "any") return { type: "number", javascript: `sizeOfAny(${value.javascript})` };
  return scribe.wrong(node, `${quote(node)} is ${IN_WORDS[value.type]}: size() takes a text or a set`);
}

function method(scribe: Scribe, node: ASTNode, name: string, on: ASTNode, args: readonly ASTNode[]): Piece {
  const [part] = args;
  if (name === "size" && args.length === 0) return sizeOf(scribe, on);
  if (!METHODS.includes(name)) return scribe.wrong(node, unknownFunction(name));
  if (part === undefined || args.length > 1) return scribe.wrong(node, `${name}() takes one text`);
  return { type: "boolean", javascript: `${name}(${as(scribe, on, "string")},${as(scribe, part, "string")})` };
}

function unknownFunction(name: string): string {
  if (name === "matches") {
    return "matches() is not allowed, a pattern may take for ever: use startsWith, endsWith, contains or in";
  }
  return `unknown function ${JSON.stringify(`${name}()`)}${suggest(name, [...FUNCTIONS, ...METHODS])}`;
}

/** The text of a node as written, cut where it is long. */
function quote(node: ASTNode): string {
  const text = node.input.slice(node.start, node.end);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
