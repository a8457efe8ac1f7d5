// atMost and bundles of rules/rulebook.yaml: what may, and what must, stand side by side.
import type { ActionIndex, PolicyIndex } from "../domain/ids.ts";
import { isInSet, readActionSet, type TaxonomyNames } from "./action-set.ts";
import type { FaultLog } from "./fault.ts";
import { createIdSet } from "./names.ts";
import type { Bundle, SlateLimit } from "./policies.ts";
import type { Action } from "./rulebook.ts";
import type { RulebookFile } from "./schema.ts";
import type { Path, Source } from "./source.ts";

export function compileSlates(
  file: RulebookFile,
  actions: readonly Action[],
  names: TaxonomyNames,
  source: Source,
  faults: FaultLog,
): { readonly slateLimits: readonly SlateLimit[]; readonly bundles: readonly Bundle[] } {
  const declare = createIdSet("policy", faults);
  const slateLimits = (file.atMost ?? []).map((written, index): SlateLimit => {
    const path: Path = ["atMost", index];
    declare(written.id, source.placeOf([...path, "id"]));
    const set = readActionSet(written, names, path, source, faults);
    return {
      index: index as PolicyIndex,
      id: written.id,
      place: source.placeOf(path),
      max: written.max,
      actions: new Set(actions.filter((action) => isInSet(set, action)).map((action) => action.index)),
      per: written.per ?? "slate",
    };
  });
  const bundleOf = new Map<string, string>();
  const bundles = (file.bundles ?? []).map(({ id, actions: members }, index): Bundle => {
    const path: Path = ["bundles", index];
    declare(id, source.placeOf([...path, "id"]));
    const found = members.map((name, at) => {
      const place = source.placeOf([...path, "actions", at]);
      names.action.refer(name, place);
      const earlier = bundleOf.get(name);
      if (earlier !== undefined) {
        const where = earlier === id ? "twice in this bundle" : `in bundle ${JSON.stringify(earlier)} already`;
        faults.add(place, `action ${JSON.stringify(name)} is ${where}: an action is in one bundle, once`);
      }
      bundleOf.set(name, id);
      return actions.findIndex((action) => action.id === name) as ActionIndex;
    });
    const exempt = found.filter((action) => actions[action]?.exempt === true).length;
    if (exempt > 0 && exempt < found.length) {
      // The holdout would show one half of it.
      const message = "has actions of exempt purposes beside others: bundle only the ones or only the others";
      faults.add(source.placeOf([...path, "actions"]), `bundle ${JSON.stringify(id)} ${message}`);
    }
    return { index: (slateLimits.length + index) as PolicyIndex, id, place: source.placeOf(path), actions: found };
  });
  return { slateLimits, bundles };
}
