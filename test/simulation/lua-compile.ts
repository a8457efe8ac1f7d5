// Compiles a Lua script, once, into a JavaScript function. It knows as much of Lua as the engine's scripts use, with numbers as
// in the Lua 5.1 of Redis (doubles), and refuses the rest: what Redis would do otherwise must not be simulated.
import { SimpleError } from "./database.ts";
import { listed, type Reader, readExpression, readExpressions, readSuffixed, type Scope } from "./lua-expressions.ts";
import { type Token, tokensOf } from "./lua-tokens.ts";
import { OPERATIONS } from "./lua-values.ts";

/** What a script is given: its globals by name. Answers what the script returns. */
export type Compiled = (globals: Readonly<Record<string, unknown>>) => readonly unknown[];

/** Throws SimpleError where it is no Lua, or more than is known here. */
export function compileLua(source: string): Compiled {
  const reader = createReader(tokensOf(source));
  const names: Names = { count: 0, spares: [] };
  const body = readBlock(reader, [new Map()], names);
  if (reader.peek().kind !== "end") throw reader.fail("the end");
  const code = `"use strict"; ${names.spares.length === 0 ? "" : `let ${names.spares.join(", ")};`}\n${body}\nreturn [];`;
  const made = new Function("$", "globals", code) as (operations: object, globals: object) => readonly unknown[];
  return (globals) => made(OPERATIONS, globals);
}

/** Names of locals to those in JavaScript, the innermost last. */
type Locals = readonly Map<string, string>[];

interface Names {
  /** So many were made. */
  count: number;
  /** Variables of the whole script. */
  readonly spares: string[];
}

function createReader(tokens: readonly Token[]): Reader {
  let at = 0;
  const peek = (): Token => tokens[at] as Token;
  const fail = (what: string): SimpleError =>
    new SimpleError(
      `ERR Error compiling script (new function): line ${peek().line}: ${what} expected near '${peek().text}'`,
    );
  const took = (mark: string): boolean => {
    if (peek().kind !== "mark" || peek().text !== mark) return false;
    at++;
    return true;
  };
  return {
    peek,
    next: () => tokens[at++] as Token,
    took,
    expect: (mark) => {
      if (!took(mark)) throw fail(`'${mark}'`);
    },
    name: () => {
      if (peek().kind !== "name") throw fail("a name");
      return (tokens[at++] as Token).text;
    },
    fail,
  };
}

const ENDS = new Set(["end", "else", "elseif", "until", "<eof>"]);

function readBlock(reader: Reader, locals: Locals, names: Names): string {
  const lines: string[] = [];
  while (!ENDS.has(reader.peek().text) || reader.peek().kind === "string") {
    lines.push(readStatement(reader, locals, names));
    reader.took(";");
  }
  return lines.join("\n");
}

function scopeOf(reader: Reader, locals: Locals, names: Names): Scope {
  return {
    variable: (name) => {
      for (let at = locals.length - 1; at >= 0; at--) {
        const found = locals[at]?.get(name);
        if (found !== undefined) return found;
      }
      return `$.global(globals, ${JSON.stringify(name)})`;
    },
    spare: () => {
      const name = `spare_${++names.count}`;
      names.spares.push(name);
      return name;
    },
    functionBody: () => readFunction(reader, locals, names),
  };
}

/** Every local has a name of its own: Lua's may be declared again by what they were. */
function declare(name: string, locals: Locals, names: Names): string {
  const own = `${name}_${++names.count}`;
  locals.at(-1)?.set(name, own);
  return own;
}

function readFunction(reader: Reader, locals: Locals, names: Names): string {
  const inner = [...locals, new Map<string, string>()];
  const parameters: string[] = [];
  reader.expect("(");
  while (!reader.took(")")) {
    parameters.push(declare(reader.name(), inner, names));
    if (!reader.took(",") && reader.peek().text !== ")") throw reader.fail("')'");
  }
  const body = readBlock(reader, inner, names);
  reader.expect("end");
  return `((${parameters.join(", ")}) => { ${body}\nreturn []; })`;
}

