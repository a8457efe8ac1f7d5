// What a journalled decision does to the profile of its customer: the one way, live and in recovery.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, Withdrawal } from "../domain/decision.ts";
import type { TrackingCode } from "../domain/ids.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { holdMessage } from "./held.ts";
import { addContacts } from "./outcome.ts";
import type { ProfileState } from "./state.ts";
import { isRecalled, withdrawn } from "./withdrawn.ts";

export interface AppliedDecision {
  readonly state: ProfileState;
  readonly withdrawals: readonly Withdrawal[];
  readonly isChanged: boolean;
}

/**
 * Notes what is held, reserves the decision's contacts and takes what it supersedes off the screens. What was pushed and is
 * taken back gives its reservation back; what somebody asked for keeps it, for it was shown to whoever asked, whose report may
 * be on its way. Shadow contacts come and go without a word.
 */
export function applyDecision(
  before: ProfileState,
  record: DecisionRecord,
  rulebook: Pick<Rulebook, "channels" | "contactMemoryMs">,
): AppliedDecision {
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
    return withdrawn(contact, !contact.inbound && isRecalled(rulebook, contact));
  });
  const { contacts, evicted } = addContacts(standing, record.contacts, record.now, rulebook.contactMemoryMs);
  for (const contact of evicted) if (contact.live) withdraw(contact, "evicted");
  return { state: { ...state, contacts }, withdrawals, isChanged: true };
}
