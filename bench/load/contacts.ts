import type { PreparedTreatment } from "../../engine/decide/prepared.ts";
import type { Contact } from "../../engine/domain/contact.ts";
import { type DecisionId, trackingCode } from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant, NEVER } from "../../engine/domain/time.ts";

/** So many contacts of the last weeks, one a day, presented and not answered; oldest first. */
export function pastContacts(
  treatments: readonly PreparedTreatment[],
  count: number,
  from: number,
  now: Instant,
): Contact[] {
  return Array.from({ length: count }, (_, index): Contact => {
    const { treatment, action, channel, placements } = treatments[
      (from + index * 7) % treatments.length
    ] as PreparedTreatment;
    const decision = `AAA${String(from % 1_000_000).padStart(9, "A")}${String(index).padStart(10, "A")}` as DecisionId;
    const at = (now - (count - index) * DAY_MS) as Instant;
    return {
      trackingCode: trackingCode(decision, 1),
      decision,
      issue: action.issue.hash,
      group: action.group.hash,
      action: action.hash,
      treatment: treatment.hash,
      channel: channel.hash,
      placement: (placements[0] ?? 0) as unknown as Contact["placement"],
      inbound: true,
      at,
      countsAt: "presented",
      state: "confirmed",
      reservedUntil: NEVER,
      expiresAt: (at + DAY_MS) as Instant,
      respondBy: NEVER,
      outcome: "presented",
      previous: "pending",
      outcomeAt: at,
      until: 0 as Instant,
      live: false,
      tried: true,
      exempt: false,
      shadow: false,
      rank: 1,
    };
  });
}
