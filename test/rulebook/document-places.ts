// The plain twin of the place table: where things are written, looked up in the document that the library made of a text.
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
} from "yaml";
import type { LineAndColumn, Path } from "../../engine/rulebook/place-table.ts";

interface PlacesOf {
  readonly placeOf: (path: Path) => LineAndColumn;
  readonly placeOfKey: (path: Path, key: string) => LineAndColumn;
  readonly placeInText: (path: Path, offset: number) => LineAndColumn;
}

/** Asks the nodes of the library's own document. */
export function placesOfDocument(text: string): PlacesOf {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: "1.2", strict: true, prettyErrors: false });
  const at = (offset: number): LineAndColumn => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
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
  if (end - start > 1 && text.slice(start + 1, end - 1) === value) return offset + 1;
  return 0;
}

function resolve(document: Document, node: unknown): Node | undefined {
  if (isAlias(node)) return node.resolve(document);
  return isNode(node) ? node : undefined;
}

function startOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0;
}
