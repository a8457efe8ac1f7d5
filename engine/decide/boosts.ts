// Boost and decay by past outcomes: weight^(sum of 2^(-age / halfLife)) over the contacts that had the outcome, for what is of
// the same action, group or issue.
import type { Contact } from "../domain/contact.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Boost } from "../rulebook/policies.ts";
import type { Action, Rulebook } from "../rulebook/rulebook.ts";
import { hasHad } from "./cool-downs.ts";
import { orderlySum, recency } from "./recency.ts";

/** Of one customer at a time: `open` starts over. */
export interface Boosts {
  readonly open: (contacts: readonly Contact[], now: Instant) => void;
  /** Is B of anything other than 1? */
  readonly speaks: () => boolean;
  /** B: above 1 boosts, below 1 decays; 1 where no outcome speaks for or against the action. */
  readonly of: (action: Action) => number;
}

export function createBoosts({ boosts }: Rulebook): Boosts {
  /** By position of the boost: name of action, group or issue -> how recent each outcome is. */
  const recencies = boosts.map(() => new Map<NameHash, number[]>());
  let speaks = false;

  function open(contacts: readonly Contact[], now: Instant): void {
    if (speaks) for (const byName of recencies) byName.clear();
    speaks = false;
    if (contacts.length === 0) return;
    boosts.forEach((boost, position) => {
      for (const contact of contacts) {
        if (!follows(boost, contact)) continue;
        const byName = recencies[position] as Map<NameHash, number[]>;
        const name = contact[boost.scope];
        const term = recency(contact.outcomeAt, now, boost.halfLifeMs);
        const terms = byName.get(name);
        if (terms === undefined) byName.set(name, [term]);
        else terms.push(term);
        speaks = true;
      }
    });
  }

  function of(action: Action): number {
    let product = 1;
    if (!speaks) return product;
    boosts.forEach(({ scope, weight }, position) => {
      const name = scope === "action" ? action.hash : action[scope].hash;
      const terms = (recencies[position] as Map<NameHash, number[]>).get(name);
      if (terms !== undefined) product *= weight ** orderlySum(terms);
    });
    return product;
  }

  return { open, speaks: () => speaks, of };
}

function follows({ after, scope, only }: Boost, contact: Contact): boolean {
  return hasHad(after, contact) && (only === undefined || only === contact[scope]);
}
