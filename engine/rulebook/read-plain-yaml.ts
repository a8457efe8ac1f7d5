// Reads the YAML that rules are written in as a rule, twenty times as fast as the library does: block mappings and lists, texts,
// numbers and flow collections that end on their line, comments. Whatever is not surely one of these is left to the library,
// faults above all, which it tells best. Both are held against each other by test/rulebook/read-plain-yaml.test.ts.
import { createPlaceTable, HIDDEN, type TableWriter } from "./place-table.ts";
import type { Reading } from "./reading.ts";
import { shiftOf } from "./scalar-shift.ts";

/** No key of a rulebook is longer: the library, which takes more, may have the rest. */
const KEY = /[A-Za-z_][\w-]{0,99}(?=:(?:[ \n]|$))/y;
const FLOW_PLAIN = /[^\n,[\]{}]+/y;
/** A plain text begins with one of these, or with a minus before something. */
const PLAIN_START = /[\w(/$+.~^=<;\u00a1-\ud7ff\uf900-\ufdcf]/;
const NUMBER = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,40})?$/;
/** Resolved by rules of their own: nothing, truth values other than true and false, numbers in other forms. */
const SPECIAL = new RegExp(
  [
    "^(?:~|[Nn]ull|NULL|True|TRUE|False|FALSE|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?[0-9]+",
    "[-+]?\\.(?:inf|Inf|INF)|\\.(?:nan|NaN|NAN)|[-+]?(?:\\.[0-9]+|[0-9]+(?:\\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$",
  ].join("|"),
);
const NO_NAME = new Set(["true", "false", "null", "True", "False", "Null", "TRUE", "FALSE", "NULL"]);
const FORBIDDEN = new Set(["__proto__", "constructor", "prototype"]);
/** Control characters, and those that some take for the end of a line. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const UNUSUAL = /[\0-\x09\x0b-\x1f\x7f-\xa0\u2028\u2029\ufeff]|^(?:---|\.\.\.|%)/m;
const NESTING_MAX = 24;

/** Thrown to the top: the library reads the text instead. */
const NOT_PLAIN = Symbol("not plain");

/** Where reading is, and what the value just read was: its row of the place table but for the key. */
interface Cursor {
  readonly text: string;
  readonly writer: TableWriter;
  readonly lineStarts: number[];
  at: number;
  lineEnd: number;
  /** Column of what the line holds, from 0; -1 behind the last line. */
  indent: number;
  start: number;
  shift: number;
  first: number;
}

/** Undefined where it is not surely plain; else what `readAnyYaml` would say. */
export function readPlainYaml(text: string): Reading | undefined {
  if (UNUSUAL.test(text)) return undefined;
  const writer = createPlaceTable();
  const cursor = { text, writer, lineStarts: [], at: 0, lineEnd: -1, indent: -1, start: 0, shift: 0, first: 0 };
  try {
    const root = writer.reserve(1);
    nextLine(cursor);
    if (cursor.indent !== 0) return undefined;
    const value = readMap(cursor, 0, 0);
    if (cursor.indent >= 0) return undefined;
    writer.set(root, cursor.start, cursor.shift, cursor.first);
    return { kind: "read", value, places: writer.build(cursor.lineStarts) };
  } catch (thrown) {
    if (thrown === NOT_PLAIN) return undefined;
    throw thrown;
  }
}

function notPlain(): never {
  throw NOT_PLAIN;
}

/** To what the next line holds that is neither empty nor a comment. */
function nextLine(cursor: Cursor): void {
  const { text, lineStarts } = cursor;
  for (let start = cursor.lineEnd + 1; start <= text.length; start = cursor.lineEnd + 1) {
    lineStarts.push(start);
    const end = text.indexOf("\n", start);
    cursor.lineEnd = end < 0 ? text.length : end;
    let at = start;
    while (text[at] === " ") at++;
    if (at < cursor.lineEnd && text[at] !== "#") {
      cursor.at = at;
      cursor.indent = at - start;
      return;
    }
  }
  cursor.indent = -1;
}

