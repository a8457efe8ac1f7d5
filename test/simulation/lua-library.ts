// What a script finds of Lua's own library: as much as the engine's scripts call.
import { SimpleError } from "./database.ts";
import { numberOf } from "./lua-numbers.ts";
import { failed, type LuaFunction, LuaTable, textOf, typeOf } from "./lua-values.ts";

const CLASSES: Readonly<Record<string, string>> = {
  a: "A-Za-z",
  d: "0-9",
  l: "a-z",
  s: "\\t-\\r ",
  u: "A-Z",
  w: "A-Za-z0-9",
  x: "A-Fa-f0-9",
};
const expressions = new Map<string, RegExp>();

/** A pattern of Lua as a regular expression: the two agree in what is known here, and the rest is refused. */
function expressionOf(pattern: string): RegExp {
  const known = expressions.get(pattern);
  if (known !== undefined) return known;
  let code = "";
  let at = 0;
  const one = (isInSet: boolean): string => {
    const letter = pattern[at++] as string;
    if (letter !== "%") return isInSet ? letter.replace(/[\\\]]/, "\\$&") : letter.replace(/[\\{}|/]/, "\\$&");
    const name = pattern[at++] ?? "";
    if (!/[a-z]/i.test(name)) return `\\${name}`;
    const found = CLASSES[name.toLowerCase()];
    if (found === undefined || (isInSet && name !== name.toLowerCase())) throw unknown(`the class %${name}`);
    if (isInSet) return found;
    return name === name.toLowerCase() ? `[${found}]` : `[^${found}]`;
  };
  while (at < pattern.length) {
    const letter = pattern[at];
    if (letter === "[") {
      at++;
      code += "[";
      if (pattern[at] === "^") code += pattern[at++];
      while (at < pattern.length && pattern[at] !== "]") code += one(true);
      at++;
      code += "]";
    } else if (letter === "-") {
      at++;
      code += "*?";
    } else if ((letter === "^" && at > 0) || (letter === "$" && at < pattern.length - 1)) {
      at++;
      code += `\\${letter}`;
    } else if (letter === "(" && pattern[at + 1] === ")") throw unknown("a capture of a position");
    else code += one(false);
  }
  const made = new RegExp(code, "gs");
  expressions.set(pattern, made);
  return made;
}

function unknown(what: string): SimpleError {
  return new SimpleError(`ERR the Lua of the simulation does not know ${what}: test/simulation/lua-library.ts`);
}

function matched(found: RegExpExecArray | null): readonly unknown[] {
  if (found === null) return [undefined];
  return found.length > 1 ? found.slice(1) : [found[0]];
}

function match(text: unknown, pattern: unknown): readonly unknown[] {
  const expression = expressionOf(textOf(pattern));
  expression.lastIndex = 0;
  return matched(expression.exec(textOf(text)));
}

function gmatch(text: unknown, pattern: unknown): readonly unknown[] {
  const found = textOf(text).matchAll(expressionOf(textOf(pattern)));
  return [() => matched(found.next().value ?? null)];
}

function format(form: unknown, ...values: readonly unknown[]): readonly unknown[] {
  let at = 0;
  const text = textOf(form).replace(/%(%|s|d|\.(\d)f|.)/g, (whole, kind: string, digits?: string) => {
    if (kind === "%") return "%";
    const value = values[at++];
    if (kind === "s") return textOf(value);
    const number = typeof value === "number" ? value : numberOf(textOf(value));
    if (number === undefined) throw failed(`number expected, got ${typeOf(value)}`);
    if (kind === "d") return Math.trunc(number).toFixed(0);
    if (digits === undefined) throw unknown(`the format ${whole}`);
    return halfToEven(number, Number(digits));
  });
  return [text];
}

/** As C rounds: by the exact value of the double, a tie to the even one. */
function halfToEven(value: number, digits: number): string {
  const isTie = digits === 0 && Math.abs(value % 1) === 0.5;
  return isTie ? (2 * Math.round(value / 2)).toFixed(0) : value.toFixed(digits);
}

function tableOf(value: unknown): LuaTable {
  if (value instanceof LuaTable) return value;
  throw failed(`table expected, got ${typeOf(value)}`);
}

function ipairs(value: unknown): readonly unknown[] {
  const table = tableOf(value);
  const next: LuaFunction = (_, before) => {
    const at = (before as number) + 1;
    const found = table.get(at);
    return found === undefined ? [undefined] : [at, found];
  };
  return [next, table, 0];
}

function unpack(value: unknown, from: unknown = 1, to?: unknown): readonly unknown[] {
  const { list } = tableOf(value);
  const first = (from as number) - 1;
  const last = to === undefined ? list.length : (to as number);
  return Array.from({ length: Math.max(0, last - first) }, (_, at) => list[first + at]);
}

function tonumber(value: unknown, base?: unknown): readonly unknown[] {
  if (base !== undefined) throw unknown("tonumber with a base");
  return [typeof value === "number" ? value : typeof value === "string" ? numberOf(value) : undefined];
}

function tostring(value: unknown): readonly unknown[] {
  if (typeof value === "number" || typeof value === "string") return [textOf(value)];
  if (value === undefined || typeof value === "boolean") return [value === undefined ? "nil" : String(value)];
  throw unknown(`tostring of a ${typeOf(value)}`);
}

/** A library that says so where it lacks something. */
class Library extends LuaTable {
  private readonly name: string;
  constructor(name: string, functions: Readonly<Record<string, LuaFunction>>) {
    super();
    this.name = name;
    for (const [key, body] of Object.entries(functions)) this.named.set(key, body);
  }

  override get(key: unknown): unknown {
    const found = super.get(key);
    if (found === undefined) throw unknown(`${this.name}.${String(key)}`);
    return found;
  }

  override put(): void {
    throw failed("Attempt to modify a readonly table");
  }
}

const numbers = (values: readonly unknown[]): readonly number[] =>
  values.map((value) => {
    if (typeof value !== "number") throw failed(`number expected, got ${typeOf(value)}`);
    return value;
  });

export const LIBRARY: Readonly<Record<string, unknown>> = {
  string: new Library("string", { match, gmatch, format }),
  math: new Library("math", {
    floor: (value) => numbers([value]).map(Math.floor),
    max: (...values) => [Math.max(...numbers(values))],
    min: (...values) => [Math.min(...numbers(values))],
  }),
  table: new Library("table", {
    concat: (value, between = "") => [tableOf(value).list.map(textOf).join(textOf(between))],
  }),
  ipairs,
  unpack,
  tonumber,
  tostring,
  type: (value: unknown) => [typeOf(value)],
};
