// Purposes of messages, for which customers consent. Service and legal ones pass limits, never consent.
import type { FaultLog } from "./fault.ts";
import { createIdSet } from "./names.ts";
import type { Place } from "./place.ts";
import type { RulebookFile } from "./schema.ts";
import type { Source } from "./source.ts";
import { suggest } from "./suggest.ts";

const BUILT_IN: ReadonlyMap<string, boolean> = new Map([
  ["service", true],
  ["legal", true],
  ["marketing", false],
]);

export interface Purposes {
  /** Reports one that is not declared, in a rulebook that declares its purposes. */
  readonly refer: (purpose: string, place: Place) => void;
  readonly isExempt: (purpose: string) => boolean;
}

export function compilePurposes(written: RulebookFile["purposes"], source: Source, faults: FaultLog): Purposes {
  const exempt = new Map(BUILT_IN);
  const declare = createIdSet("purpose", faults);
  (written ?? []).forEach(({ id, exempt: declared = BUILT_IN.get(id) ?? false }, index) => {
    declare(id, source.placeOf(["purposes", index, "id"]));
    const builtIn = BUILT_IN.get(id);
    if (builtIn !== undefined && builtIn !== declared) {
      const message = `purpose ${JSON.stringify(id)} is built in, with exempt: ${builtIn}: give yours another id`;
      faults.add(source.placeOf(["purposes", index, "exempt"]), message);
    }
    exempt.set(id, declared);
  });
  return {
    refer: (purpose, place) => {
      if (written === undefined || exempt.has(purpose)) return;
      faults.add(place, `unknown purpose ${JSON.stringify(purpose)}${suggest(purpose, exempt.keys())}`);
    },
    isExempt: (purpose) => exempt.get(purpose) ?? false,
  };
}
