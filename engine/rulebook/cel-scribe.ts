// What the parts of the compiler from CEL to JavaScript share.
import type { CelType, NameRead, NameScope } from "./cel-names.ts";
import type { ASTNode } from "./cel-parse.ts";

/** A piece of JavaScript and what it yields. `broken`: a fault was reported, say no more. */
export interface Piece {
  readonly type: CelType | "broken";
  readonly javascript: string;
}

/** Compiles the nodes of one expression, and notes what it meets. */
export interface Scribe {
  readonly names: NameScope;
  readonly piece: (node: ASTNode) => Piece;
  /** JavaScript of a node in the representation of the wanted type. */
  readonly as: (node: ASTNode, want: CelType) => string;
  /** The name of a fresh temporary variable. */
  readonly temporary: () => string;
  readonly read: (read: NameRead) => void;
  /** Reports a fault and gives a piece that causes no other. */
  readonly wrong: (node: ASTNode, message: string, at?: number) => Piece;
}

export const BROKEN: Piece = { type: "broken", javascript: "2" };

export const IN_WORDS: Readonly<Record<CelType, string>> = {
  number: "a number",
  string: "a text",
  boolean: "true or false",
  set: "a set of texts",
  any: "any value",
};

export function convert(scribe: Scribe, node: ASTNode, { type, javascript }: Piece, want: CelType): string {
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

/** The text of a node as written, cut where it is long. */
export function quote(node: ASTNode): string {
  const text = node.input.slice(node.start, node.end);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
