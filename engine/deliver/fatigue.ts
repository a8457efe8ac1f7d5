// How much of each contact limit is used, counted by the contact policy's own functions.
import { zoneOf } from "../decide/customer-zone.ts";
import { createWithIssues } from "../decide/foreign-contacts.ts";
import { counterValue, counts, windowStart } from "../decide/limit-window.ts";
import type { Contact } from "../domain/contact.ts";
import type { Direction } from "../domain/decision.ts";
import type { PropValue } from "../domain/event.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { ContactLimit } from "../rulebook/policies.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { rulebookNames } from "./rulebook-names.ts";
import type { FatigueBody } from "./wire.ts";

interface Customer {
  /** By name, where set. */
  readonly attributes: Readonly<Record<string, PropValue>>;
  readonly contacts: readonly Contact[];
  readonly now: Instant;
}

/** One row for each limit, or for each counter of a limit `per` something that is not at zero. */
export function fatigueOf(rulebook: Rulebook, { attributes, contacts, now }: Customer): readonly FatigueBody[] {
  const names = rulebookNames(rulebook);
  const known = createWithIssues(rulebook)(contacts);
  const zone = zoneOf(
    rulebook.zones,
    rulebook.attributes.map(({ name }) => attributes[name]),
  );
  return rulebook.contactLimits.flatMap((limit) => {
    const start = windowStart(limit, now, zone);
    return directionsOf(limit).flatMap((direction) => {
      const counting = known.filter((contact) => counts(limit, contact, start, direction, zone));
      const row = (counted: number): FatigueBody => ({
        limit: limit.id,
        ...(limit.direction === "each" ? { direction } : {}),
        counted,
        max: limit.max,
        windowMs: limit.windowMs,
        ...(limit.calendarDays > 0 ? { days: limit.calendarDays } : {}),
      });
      const { per } = limit;
      if (per === "all") return [row(counting.length)];
      const counters = new Map<NameHash, number>();
      for (const contact of counting) {
        const value = counterValue(limit, contact) as NameHash;
        counters.set(value, (counters.get(value) ?? 0) + 1);
      }
      return [...counters].map(([hash, counted]) => ({ ...row(counted), per: names.nameOf(per, hash) }));
    });
  });
}

/** A limit of `each` direction has counters for both; of the others it does not matter which is asked for. */
function directionsOf({ direction }: ContactLimit): readonly Direction[] {
  return direction === "each" ? ["inbound", "outbound"] : ["inbound"];
}
