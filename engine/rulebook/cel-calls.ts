// Names that are read, functions and methods.
import type { NameRead } from "./cel-names.ts";
import type { ASTNode } from "./cel-parse.ts";
import { BROKEN, IN_WORDS, type Piece, quote, type Scribe } from "./cel-scribe.ts";
import { suggest } from "./suggest.ts";

export function select(scribe: Scribe, node: ASTNode): Piece {
  const read = resolve(scribe, node);
  if (read === undefined) return BROKEN;
  scribe.read(read);
  if (read.inPlace !== undefined) return { type: "boolean", javascript: scribe.as(read.inPlace, "boolean") };
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
  const known = scribe.names.roots;
  if (root === undefined) {
    const ofEvent = base.op === "." && base.args[0].op === "id" && base.args[0].args === "event";
    scribe.wrong(base, `${quote(base)} has no fields${ofEvent ? ": properties are read as event.props.NAME" : ""}`);
    return undefined;
  }
  const first = root.split(".")[0] as string;
  if (!known.includes(first)) {
    scribe.wrong(base, `unknown name ${JSON.stringify(first)}${suggest(first, known)}`);
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

const FUNCTIONS = ["has", "size", "min", "max", "abs"];
const METHODS = ["startsWith", "endsWith", "contains"];

export function call(scribe: Scribe, node: ASTNode, name: string, args: readonly ASTNode[]): Piece {
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
    if (read.inPlace !== undefined) {
      return scribe.wrong(first, `${quote(first)} is true or false, never missing: write it without has()`);
    }
    scribe.read(read);
    return { type: "boolean", javascript: read.present };
  }
  if (name === "size") return sizeOf(scribe, first);
  return { type: "number", javascript: `Math.${name}(${args.map((arg) => scribe.as(arg, "number")).join(",")})` };
}

function sizeOf(scribe: Scribe, node: ASTNode): Piece {
  const value = scribe.piece(node);
  if (value.type === "broken") return BROKEN;
  if (value.type === "string") return { type: "number", javascript: `sizeOfText(${value.javascript})` };
  if (value.type === "set") return { type: "number", javascript: `sizeOfSet(${value.javascript})` };
  if (value.type === "any") return { type: "number", javascript: `sizeOfAny(${value.javascript})` };
  return scribe.wrong(node, `${quote(node)} is ${IN_WORDS[value.type]}: size() takes a text or a set`);
}

export function method(scribe: Scribe, node: ASTNode, name: string, on: ASTNode, args: readonly ASTNode[]): Piece {
  const [part] = args;
  if (name === "size" && args.length === 0) return sizeOf(scribe, on);
  if (!METHODS.includes(name)) return scribe.wrong(node, unknownFunction(name));
  if (part === undefined || args.length > 1) return scribe.wrong(node, `${name}() takes one text`);
  return { type: "boolean", javascript: `${name}(${scribe.as(on, "string")},${scribe.as(part, "string")})` };
}

function unknownFunction(name: string): string {
  if (name === "matches") {
    return "matches() is not allowed, a pattern may take for ever: use startsWith, endsWith, contains or in";
  }
  return `unknown function ${JSON.stringify(`${name}()`)}${suggest(name, [...FUNCTIONS, ...METHODS])}`;
}
