import type { NameHash } from "../domain/ids.ts";
import type { FaultLog } from "./fault.ts";
import type { NameTable } from "./names.ts";
import type { ActionSet } from "./policies.ts";
import type { Path, Source } from "./source.ts";

/** Tables of the taxonomy. */
export interface TaxonomyNames {
  readonly issue: NameTable;
  readonly group: NameTable;
  readonly action: NameTable;
}

interface WrittenSet {
  readonly actions?: readonly string[];
  readonly groups?: readonly string[];
  readonly issues?: readonly string[];
}

/** Names of actions, groups and issues; at least one must be there. */
export function readActionSet(
  written: WrittenSet,
  names: TaxonomyNames,
  path: Path,
  source: Source,
  faults: FaultLog,
): ActionSet {
  const hashes = (list: keyof WrittenSet, table: NameTable): ReadonlySet<NameHash> => {
    const found = (written[list] ?? []).map((name, at) => table.refer(name, source.placeOf([...path, list, at])));
    return new Set(found.filter((hash) => hash !== undefined));
  };
  if (written.actions === undefined && written.groups === undefined && written.issues === undefined) {
    faults.add(source.placeOf(path), 'nothing is named: add at least one of "actions", "groups", "issues"');
  }
  return {
    actions: hashes("actions", names.action),
    groups: hashes("groups", names.group),
    issues: hashes("issues", names.issue),
  };
}

/** Is the action named, or its group, or its issue? */
export function isInSet(
  set: ActionSet,
  action: {
    readonly hash: NameHash;
    readonly group: { readonly hash: NameHash };
    readonly issue: { readonly hash: NameHash };
  },
): boolean {
  return set.actions.has(action.hash) || set.groups.has(action.group.hash) || set.issues.has(action.issue.hash);
}