function readStatement(reader: Reader, locals: Locals, names: Names): string {
  const scope = scopeOf(reader, locals, names);
  const inner = (): string => readBlock(reader, [...locals, new Map()], names);
  const test = (): string => `$.isTrue(${readExpression(reader, scope).code})`;
  if (reader.took("local")) return readLocal(reader, locals, names, scope);
  if (reader.took("if")) return readIf(reader, inner, test);
  if (reader.took("for")) return readFor(reader, locals, names, scope);
  if (reader.took("while")) {
    const condition = test();
    reader.expect("do");
    const body = inner();
    reader.expect("end");
    return `while (${condition}) { ${body} }`;
  }
  if (reader.took("repeat")) {
    // Its condition sees the locals of its body.
    const own = [...locals, new Map<string, string>()];
    const body = readBlock(reader, own, names);
    reader.expect("until");
    return `for (;;) { ${body}\nif ($.isTrue(${readExpression(reader, scopeOf(reader, own, names)).code})) break; }`;
  }
  if (reader.took("break")) return "break;";
  if (reader.took("return")) {
    const isBare = ENDS.has(reader.peek().text) && reader.peek().kind !== "string";
    const values = isBare ? [] : readExpressions(reader, scope);
    return `return [${listed(values)}];`;
  }
  return readCallOrAssignment(reader, scope);
}

function readIf(reader: Reader, inner: () => string, test: () => string): string {
  const condition = test();
  reader.expect("then");
  let code = `if (${condition}) { ${inner()} }`;
  if (reader.took("elseif")) code += ` else { ${readIf(reader, inner, test)} }`;
  else {
    if (reader.took("else")) code += ` else { ${inner()} }`;
    reader.expect("end");
  }
  return code;
}

function readLocal(reader: Reader, locals: Locals, names: Names, scope: Scope): string {
  if (reader.took("function")) {
    const own = declare(reader.name(), locals, names);
    return `const ${own} = ${readFunction(reader, locals, names)};`;
  }
  const declared = [reader.name()];
  while (reader.took(",")) declared.push(reader.name());
  const values = reader.took("=") ? readExpressions(reader, scope) : [];
  const own = declared.map((name) => declare(name, locals, names));
  const isPlain = values.length === own.length || (values.length < own.length && values.at(-1)?.values === undefined);
  if (isPlain) return `let ${own.map((name, at) => `${name} = ${values[at]?.code ?? "undefined"}`).join(", ")};`;
  return `let [${own.join(", ")}] = [${listed(values)}];`;
}

function readFor(reader: Reader, locals: Locals, names: Names, scope: Scope): string {
  const own = [...locals, new Map<string, string>()];
  const declared = [reader.name()];
  while (reader.took(",")) declared.push(reader.name());
  const isCounting = declared.length === 1 && reader.took("=");
  if (!isCounting) reader.expect("in");
  const values = readExpressions(reader, scope);
  const variables = declared.map((name) => declare(name, own, names));
  reader.expect("do");
  const body = readBlock(reader, own, names);
  reader.expect("end");
  if (!isCounting) return `for (let [${variables.join(", ")}] of $.each(${listed(values)})) { ${body} }`;
  const [from, to, step = { code: "1" }] = values;
  const [at, end, by] = [variables[0], `${variables[0]}_end`, `${variables[0]}_by`];
  const head = `let ${at} = $.number(${from?.code}), ${end} = $.number(${to?.code}), ${by} = $.number(${step.code})`;
  return `for (${head}; ${by} > 0 ? ${at} <= ${end} : ${at} >= ${end}; ${at} += ${by}) { ${body} }`;
}

function readCallOrAssignment(reader: Reader, scope: Scope): string {
  const first = readSuffixed(reader, scope);
  if (reader.peek().text !== "=" && reader.peek().text !== ",") {
    if (first.values === undefined) throw reader.fail("a call");
    return `${first.values};`;
  }
  const targets = [first];
  while (reader.took(",")) targets.push(readSuffixed(reader, scope));
  reader.expect("=");
  const values = readExpressions(reader, scope);
  if (targets.length === 1) return assigned(first.code, values[0]?.code ?? "undefined", reader);
  const spare = scope.spare();
  const each = targets.map(({ code }, at) => assigned(code, `${spare}[${at}]`, reader));
  return `${spare} = [${listed(values)}]; ${each.join(" ")}`;
}

/** An element is read by `$.at(table, key)`, and written by `$.put(table, key, value)`. */
function assigned(target: string, value: string, reader: Reader): string {
  if (/^\w+$/.test(target)) return `${target} = ${value};`;
  if (target.startsWith("$.at(")) return `$.put(${target.slice("$.at(".length, -1)}, ${value});`;
  throw reader.fail("a local or an element of a table");
}
