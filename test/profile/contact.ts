import type { Contact } from "../../engine/domain/contact.ts";
import { type DecisionId, type NameHash, trackingCode } from "../../engine/domain/ids.ts";
import { type Instant, NEVER } from "../../engine/domain/time.ts";

const DECISION = "AAECAwQFBgcICQoLDA0ODw" as DecisionId;

/** A contact just reserved at 0, that nothing but its outcome ends. */
export function contact(given: Partial<Contact>): Contact {
  return {
    trackingCode: trackingCode(DECISION, 1),
    decision: DECISION,
    issue: 1 as NameHash,
    group: 2 as NameHash,
    action: 3 as NameHash,
    treatment: 4_294_967_295 as NameHash,
    channel: 5 as NameHash,
    placement: 6 as NameHash,
    inbound: true,
    at: 0 as Instant,
    countsAt: "presented",
    state: "reserved",
    reservedUntil: NEVER,
    expiresAt: NEVER,
    respondBy: NEVER,
    outcome: "pending",
    previous: "pending",
    outcomeAt: 0 as Instant,
    until: 0 as Instant,
    live: false,
    tried: false,
    rank: 1,
    exempt: false,
    shadow: false,
    ...given,
  };
}
