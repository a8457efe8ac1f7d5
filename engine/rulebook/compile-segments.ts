// rules/segments.yaml -> segments, each of which the expressions after it may read.
import { type DeclaredNames, ruleNames } from "./cel-names.ts";
import { parseExpression } from "./cel-parse.ts";
import { createSegmentNames, expandedSize } from "./cel-segments.ts";
import { createExpressionTable, type ExpressionTable, expressionAt } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import { createIdSet } from "./names.ts";
import type { Segment } from "./rulebook.ts";
import type { SegmentsFile } from "./schema.ts";
import type { Path, Source } from "./source.ts";

export interface CompiledSegments {
  readonly segments: readonly Segment[];
  /** For all rules of the rulebook; holds those of the segments. */
  readonly expressions: ExpressionTable;
}

export function compileSegments(
  part: { readonly file: SegmentsFile; readonly source: Source } | undefined,
  declared: DeclaredNames,
  faults: FaultLog,
): CompiledSegments {
  const written = part?.file.segments ?? [];
  const known = createSegmentNames(written.map(({ id }) => id));
  const names = ruleNames(declared, known);
  const expressions = createExpressionTable(names, faults);
  if (part === undefined) return { segments: [], expressions };
  const declare = createIdSet("segment", faults);
  const segments = written.map(({ id, label, rule }, index): Segment => {
    const path: Path = ["segments", index];
    declare(id, part.source.placeOf([...path, "id"]));
    const before = faults.count();
    const added = expressions.addRule(`segment/${id}`, expressionAt(part.source, rule, [...path, "rule"]));
    const parsed = parseExpression(rule);
    const ast = parsed.kind === "parsed" && faults.count() === before ? parsed.ast : undefined;
    known.declare(id, ast, ast === undefined ? { nodes: 1, depth: 1 } : expandedSize(ast, names));
    return { id, label, place: part.source.placeOf(path), rule: added };
  });
  return { segments, expressions };
}
