// The reservation that the commit makes for one newly offered item.
import type { Contact } from "../domain/contact.ts";
import type { DecisionInput } from "../domain/decision.ts";
import { trackingCode } from "../domain/ids.ts";
import { NEVER, plus } from "../domain/time.ts";
import type { Placement } from "../rulebook/rulebook.ts";
import type { PreparedTreatment } from "./prepared.ts";

/**
 * `ordinal` is unique within the decision; `rank` is 1-based within the slate. A shadow is confirmed at once: nobody will
 * report that it was delivered or seen.
 */
export function reserve(
  { id, request, now }: DecisionInput,
  { treatment, action, channel }: PreparedTreatment,
  placement: Placement,
  ordinal: number,
  rank: number,
  shadow: boolean,
): Contact {
  const countsNow = shadow || channel.countsAt === "decided";
  const expiresAt = plus(now, action.expiresAfterMs);
  return {
    trackingCode: trackingCode(id, ordinal),
    decision: id,
    issue: action.issue.hash,
    group: action.group.hash,
    action: action.hash,
    treatment: treatment.hash,
    channel: channel.hash,
    placement: placement.hash,
    inbound: request.direction === "inbound",
    at: now,
    countsAt: channel.countsAt,
    state: countsNow ? "confirmed" : "reserved",
    reservedUntil: countsNow ? NEVER : plus(now, channel.reserveForMs),
    expiresAt,
    // It may be presented until it expires, and has its whole window to be answered from then on.
    respondBy: plus(expiresAt, action.responseWindowMs),
    outcome: "pending",
    previous: "pending",
    outcomeAt: now,
    until: 0 as Contact["until"],
    live: true,
    tried: false,
    rank,
    exempt: action.exempt,
    shadow,
  };
}
