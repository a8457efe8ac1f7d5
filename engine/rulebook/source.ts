// One YAML file: its plain value, and where each part of it is written.
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLWarning,
} from "yaml";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";

export type Path = readonly (string | number)[];

export interface Source {
  readonly file: string;
  readonly value: unknown;
  /** Where the value at a path begins; of its nearest written ancestor where it is not there. */
  readonly placeOf: (path: Path) => Place;
  /** Where the key of a mapping's entry begins. */
  readonly placeOfKey: (path: Path, key: string) => Place;
  /** Where a character of the text at a path is written; its beginning where escapes or line folding hide that. */
  readonly placeInText: (path: Path, offset: number) => Place;
}

/** An alias may be used, but not to blow a small file up into a huge one. */
const ALIASES_MAX = 200;
const NESTING_MAX = 32;
const FORBIDDEN_KEYS = new Set(["__proto__", "constructor", "prototype"]);

/** Parses one file. Undefined where it is not YAML that can be used: the faults say why. */
export function readSource(file: string, text: string, faults: FaultLog): Source | undefined {
  const lines = new LineCounter();
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const document = unlessTooDeep(() =>
    parseDocument(text, { lineCounter: lines, version: "1.2", strict: true, prettyErrors: false }),
  );
  if (document === undefined) {
    faults.add({ file, line: 1, column: 1 }, `nested deeper than ${NESTING_MAX} levels`);
    return undefined;
  }
  const before = faults.count();
  for (const error of [...document.errors, ...document.warnings]) faults.add(at(error.pos[0]), describeError(error));
  checkNodes(document, at, faults);
  if (faults.count() > before) return undefined;
  const value = toPlain(document, file, faults);
  if (value === undefined) return undefined;
  return { file, value, ...placesOf(document, text, at) };
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

function checkNodes(document: Document, at: (offset: number) => Place, faults: FaultLog): void {
  visit(document, {
    Node: (_, node, path) => {
      if (path.length > 2 * NESTING_MAX) {
        faults.add(at(startOf(node)), `nested deeper than ${NESTING_MAX} levels`);
        return visit.BREAK;
      }
      const tag = (node as { tag?: string }).tag;
      if (tag !== undefined && !tag.startsWith("!")) {
        faults.add(at(startOf(node)), `a YAML tag (${JSON.stringify(tag)}) is not allowed: write the plain value`);
      }
      return undefined;
    },
    Pair: (_, pair) => {
      const key = pair.key;
      if (!isScalar(key) || typeof key.value !== "string") {
        faults.add(at(isNode(key) ? startOf(key) : 0), "a field name must be plain text");
      } else if (FORBIDDEN_KEYS.has(key.value)) {
        faults.add(at(startOf(key)), `${JSON.stringify(key.value)} is not allowed as a field name`);
      }
    },
  });
}

function toPlain(document: Document, file: string, faults: FaultLog): unknown {
  try {
    return document.toJS({ maxAliasCount: ALIASES_MAX }) ?? null;
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    faults.add({ file, line: 1, column: 1 }, "aliases are used so often that the file becomes too large: repeat less");
    return undefined;
  }
}

function placesOf(
  document: Document,
  text: string,
  at: (offset: number) => Place,
): Pick<Source, "placeOf" | "placeOfKey" | "placeInText"> {
  const nodeAt = (path: Path): Node | undefined => {
    let node = resolve(document, document.contents);
    for (const step of path) {
      const next = resolve(document, isMap(node) || isSeq(node) ? node.get(step, true) : undefined);
      if (next === undefined) return node;
      node = next;
    }
    return node;
  };
  return {
    placeOf: (path) => at(startOf(nodeAt(path))),
    placeOfKey: (path, key) => {
      const node = nodeAt(path);
      const pair = isMap(node) ? node.items.find((item) => isScalar(item.key) && item.key.value === key) : undefined;
      return at(startOf(isNode(pair?.key) ? pair.key : node));
    },
    placeInText: (path, offset) => {
      const node = nodeAt(path);
      const start = startOf(node);
      return at(isScalar(node) ? start + shift(node, text, offset) : start);
    },
  };
}

/** How far into the source the character of a scalar's value is, where both run alike. */
function shift(node: Scalar, text: string, offset: number): number {
  const [start, end] = node.range ?? [0, 0];
  const value = String(node.value);
  if (text.slice(start, end) === value) return offset;
  if (text.slice(start + 1, end - 1) === value) return offset + 1;
  return 0;
}

function resolve(document: Document, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isNode(node) ? node : undefined;
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
