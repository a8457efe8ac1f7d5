// Asking again soon shows the same slate: what is kept of an earlier decision, and what a new one replaces.
import type { Contact } from "../domain/contact.ts";
import type { Decision, ProfileView } from "../domain/decision.ts";
import type { PlacementIndex, TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import type { Action, Placement } from "../rulebook/rulebook.ts";
import { inHoldout } from "./holdout.ts";
import type { Prepared, PreparedTreatment } from "./prepared.ts";

export interface KeptContact {
  readonly contact: Contact;
  readonly treatment: PreparedTreatment;
  readonly placement: PlacementIndex;
}

export const NONE_KEPT: readonly KeptContact[] = [];

/**
 * The contacts that a placement goes on showing, oldest decision first, then by rank. `asks` tells whether a
 * treatment is asked for in a placement by this request.
 */
export function stickyContacts(
  prepared: Prepared,
  placements: readonly Placement[],
  { key, contacts }: ProfileView,
  now: Instant,
  asks: (treatment: PreparedTreatment, placement: PlacementIndex) => boolean,
): readonly KeptContact[] {
  const kept: KeptContact[] = [];
  let isHeldOut: boolean | undefined;
  /** A shadow was never shown and what was shown is no shadow: one cannot go on as the other. */
  const goesOn = (contact: Contact, { exempt }: Action): boolean => {
    isHeldOut ??= inHoldout(prepared.rulebook, key);
    return contact.shadow === (isHeldOut && !exempt);
  };
  for (const placement of placements) {
    if (!(placement.stickyMs > 0)) continue;
    for (const contact of contacts) {
      if (contact.placement !== placement.hash || !isSticky(contact, placement.stickyMs, now)) continue;
      const index = prepared.treatmentByHash.get(contact.treatment);
      const treatment = index === undefined ? undefined : prepared.treatments[index];
      if (treatment === undefined || !asks(treatment, placement.index)) continue;
      if (goesOn(contact, treatment.action)) {
        kept.push({ contact, treatment, placement: placement.index });
      }
    }
  }
  return kept.length > 1 ? kept.sort(inOrder) : kept;
}

/** A released reservation is not kept: shown again it would count without having been counted. */
function isSticky(contact: Contact, stickyMs: number, now: Instant): boolean {
  return (
    contact.live &&
    contact.state !== "released" &&
    (contact.outcome === "pending" || contact.outcome === "presented" || contact.outcome === "clicked") &&
    contact.at > now - stickyMs &&
    contact.expiresAt > now
  );
}

function inOrder(a: KeptContact, b: KeptContact): number {
  if (a.contact.at !== b.contact.at) return a.contact.at - b.contact.at;
  if (a.contact.rank !== b.contact.rank) return a.contact.rank - b.contact.rank;
  if (a.contact.trackingCode === b.contact.trackingCode) return 0;
  return a.contact.trackingCode < b.contact.trackingCode ? -1 : 1;
}

/**
 * Live contacts that leave the screens because of this decision: the same action is offered anew in their placement, or
 * their placement was asked within its sticky time and they are no longer in its slate. What is withheld counts as offered.
 */
export function superseded(prepared: Prepared, profile: ProfileView, decision: Decision, now: Instant): TrackingCode[] {
  const codes: TrackingCode[] = [];
  if (profile.contacts.length === 0) return codes;
  for (const slate of decision.slates) {
    const placement = prepared.rulebook.placements[slate.placement] as Placement;
    const withheld = decision.withheld.find((other) => other.placement === slate.placement);
    const items = withheld === undefined ? slate.items : [...slate.items, ...withheld.items];
    const offers = (action: Contact["action"]): boolean =>
      items.some((item) => prepared.rulebook.actions[item.action]?.hash === action);
    for (const { live, placement: where, trackingCode, action, at } of profile.contacts) {
      if (!live || where !== placement.hash) continue;
      if (items.some((item) => item.trackingCode === trackingCode)) continue;
      const dropped = placement.stickyMs > 0 && at > now - placement.stickyMs;
      if (dropped || offers(action)) codes.push(trackingCode);
    }
  }
  return codes;
}
