// Declared policies by the numbers that drops carry, with the hashes of their ids for the digest.
import { hashText } from "../domain/hash.ts";
import type { PolicyIndex } from "../domain/ids.ts";
import type { Place } from "../rulebook/place.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";

export interface DeclaredPolicy {
  readonly id: string;
  readonly hash: number;
  readonly place: Place;
}

/** By the stage at which they drop, then by PolicyIndex: policies are numbered among those of their kind. */
export interface PolicyTable {
  readonly suppression: readonly (DeclaredPolicy | undefined)[];
  readonly "quiet-hours": readonly (DeclaredPolicy | undefined)[];
  readonly "contact-limit": readonly (DeclaredPolicy | undefined)[];
  readonly arbitration: readonly (DeclaredPolicy | undefined)[];
}

export function tabulatePolicies(rulebook: Rulebook): PolicyTable {
  const { coolDowns, related, caseRules, quietHours, contactLimits, slateLimits, bundles } = rulebook;
  return {
    suppression: byIndex([...coolDowns, ...related, ...caseRules]),
    "quiet-hours": byIndex(quietHours),
    "contact-limit": byIndex(contactLimits),
    arbitration: byIndex([...slateLimits, ...bundles]),
  };
}

function byIndex(policies: readonly { readonly index: PolicyIndex; readonly id: string; readonly place: Place }[]) {
  const table: (DeclaredPolicy | undefined)[] = [];
  for (const { index, id, place } of policies) table[index] = { id, hash: hashText(id, 0)[0] as number, place };
  return table;
}
