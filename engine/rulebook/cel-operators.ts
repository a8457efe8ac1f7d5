// Operators: logic that tolerates errors as CEL's does, comparison, arithmetic, membership.
import type { CelType } from "./cel-names.ts";
import type { ASTNode } from "./cel-parse.ts";
import { BROKEN, convert, IN_WORDS, type Piece, quote, type Scribe } from "./cel-scribe.ts";

export function and(scribe: Scribe, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [scribe.as(left, "boolean"), scribe.as(right, "boolean")];
  return { type: "boolean", javascript: `((${a}=${x})===0?0:(${b}=${y})===0?0:(${a}|${b})===1?1:2)` };
}

export function or(scribe: Scribe, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [scribe.as(left, "boolean"), scribe.as(right, "boolean")];
  return { type: "boolean", javascript: `((${a}=${x})===1?1:(${b}=${y})===1?1:(${a}|${b})===0?0:2)` };
}

export function negated(scribe: Scribe, javascript: string): string {
  const a = scribe.temporary();
  return `((${a}=${javascript})===2?2:1-${a})`;
}

export function conditional(
  scribe: Scribe,
  node: ASTNode,
  [when, then, other]: readonly [ASTNode, ASTNode, ASTNode],
): Piece {
  const condition = scribe.as(when, "boolean");
  const a = scribe.temporary();
  const [x, y] = [scribe.piece(then), scribe.piece(other)];
  if (x.type === "broken" || y.type === "broken") return BROKEN;
  if (x.type !== y.type && x.type !== "any" && y.type !== "any") {
    return scribe.wrong(node, `one branch is ${IN_WORDS[x.type]}, the other ${IN_WORDS[y.type]}: make them alike`);
  }
  const type = x.type === y.type ? x.type : "any";
  const failed = type === "boolean" ? "2" : type === "number" ? "NaN" : "undefined";
  const [yes, no] = [convert(scribe, then, x, type), convert(scribe, other, y, type)];
  return { type, javascript: `((${a}=${condition})===2?${failed}:${a}===1?${yes}:${no})` };
}

export function equal(scribe: Scribe, node: ASTNode, [left, right]: readonly [ASTNode, ASTNode]): string {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [scribe.piece(left), scribe.piece(right)];
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

export function ordered(scribe: Scribe, op: keyof typeof OPPOSITE, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const a = scribe.temporary();
  const b = scribe.temporary();
  const [x, y] = [scribe.as(left, "number"), scribe.as(right, "number")];
  return { type: "boolean", javascript: `((${a}=${x})${op}(${b}=${y})?1:${a}${OPPOSITE[op]}${b}?0:2)` };
}

export function arithmetic(
  scribe: Scribe,
  op: "+" | "-" | "*" | "/",
  [left, right]: readonly [ASTNode, ASTNode],
): Piece {
  const [x, y] = [scribe.as(left, "number"), scribe.as(right, "number")];
  if (op !== "/") return { type: "number", javascript: `(${x}${op}(${y}))` };
  const a = scribe.temporary();
  return { type: "number", javascript: `((${a}=${y})===0?NaN:${x}/${a})` };
}

export function membership(scribe: Scribe, node: ASTNode, [left, right]: readonly [ASTNode, ASTNode]): Piece {
  const value = scribe.piece(left);
  if (right.op === "list") return inList(scribe, left, value, right);
  const within = scribe.as(right, "set");
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
    return scribe.piece(item);
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