/** Over spaces and a comment, which must be all that is left of the line. */
function endLine(cursor: Cursor): void {
  const from = cursor.at;
  skipSpaces(cursor);
  if (cursor.at < cursor.lineEnd && (cursor.text[cursor.at] !== "#" || cursor.at === from)) notPlain();
  nextLine(cursor);
}

function skipSpaces(cursor: Cursor): void {
  while (cursor.text[cursor.at] === " ") cursor.at++;
}

function isItem({ text, at }: Cursor): boolean {
  return text[at] === "-" && text[at + 1] === " ";
}

function keyHere({ text, at }: Cursor): string | undefined {
  KEY.lastIndex = at;
  return KEY.exec(text)?.[0];
}

function readMap(cursor: Cursor, indent: number, depth: number): unknown {
  const { writer } = cursor;
  const start = cursor.at;
  const value: Record<string, unknown> = {};
  const rows: number[] = [];
  while (cursor.indent === indent) {
    const keyAt = cursor.at;
    const key = readKey(cursor, value);
    skipSpaces(cursor);
    value[key] = isLineOver(cursor) ? readBelow(cursor, indent, depth) : readRest(cursor, indent, depth);
    rows.push(keyAt, cursor.start, cursor.shift, cursor.first);
  }
  if (cursor.indent > indent) notPlain();
  close(cursor, start, writer.fill(rows));
  return value;
}

/** A key that the mapping does not have yet, and its colon. */
function readKey(cursor: Cursor, value: object): string {
  const key = keyHere(cursor);
  if (key === undefined || NO_NAME.has(key) || FORBIDDEN.has(key) || Object.hasOwn(value, key)) return notPlain();
  cursor.at += key.length + 1;
  return key;
}

function isLineOver({ text, at, lineEnd }: Cursor): boolean {
  return at === lineEnd || (text[at] === "#" && text[at - 1] === " ");
}

/** The value of a key that has none on its line. */
function readBelow(cursor: Cursor, indent: number, depth: number): unknown {
  nextLine(cursor);
  if (cursor.indent < indent || depth >= NESTING_MAX) notPlain();
  if (isItem(cursor)) return readList(cursor, cursor.indent, depth + 1);
  if (cursor.indent === indent) notPlain();
  const isFlow = cursor.text[cursor.at] === "{" || cursor.text[cursor.at] === "[";
  return isFlow ? readRest(cursor, indent, depth) : readMap(cursor, cursor.indent, depth + 1);
}

/** The value that the rest of the line holds. */
function readRest(cursor: Cursor, indent: number, depth: number): unknown {
  const value = readInline(cursor, depth);
  const { start, shift, first } = cursor;
  endLine(cursor);
  if (cursor.indent > indent) notPlain();
  Object.assign(cursor, { start, shift, first });
  return value;
}

function readList(cursor: Cursor, indent: number, depth: number): unknown {
  const start = cursor.at;
  const value: unknown[] = [];
  const rows: number[] = [];
  while (cursor.indent === indent && isItem(cursor)) {
    const dash = cursor.at;
    cursor.at++;
    skipSpaces(cursor);
    if (isLineOver(cursor) || depth >= NESTING_MAX) notPlain();
    if (keyHere(cursor) === undefined) value.push(readRest(cursor, indent, depth));
    else {
      cursor.indent += cursor.at - dash;
      value.push(readMap(cursor, cursor.indent, depth + 1));
    }
    rows.push(0, cursor.start, cursor.shift, cursor.first);
  }
  if (cursor.indent > indent) notPlain();
  close(cursor, start, cursor.writer.fill(rows));
  return value;
}

function close(cursor: Cursor, start: number, first: number): void {
  cursor.start = start;
  cursor.shift = HIDDEN;
  cursor.first = first;
}

function readInline(cursor: Cursor, depth: number): unknown {
  const { text, at, lineEnd } = cursor;
  const sign = text[at];
  if (sign === "{" || sign === "[" || sign === '"' || sign === "'") return readDelimited(cursor, sign, depth);
  const rest = text.slice(at, lineEnd);
  const comment = rest.indexOf(" #");
  return readPlain(cursor, comment < 0 ? rest : rest.slice(0, comment));
}

