import type { RuleIndex } from "../domain/ids.ts";
import { type ExpressionTable, expressionAt } from "./expressions.ts";
import type { FaultLog } from "./fault.ts";
import type { Path, Source } from "./source.ts";

/** Adds a rule that is tested where no model has run; one that reads a model is a fault. `owner`: `a trigger`, `a campaign`. */
export function addFreeRule(
  expressions: ExpressionTable,
  id: string,
  owner: string,
  text: string,
  path: Path,
  source: Source,
  faults: FaultLog,
): RuleIndex {
  const written = expressionAt(source, text, path);
  const rule = expressions.addRule(id, written);
  const read = expressions.rule(rule).reads.find((name) => name.startsWith("model."));
  if (read !== undefined) {
    const message = `${owner} may not read ${read}: no model has run yet; put it in the rules of the actions`;
    faults.add(written.placeAt(0), message);
  }
  return rule;
}
