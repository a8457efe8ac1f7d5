// Names in an expectation that the rulebook does not know: what a slip of the pen names is never offered, and would hold.
import type { Rulebook } from "../rulebook/rulebook.ts";
import { suggest } from "../rulebook/suggest.ts";
import type { Difference } from "./compare-step.ts";
import type { Expected } from "./rule-test.ts";

export function unknownItems({ decisions, facts }: Expected, base: Rulebook): readonly Difference[] {
  const rulebooks = [base, ...base.variants.values()];
  const known = new Set(
    rulebooks.flatMap(({ actions, treatments }) => [...actions, ...treatments].map(({ id }): string => id)),
  );
  const slates = (decisions ?? []).flatMap((decision) => (decision.kind === "act" ? decision.slates : []));
  const named = [
    ...slates.flatMap(({ items }) => items),
    ...facts.flatMap((fact) => ("item" in fact ? fact.item : [])),
  ];
  const unknown = [...new Set(named)].filter((item) => !known.has(item));
  return unknown.map((item) => ({
    expected: "an action or treatment of the rulebook",
    got: `"${item}"${suggest(item, known)}`,
  }));
}