function readDelimited(cursor: Cursor, sign: "{" | "[" | '"' | "'", depth: number): unknown {
  if (sign === '"' || sign === "'") return readQuoted(cursor, sign);
  if (depth >= NESTING_MAX) notPlain();
  return sign === "{" ? readFlowMap(cursor, depth + 1) : readFlowList(cursor, depth + 1);
}

function readQuoted(cursor: Cursor, quote: string): string {
  const { text, at, lineEnd } = cursor;
  const end = text.indexOf(quote, at + 1);
  if (end < 0 || end > lineEnd || (quote === "'" && text[end + 1] === "'")) return notPlain();
  const value = text.slice(at + 1, end);
  if (quote === '"' && value.includes("\\")) return notPlain();
  return scalar(cursor, end + 1, value);
}

/** @param written may end with spaces, which are not part of it */
function readPlain(cursor: Cursor, written: string): string | number | boolean {
  let length = written.length;
  while (written[length - 1] === " ") length--;
  const text = written.slice(0, length);
  const [begin = ""] = text;
  const isStart = begin === "-" ? length > 1 && text[1] !== " " : PLAIN_START.test(begin);
  if (!isStart || text.includes(": ") || text.endsWith(":") || text.includes(" #")) return notPlain();
  const end = cursor.at + length;
  if (text === "true" || text === "false") return scalar(cursor, end, text === "true");
  if (NUMBER.test(text)) return scalar(cursor, end, Number(text));
  return SPECIAL.test(text) ? notPlain() : scalar(cursor, end, text);
}

function scalar<T extends string | number | boolean>(cursor: Cursor, end: number, value: T): T {
  cursor.start = cursor.at;
  cursor.shift = shiftOf(cursor.text, cursor.at, end, value);
  cursor.first = 0;
  cursor.at = end;
  return value;
}

function readFlowMap(cursor: Cursor, depth: number): unknown {
  const start = cursor.at;
  const value: Record<string, unknown> = {};
  const rows: number[] = [];
  for (let isOpen = open(cursor, "}"); isOpen; isOpen = goesOn(cursor, "}")) {
    const keyAt = cursor.at;
    const key = readKey(cursor, value);
    skipSpaces(cursor);
    value[key] = readFlowValue(cursor, depth);
    rows.push(keyAt, cursor.start, cursor.shift, cursor.first);
  }
  close(cursor, start, cursor.writer.fill(rows));
  return value;
}

function readFlowList(cursor: Cursor, depth: number): unknown {
  const start = cursor.at;
  const value: unknown[] = [];
  const rows: number[] = [];
  for (let isOpen = open(cursor, "]"); isOpen; isOpen = goesOn(cursor, "]")) {
    value.push(readFlowValue(cursor, depth));
    rows.push(0, cursor.start, cursor.shift, cursor.first);
  }
  close(cursor, start, cursor.writer.fill(rows));
  return value;
}

function readFlowValue(cursor: Cursor, depth: number): unknown {
  const { text, at } = cursor;
  const sign = text[at];
  if (sign === "{" || sign === "[" || sign === '"' || sign === "'") return readDelimited(cursor, sign, depth);
  FLOW_PLAIN.lastIndex = at;
  return readPlain(cursor, FLOW_PLAIN.exec(text)?.[0] ?? notPlain());
}

/** Over the bracket; false where the collection is empty. */
function open(cursor: Cursor, end: string): boolean {
  cursor.at++;
  skipSpaces(cursor);
  if (cursor.text[cursor.at] !== end) return true;
  cursor.at++;
  return false;
}

/** Over a comma, or the bracket that ends the collection. */
function goesOn(cursor: Cursor, end: string): boolean {
  skipSpaces(cursor);
  const sign = cursor.text[cursor.at];
  if (sign !== "," && sign !== end) notPlain();
  cursor.at++;
  if (sign === end) return false;
  skipSpaces(cursor);
  return true;
}
