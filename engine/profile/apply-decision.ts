// What a journalled decision does to the profile of its customer: the one way, live and in recovery.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import { nameHash } from "../domain/hash.ts";
import type { TrackingCode } from "../domain/ids.ts";
import { addContacts } from "./outcome.ts";
import type { ProfileState } from "./state.ts";

export interface AppliedDecision {
  readonly state: ProfileState;
  readonly withdrawals: readonly Withdrawal[];
  readonly isChanged: boolean;
}

/**
 * Reserves the decision's contacts. What was live in a placement that it answers, and is not kept, is superseded; its
 * reservation stands until its own time, for it may be on a screen already.
 * @param memoryMs how long a contact can matter to the contact policy
 */
export function applyDecision(state: ProfileState, record: DecisionRecord, memoryMs: number): AppliedDecision {
  const kept = new Set<TrackingCode>();
  const placements = new Set<number>();
  for (const slate of record.slates) {
    placements.add(nameHash("placement", slate.placement));
    for (const item of slate.items) if (item.kept) kept.add(item.trackingCode);
  }
  const withdrawals: Withdrawal[] = [];
  const withdraw = (contact: Contact, because: string): void => {
    withdrawals.push({ key: record.key, trackingCode: contact.trackingCode, because });
  };
  const standing = state.contacts.map((contact) => {
    if (!contact.live || kept.has(contact.trackingCode) || !placements.has(contact.placement)) return contact;
    withdraw(contact, "superseded");
    return { ...contact, live: false };
  });
  if (withdrawals.length === 0 && record.contacts.length === 0) return { state, withdrawals, isChanged: false };
  const { contacts, evicted } = addContacts(standing, record.contacts, record.now, memoryMs);
  for (const contact of evicted) if (contact.live) withdraw(contact, "evicted");
  return { state: { ...state, contacts }, withdrawals, isChanged: true };
}
