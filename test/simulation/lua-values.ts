// Values of Lua and what its operators do with them. nil is undefined, a string has one character (0 to 255) for each byte,
// a function takes values and gives back an array of them.
import { SimpleError } from "./database.ts";
import { numberOf, numberText } from "./lua-numbers.ts";

export type LuaFunction = (...args: readonly unknown[]) => readonly unknown[];

/** Elements from 1 on in a list, all others in a map. */
export class LuaTable {
  readonly list: unknown[];
  readonly named = new Map<unknown, unknown>();

  /** `list`: from now on the table's own. */
  constructor(list: unknown[] = []) {
    this.list = list;
    this.shorten();
  }

  get(key: unknown): unknown {
    const isInList = typeof key === "number" && key >= 1 && key <= this.list.length && Number.isInteger(key);
    return isInList ? this.list[key - 1] : this.named.get(key);
  }

  /** Throws SimpleError where no element can have this key. */
  put(key: unknown, value: unknown): void {
    const place = typeof key === "number" && Number.isInteger(key) ? key - 1 : -1;
    if (key === undefined || Number.isNaN(key)) throw failed(`table index is ${key === undefined ? "nil" : "NaN"}`);
    if (place >= 0 && place < this.list.length) {
      this.list[place] = value;
      if (value === undefined) this.shorten();
    } else if (value === undefined) this.named.delete(key);
    else if (place === this.list.length) {
      this.list.push(value);
      this.named.delete(key);
      for (let next = this.list.length + 1; this.named.has(next); next++) {
        this.list.push(this.named.get(next));
        this.named.delete(next);
      }
    } else this.named.set(key, value);
  }

  private shorten(): void {
    while (this.list.length > 0 && this.list.at(-1) === undefined) this.list.pop();
  }
}

/** As an error within a script. */
export function failed(what: string): SimpleError {
  return new SimpleError(`ERR user_script: ${what}`);
}

export function typeOf(value: unknown): string {
  if (value === undefined) return "nil";
  return value instanceof LuaTable ? "table" : typeof value;
}

/** Of a number or a text of one; throws SimpleError. */
function number(value: unknown): number {
  if (typeof value === "number") return value;
  const found = typeof value === "string" ? numberOf(value) : undefined;
  if (found === undefined) throw failed(`attempt to perform arithmetic on a ${typeOf(value)} value`);
  return found;
}

function order(a: unknown, b: unknown): readonly [number, number] | readonly [string, string] {
  if (typeof a === "number" && typeof b === "number") return [a, b];
  if (typeof a === "string" && typeof b === "string") return [a, b];
  throw failed(`attempt to compare ${typeOf(a)} with ${typeOf(b)}`);
}

function isLess(a: unknown, b: unknown): boolean {
  const [left, right] = order(a, b);
  return left < right;
}

function isLessOrEqual(a: unknown, b: unknown): boolean {
  const [left, right] = order(a, b);
  return left <= right;
}

export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  throw failed(`a string expected, got ${typeOf(value)}`);
}

function at(table: unknown, key: unknown): unknown {
  if (table instanceof LuaTable) return table.get(key);
  throw failed(`attempt to index a ${typeOf(table)} value (element '${String(key)}')`);
}

function callable(value: unknown): LuaFunction {
  if (typeof value === "function") return value as LuaFunction;
  throw failed(`attempt to call a ${typeOf(value)} value`);
}

function* each(next: unknown, state: unknown, control: unknown): Generator<readonly unknown[]> {
  const step = callable(next);
  for (let found = step(state, control); found[0] !== undefined; found = step(state, found[0])) yield found;
}

function put(table: unknown, key: unknown, value: unknown): void {
  if (!(table instanceof LuaTable)) throw failed(`attempt to index a ${typeOf(table)} value`);
  table.put(key, value);
}

function size(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (value instanceof LuaTable) return value.list.length;
  throw failed(`attempt to get length of a ${typeOf(value)} value`);
}

function global(globals: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!Object.hasOwn(globals, name)) throw failed(`Script attempted to access nonexistent global variable '${name}'`);
  return globals[name];
}

/** What a compiled script calls as `$`. */
export const OPERATIONS = {
  isTrue: (value: unknown): boolean => value !== undefined && value !== false,
  number,
  isLess,
  isLessOrEqual,
  isMore: (a: unknown, b: unknown): boolean => isLess(b, a),
  isMoreOrEqual: (a: unknown, b: unknown): boolean => isLessOrEqual(b, a),
  joined: (a: unknown, b: unknown): string => textOf(a) + textOf(b),
  remainder: (a: unknown, b: unknown): number => {
    const [whole, by] = [number(a), number(b)];
    return whole - Math.floor(whole / by) * by;
  },
  size,
  at,
  put,
  table: (list: unknown[]): LuaTable => new LuaTable(list),
  callable,
  each,
  global,
} as const;
