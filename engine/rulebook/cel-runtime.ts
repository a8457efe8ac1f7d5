// What generated code calls. Nothing here throws: an error is a value of its own in each type.
//   boolean  0 | 1 | 2 (error)       number  NaN is the error
//   text, set, any value  undefined is the error
import type { Props, PropValue } from "../domain/event.ts";

type Truth = 0 | 1 | 2;
type Value = PropValue | undefined;

/** Own properties only: `context.constructor` is as missing as any other name that was not sent. */
function own(props: Props, name: string): Value {
  return Object.hasOwn(props, name) ? props[name] : undefined;
}

function num(value: Value): number {
  return typeof value === "number" ? value : Number.NaN;
}

function str(value: Value): string | undefined {
  return typeof value === "string" ? value : undefined;
}

function bool(value: Value): Truth {
  return value === true ? 1 : value === false ? 0 : 2;
}

function set(value: Value): readonly string[] | undefined {
  return typeof value === "object" ? value : undefined;
}

function anyOfNumber(value: number): Value {
  return Number.isNaN(value) ? undefined : value;
}

function anyOfBoolean(value: Truth): Value {
  return value === 2 ? undefined : value === 1;
}

/** Values of different types are not equal; sets are equal as lists are, in order. */
function same(a: Value, b: Value): Truth {
  if (a === undefined || b === undefined) return 2;
  if (typeof a !== "object" || typeof b !== "object") return a === b ? 1 : 0;
  return a.length === b.length && a.every((item, index) => item === b[index]) ? 1 : 0;
}

function inSet(value: Value, values: readonly string[] | undefined): Truth {
  if (value === undefined || values === undefined) return 2;
  return values.includes(value as string) ? 1 : 0;
}

function sizeOfText(value: string | undefined): number {
  if (value === undefined) return Number.NaN;
  let points = value.length;
  for (let index = 0; index + 1 < value.length; index++) {
    if ((value.charCodeAt(index) & 0xfc00) === 0xd800 && (value.charCodeAt(index + 1) & 0xfc00) === 0xdc00) points--;
  }
  return points;
}

function sizeOfSet(value: readonly string[] | undefined): number {
  return value === undefined ? Number.NaN : value.length;
}

function sizeOfAny(value: Value): number {
  return typeof value === "string" ? sizeOfText(value) : sizeOfSet(set(value));
}

function startsWith(text: string | undefined, part: string | undefined): Truth {
  if (text === undefined || part === undefined) return 2;
  return text.startsWith(part) ? 1 : 0;
}

function endsWith(text: string | undefined, part: string | undefined): Truth {
  if (text === undefined || part === undefined) return 2;
  return text.endsWith(part) ? 1 : 0;
}

function contains(text: string | undefined, part: string | undefined): Truth {
  if (text === undefined || part === undefined) return 2;
  return text.includes(part) ? 1 : 0;
}

/** By the name under which generated code knows them. */
export const CEL_RUNTIME = {
  own,
  num,
  str,
  bool,
  set,
  anyOfNumber,
  anyOfBoolean,
  same,
  inSet,
  sizeOfText,
  sizeOfSet,
  sizeOfAny,
  startsWith,
  endsWith,
  contains,
};
