// What an outcome, a timer, a delivery or a case does to the contacts of one customer, noted in the draft of the commit.
import type { Contact } from "../domain/contact.ts";
import type { CustomerKey, TrackingCode } from "../domain/ids.ts";
import { type ContactChange, type Partition, touch } from "./partition.ts";

/** Tells the contact as it is then, where the change made a difference. */
export function changeContact(
  partition: Partition,
  key: CustomerKey,
  code: TrackingCode,
  change: (contact: Contact) => ContactChange,
): Contact | undefined {
  return changeContacts(partition, key, (contact) => (contact.trackingCode === code ? change(contact) : undefined))[0];
}

/** Tells those that changed, as they are then. */
export function changeContacts(
  partition: Partition,
  key: CustomerKey,
  change: (contact: Contact) => ContactChange | undefined,
): readonly Contact[] {
  const state = partition.store.state(key);
  const contacts = [...state.contacts];
  const changed: Contact[] = [];
  for (const [index, contact] of contacts.entries()) {
    const result = change(contact);
    if (result === undefined || !result.changed) continue;
    changed.push(result.contact);
    contacts[index] = result.contact;
    const { channel, state: standing } = result.contact;
    if (standing !== contact.state) partition.draft.states.push({ channel, state: standing });
    if (result.trials !== 0 || result.positives !== 0) {
      partition.draft.learned.push({
        treatment: contact.treatment,
        trials: result.trials,
        positives: result.positives,
      });
    }
    if (result.withdraw !== undefined) {
      partition.draft.withdrawals.push({ key, trackingCode: contact.trackingCode, because: result.withdraw });
    }
  }
  if (changed.length === 0) return changed;
  partition.store.setState(key, { ...state, contacts });
  partition.draft.rearm.add(key);
  touch(partition, key);
  return changed;
}
