// Where a customer's local time comes from.
import type { PropValue } from "../domain/event.ts";
import type { AttributeIndex } from "../domain/ids.ts";
import type { Zones } from "../rulebook/policies.ts";
import { type LocalZone, zoneNamed } from "./local-time.ts";

/**
 * The customer's own zone, else that of the country, else the rulebook's; undefined where none of them names one. A name
 * that is no zone counts as not set. `attributes` by AttributeIndex.
 */
export function zoneOf(zones: Zones, attributes: readonly (PropValue | undefined)[]): LocalZone | undefined {
  const own = textAt(attributes, zones.zoneAttribute);
  const found = own === undefined ? undefined : zoneNamed(own);
  if (found !== undefined) return found;
  const country = textAt(attributes, zones.countryAttribute);
  const ofCountry = country === undefined ? undefined : zones.countries.get(country);
  const next = ofCountry === undefined ? undefined : zoneNamed(ofCountry);
  if (next !== undefined) return next;
  return zones.fallback === undefined ? undefined : zoneNamed(zones.fallback);
}

function textAt(attributes: readonly (PropValue | undefined)[], index: AttributeIndex | undefined): string | undefined {
  const value = index === undefined ? undefined : attributes[index];
  return typeof value === "string" ? value : undefined;
}
