// Segments are named conditions: where a rule reads one, its expression is put in place, so it is as fresh as the rule.
import type { NameScope } from "./cel-names.ts";
import { type ASTNode, childrenOf } from "./cel-parse.ts";
import { suggest } from "./suggest.ts";

/**
 * Nodes of an expression once its segments are in place. A segment that reads others twice, each of which does the same,
 * doubles with every step; the longest expression without segments has about 2,000 nodes.
 */
export const EXPANDED_NODES_MAX = 3_000;

/** The segments that may be read so far: those further down are not known yet. */
export interface SegmentNames {
  /** `ast` is undefined for one that is faulty itself, of which no more is said. */
  readonly find: (name: string) => { readonly ast: ASTNode | undefined } | { readonly wrong: string };
  readonly nodesOf: (name: string) => number;
}

/** No segment at all. */
export const NO_SEGMENTS: SegmentNames = {
  find: (name) => ({ wrong: `unknown segment ${JSON.stringify(name)}${suggest(name, [])}` }),
  nodesOf: () => 1,
};

export interface GrowingSegmentNames extends SegmentNames {
  /** From now on rules may read it. `nodes` counts those of the segments that it reads itself. */
  readonly declare: (name: string, ast: ASTNode | undefined, nodes: number) => void;
}

/** `all`: the names of the whole file, in order. */
export function createSegmentNames(all: readonly string[]): GrowingSegmentNames {
  const known = new Map<string, { readonly ast: ASTNode | undefined; readonly nodes: number }>();
  return {
    declare: (name, ast, nodes) => void known.set(name, { ast, nodes }),
    nodesOf: (name) => known.get(name)?.nodes ?? 1,
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

/** Counted without expanding anything. Infinity where it does not fit a number. */
export function expandedNodes(node: ASTNode, names: Pick<NameScope, "nodesOf">): number {
  if (node.op === "." && node.args[0].op === "id") return names.nodesOf(node.args[0].args, node.args[1]);
  return childrenOf(node).reduce((sum, child) => sum + expandedNodes(child, names), 1);
}
