// How much of each contact limit is used: counted as the contact policy counts (reserved and confirmed, time of deciding).
import type { Contact } from "../domain/contact.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { ContactLimit } from "../rulebook/policies.ts";
import type { RulebookNames } from "./rulebook-names.ts";
import type { FatigueBody } from "./wire.ts";

/** One row for each limit, or for each counter of a limit `per` something that is not at zero. */
export function fatigueOf(
  limits: readonly ContactLimit[],
  contacts: readonly Contact[],
  now: Instant,
  names: RulebookNames,
): readonly FatigueBody[] {
  return limits.flatMap((limit) => {
    const counting = contacts.filter((contact) => counts(limit, contact, now));
    const row = (counted: number): FatigueBody => ({
      limit: limit.id,
      counted,
      max: limit.max,
      windowMs: limit.windowMs,
    });
    const per = limit.per;
    if (per === "all") return [row(counting.length)];
    const counters = new Map<NameHash, number>();
    for (const contact of counting) counters.set(contact[per], (counters.get(contact[per]) ?? 0) + 1);
    return [...counters].map(([hash, counted]) => ({ ...row(counted), per: names.nameOf(per, hash) }));
  });
}

function counts(limit: ContactLimit, contact: Contact, now: Instant): boolean {
  if (contact.state === "released" || contact.at <= now - limit.windowMs) return false;
  if (limit.direction !== "both" && contact.inbound !== (limit.direction === "inbound")) return false;
  return (
    (limit.channel === undefined || limit.channel === contact.channel) &&
    (limit.issue === undefined || limit.issue === contact.issue) &&
    (limit.group === undefined || limit.group === contact.group) &&
    (limit.action === undefined || limit.action === contact.action)
  );
}
