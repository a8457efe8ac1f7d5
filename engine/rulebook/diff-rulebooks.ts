import { createFaultLog } from "./fault.ts";
import { flattenRulebook, type RulebookThing } from "./flatten-rulebook.ts";
import type { Place } from "./place.ts";
import type { Fault, RulebookFiles } from "./rulebook.ts";

/** One difference in meaning. Order, comments, layout and the file that something stands in are none. */
export type RulebookChange =
  | { readonly kind: "added" | "removed"; readonly name: string; readonly place: Place }
  | {
      readonly kind: "changed";
      readonly name: string;
      /** Such as `value`, or `eligibility.of-age.rule`. */
      readonly field: string;
      /** undefined: it was not there; `after` undefined: it is gone. */
      readonly before: string | undefined;
      readonly after: string | undefined;
      readonly place: Place;
    };

export type RulebookDiff =
  | { readonly kind: "compared"; readonly changes: readonly RulebookChange[] }
  | { readonly kind: "faulty"; readonly side: "before" | "after"; readonly faults: readonly Fault[] };

/** By name, then by field. Places are those of `after`, and of `before` for what is gone. */
export function diffRulebooks(before: RulebookFiles, after: RulebookFiles): RulebookDiff {
  const [oldFaults, newFaults] = [createFaultLog(), createFaultLog()];
  const old = flattenRulebook(before, oldFaults);
  if (oldFaults.count() > 0) return { kind: "faulty", side: "before", faults: oldFaults.sorted() };
  const now = flattenRulebook(after, newFaults);
  if (newFaults.count() > 0) return { kind: "faulty", side: "after", faults: newFaults.sorted() };
  const names = [...new Set([...old.keys(), ...now.keys()])].toSorted();
  return { kind: "compared", changes: names.flatMap((name) => changesOf(name, old.get(name), now.get(name))) };
}

function changesOf(
  name: string,
  before: RulebookThing | undefined,
  after: RulebookThing | undefined,
): readonly RulebookChange[] {
  if (after === undefined) return before === undefined ? [] : [{ kind: "removed", name, place: before.place }];
  if (before === undefined) return [{ kind: "added", name, place: after.place }];
  const fields = [...new Set([...before.fields.keys(), ...after.fields.keys()])];
  return fields.flatMap((field): RulebookChange[] => {
    const [was, is] = [before.fields.get(field), after.fields.get(field)];
    if (was?.text === is?.text) return [];
    const place = is?.place ?? was?.place ?? after.place;
    return [{ kind: "changed", name, field, before: was?.text, after: is?.text, place }];
  });
}
