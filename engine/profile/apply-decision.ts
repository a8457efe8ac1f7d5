// What a journalled decision does to the profile of its customer: the one way, live and in recovery.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { TrackingCode } from "../domain/ids.ts";
import { holdMessage } from "./held.ts";
import { addContacts } from "./outcome.ts";
import type { ProfileState } from "./state.ts";

export interface AppliedDecision {
  readonly state: ProfileState;
  readonly withdrawals: readonly Withdrawal[];
  readonly isChanged: boolean;
}

/**
 * Notes what is held, reserves the decision's contacts and takes what it supersedes off the screens. The reservation of a
 * superseded one stands until its own time, for somebody may be looking at it already. Shadow contacts come and go without
 * a word.
 * @param memoryMs how long a contact can matter to the contact policy
 */
export function applyDecision(before: ProfileState, record: DecisionRecord, memoryMs: number): AppliedDecision {
  const withdrawals: Withdrawal[] = [];
  const state = holdMessage(before, record);
  if (record.superseded.length === 0 && record.contacts.length === 0) {
    return { state, withdrawals, isChanged: state !== before };
  }
  const leaving = new Set<TrackingCode>(record.superseded);
  const withdraw = (contact: Contact, because: string): void => {
    if (contact.shadow) return; // it never was on a screen
    withdrawals.push({ key: record.key, trackingCode: contact.trackingCode, because });
  };
  const standing = state.contacts.map((contact) => {
    if (!contact.live || !leaving.has(contact.trackingCode)) return contact;
    withdraw(contact, "superseded");
    return { ...contact, live: false };
  });
  const { contacts, evicted } = addContacts(standing, record.contacts, record.now, memoryMs);
  for (const contact of evicted) if (contact.live) withdraw(contact, "evicted");
  return { state: { ...state, contacts }, withdrawals, isChanged: true };
}
