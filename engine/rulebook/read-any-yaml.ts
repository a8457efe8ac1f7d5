// Reads a YAML text by the library: all of YAML 1.2 that rules may use, and every fault.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
  type YAMLSeq,
  type YAMLWarning,
} from "yaml";
import { createPlaceTable, HIDDEN, type PlaceTable, type TableWriter } from "./place-table.ts";
import type { Reading, ReadingFault } from "./reading.ts";
import { shiftOf } from "./scalar-shift.ts";

/** An alias may be used, but not to blow a small file up into a huge one. */
const REPEATS_MAX = 200;
/** In one file: the library looks for what each stands for among all of them. */
const ALIASES_MAX = 1_000;
const NESTING_MAX = 32;
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

type Report = (offset: number, message: string) => void;

/** Reads one text, whatever YAML it is. Never throws for what is in it. */
export function readAnyYaml(text: string): Reading {
  const lines = new LineCounter();
  const faults: ReadingFault[] = [];
  const report: Report = (offset, message) => {
    const { line, col } = lines.linePos(offset);
    faults.push({ line: Math.max(1, line), column: Math.max(1, col), message });
  };
  const document = unlessTooDeep(() =>
    parseDocument(text, { lineCounter: lines, version: "1.2", strict: true, prettyErrors: false }),
  );
  if (document === undefined) return unread(`nested deeper than ${NESTING_MAX} levels`);
  for (const error of [...document.errors, ...document.warnings]) report(error.pos[0], describeError(error));
  const named = checkNodes(document, report);
  if (faults.length > 0) return { kind: "unread", faults };
  const value = toPlain(document);
  if (value === undefined) {
    return unread("aliases are used so often that the file becomes too large: repeat less");
  }
  return { kind: "read", value, places: tabulate(document, named, value, text, lines.lineStarts) };
}

function unread(message: string): Reading {
  return { kind: "unread", faults: [{ line: 1, column: 1, message }] };
}

function describeError(error: YAMLError | YAMLWarning): string {
  if (error.code === "DUPLICATE_KEY") return "the same field is written twice here: keep one";
  if (error.code === "TAG_RESOLVE_FAILED") return 'a value that begins with "!" must be written in quotes';
  const text = error.message.replace(/\s+/g, " ");
  return `not valid YAML: ${text.charAt(0).toLowerCase()}${text.slice(1)}`;
}

/** The parser is recursive: a file of ten thousand brackets overflows its stack, which is the file's fault. */
function unlessTooDeep<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Returns what each alias stands for: `Alias.resolve` would look through the whole text for each. */
function checkNodes(document: Document, report: Report): ReadonlyMap<Alias, Node> {
  const anchored = new Map<string, Node>();
  const named = new Map<Alias, Node>();
  visit(document, {
    Node: (_, node, path) => {
      if (path.length > 2 * NESTING_MAX) {
        report(startOf(node), `nested deeper than ${NESTING_MAX} levels`);
        return visit.BREAK;
      }
      if ("anchor" in node && node.anchor !== undefined) anchored.set(node.anchor, node);
      const tag = (node as { tag?: string }).tag;
      if (tag !== undefined && !tag.startsWith("!")) {
        report(startOf(node), `a YAML tag (${JSON.stringify(tag)}) is not allowed: write the plain value`);
      }
      return undefined;
    },
    Alias: (_, node, path) => {
      const known = anchored.get(node.source);
      if (known === undefined) {
        report(startOf(node), `"*${node.source}" stands for nothing: "&${node.source}" must come before it`);
      } else if (path.includes(known)) report(startOf(node), `"*${node.source}" stands within what it stands for`);
      else named.set(node, known);
      if (named.size <= ALIASES_MAX) return undefined;
      report(startOf(node), `more than ${ALIASES_MAX} aliases in one file: repeat less`);
      return visit.BREAK;
    },
    Pair: (_, pair) => {
      const key = pair.key;
      if (!isScalar(key) || typeof key.value !== "string") {
        report(isNode(key) ? startOf(key) : 0, "a field name must be plain text");
      } else if (FORBIDDEN_KEYS.has(key.value)) {
        report(startOf(key), `${JSON.stringify(key.value)} is not allowed as a field name`);
      }
    },
  });
  return named;
}

/** Undefined where aliases repeat too much. */
function toPlain(document: Document): unknown {
  try {
    return document.toJS({ maxAliasCount: REPEATS_MAX }) ?? null;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    return undefined;
  }
}

function tabulate(
  document: Document,
  named: ReadonlyMap<Alias, Node>,
  value: unknown,
  text: string,
  lineStarts: readonly number[],
): PlaceTable {
  const writer = createPlaceTable();
  const root = resolve(named, document.contents);
  describeNode({ named, text, writer, rows: new Map() }, writer.reserve(1), root, value, startOf(root));
  return writer.build(lineStarts);
}

interface Tabulating {
  /** What each alias stands for. */
  readonly named: ReadonlyMap<Alias, Node>;
  readonly text: string;
  readonly writer: TableWriter;
  /** Of what has an anchor: aliases are written where it is. */
  readonly rows: Map<Node, number>;
}

/** @param around where the value around it begins: the place of one that is not written at all */
function describeNode(to: Tabulating, row: number, node: Node | undefined, value: unknown, around: number): void {
  const { writer, rows } = to;
  const known = node === undefined ? undefined : rows.get(node);
  if (known !== undefined) writer.copy(row, known);
  else if (node === undefined) writer.set(row, around, HIDDEN);
  else {
    if (node.anchor !== undefined) rows.set(node, row);
    writer.set(row, startOf(node), isScalar(node) ? shiftIn(to.text, node) : HIDDEN);
    if (isSeq(node)) describeItems(to, row, node, value as readonly unknown[]);
    else if (isMap(node)) describeFields(to, row, node, value as Readonly<Record<string, unknown>>);
  }
}

function shiftIn(text: string, { range, value }: Scalar): number {
  const [start, end] = range ?? [0, 0];
  return shiftOf(text, start, end, value);
}

function describeItems(to: Tabulating, row: number, node: YAMLSeq, values: readonly unknown[]): void {
  const first = to.writer.children(row, node.items.length);
  for (const [index, item] of node.items.entries()) {
    describeNode(to, first + index, resolve(to.named, item), values[index], startOf(node));
  }
}

function describeFields(to: Tabulating, row: number, node: YAMLMap, value: Readonly<Record<string, unknown>>): void {
  const pairs = new Map(node.items.map((pair) => [(pair.key as Scalar<string>).value, pair]));
  const names = Object.keys(value);
  const first = to.writer.children(row, names.length);
  for (const [index, name] of names.entries()) {
    const { key, value: item } = pairs.get(name) as Pair;
    to.writer.setKey(first + index, startOf(key));
    describeNode(to, first + index, resolve(to.named, item), value[name], startOf(node));
  }
}

function resolve(named: ReadonlyMap<Alias, Node>, node: unknown): Node | undefined {
  if (isAlias(node)) return named.get(node);
  return isNode(node) ? node : undefined;
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
