// Segments are named conditions: where a rule reads one, its expression is put in place, so it is as fresh as the rule.
import type { NameScope } from "./cel-names.ts";
import { type ASTNode, childrenOf } from "./cel-parse.ts";
import { suggest } from "./suggest.ts";

/** How large an expression is once its segments are in place. */
export interface ExpressionSize {
  readonly nodes: number;
  /** Levels of nodes. */
  readonly depth: number;
}

/**
 * A segment that reads others twice, each of which does the same, doubles with every step. The longest expression without
 * segments has about 2,000 nodes.
 */
const EXPANDED_NODES_MAX = 3_000;
/** The compiler is recursive. */
const EXPANDED_DEPTH_MAX = 500;

/** The segments that may be read so far: those further down are not known yet. */
export interface SegmentNames {
  /** `ast` is undefined for one that is faulty itself, of which no more is said. */
  readonly find: (name: string) => { readonly ast: ASTNode | undefined } | { readonly wrong: string };
  readonly sizeOf: (name: string) => ExpressionSize;
}

const LEAF: ExpressionSize = { nodes: 1, depth: 1 };

/** No segment at all. */
export const NO_SEGMENTS: SegmentNames = {
  find: (name) => ({ wrong: `unknown segment ${JSON.stringify(name)}${suggest(name, [])}` }),
  sizeOf: () => LEAF,
};

export interface GrowingSegmentNames extends SegmentNames {
  /** From now on rules may read it. Its size is with the segments in place that it reads itself. */
  readonly declare: (name: string, ast: ASTNode | undefined, size: ExpressionSize) => void;
}

/** `all`: the names of the whole file, in order. */
export function createSegmentNames(all: readonly string[]): GrowingSegmentNames {
  const known = new Map<string, { readonly ast: ASTNode | undefined; readonly size: ExpressionSize }>();
  return {
    declare: (name, ast, size) => void known.set(name, { ast, size: ast === undefined ? LEAF : size }),
    sizeOf: (name) => known.get(name)?.size ?? LEAF,
    find: (name) => {
      const found = known.get(name);
      if (found !== undefined) return found;
      if (!all.includes(name)) return { wrong: `unknown segment ${JSON.stringify(name)}${suggest(name, all)}` };
      return {
        wrong: `segment ${JSON.stringify(name)} is not above this one: a segment may read only those before it`,
      };
    },
  };
}

/** Worked out without expanding anything. `nodes` is Infinity where it does not fit a number. */
export function expandedSize(node: ASTNode, names: Pick<NameScope, "sizeOf">): ExpressionSize {
  if (node.op === "." && node.args[0].op === "id") return names.sizeOf(node.args[0].args, node.args[1]);
  let nodes = 1;
  let depth = 0;
  for (const child of childrenOf(node)) {
    const size = expandedSize(child, names);
    nodes += size.nodes;
    depth = Math.max(depth, size.depth);
  }
  return { nodes, depth: depth + 1 };
}

/** What is wrong with an expression that becomes too large by its segments. */
export function tooLarge(node: ASTNode, names: NameScope): string | undefined {
  const { nodes, depth } = expandedSize(node, names);
  if (nodes > EXPANDED_NODES_MAX) {
    return `with its segments in place this has ${nodes} parts, at most ${EXPANDED_NODES_MAX}: split it into several rules`;
  }
  const isByItself = expandedSize(node, { sizeOf: () => LEAF }).depth === depth;
  if (depth <= EXPANDED_DEPTH_MAX || isByItself) return undefined;
  return `with its segments in place this is nested ${depth} levels deep, at most ${EXPANDED_DEPTH_MAX}: split it into several rules`;
}
