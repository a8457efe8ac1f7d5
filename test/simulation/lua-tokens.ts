// The words of a Lua script.
import { SimpleError } from "./database.ts";

export interface Token {
  readonly kind: "name" | "number" | "string" | "mark" | "end";
  /** Of a string what it stands for, else as it is written. */
  readonly text: string;
  readonly line: number;
}

const KEYWORDS = new Set(
  "and break do else elseif end false for function if in local nil not or repeat return then true until while".split(
    " ",
  ),
);
const SKIPPED = /(?:\s+|--\[\[[\s\S]*?\]\]|--(?!\[\[)[^\n]*)+/y;
const NAME = /[A-Za-z_]\w*/y;
const NUMBER = /0[xX][\da-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const STRING = /'((?:[^'\\\n]|\\[\s\S])*)'|"((?:[^"\\\n]|\\[\s\S])*)"/y;
const MARK = /\.\.\.|\.\.|==|~=|<=|>=|[-+*/%^#<>=(){}[\];:,.]/y;
const ESCAPES: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", a: "\x07", b: "\b", f: "\f", v: "\v" };

/** Throws SimpleError where something is no word of Lua. A keyword is a mark. */
export function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let line = 1;
  const taken = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found !== null) at += found[0].length;
    return found;
  };
  const next = (): Token => {
    const name = taken(NAME)?.[0];
    if (name !== undefined) return { kind: KEYWORDS.has(name) ? "mark" : "name", text: name, line };
    const number = taken(NUMBER)?.[0];
    if (number !== undefined) return { kind: "number", text: number, line };
    const string = taken(STRING);
    if (string !== null) return { kind: "string", text: unescaped(string[1] ?? string[2] ?? ""), line };
    const mark = taken(MARK)?.[0];
    if (mark !== undefined) return { kind: "mark", text: mark, line };
    throw new SimpleError(`ERR Error compiling script (new function): line ${line}: unexpected '${source[at]}'`);
  };
  for (;;) {
    line += (taken(SKIPPED)?.[0].match(/\n/g) ?? []).length;
    if (at >= source.length) return [...tokens, { kind: "end", text: "<eof>", line }];
    tokens.push(next());
  }
}

function unescaped(text: string): string {
  return text.replace(/\\(?:(\d{1,3})|([\s\S]))/g, (_, code?: string, letter?: string) =>
    code === undefined ? (ESCAPES[letter as string] ?? (letter as string)) : String.fromCharCode(Number(code)),
  );
}
