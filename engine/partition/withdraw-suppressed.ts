import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";
import type { ActionSet, CaseRule } from "../rulebook/policies.ts";
import { changeContacts } from "./change-contacts.ts";
import type { ContactChange, Partition } from "./partition.ts";
import { deciding } from "./wave.ts";

/**
 * A case was opened: what its kind suppresses leaves the screens. Like what is superseded, its reservation stands until its
 * own time, for somebody may be looking at it already. By the rules of the customer's arm, as the next decision will be.
 */
export function withdrawSuppressed(partition: Partition, event: CustomerEvent, arrivedAt: Instant): void {
  const { caseRules } = deciding(partition.active, event.key, arrivedAt).rulebook;
  if (caseRules.length === 0) return;
  const { openCases } = partition.store.state(event.key);
  // A late report of a case that is closed by now opens nothing.
  const opened = openCases.find(({ caseId, openedAt }) => caseId === event.props["caseId"] && openedAt === event.ts);
  if (opened === undefined) return;
  const rules = caseRules.filter(({ kinds }) => kinds.length === 0 || kinds.includes(opened.kind));
  changeContacts(partition, event.key, (contact) =>
    contact.live && !contact.exempt && rules.some((rule) => suppresses(rule, contact)) ? withdrawn(contact) : undefined,
  );
}

function suppresses({ suppresses: set }: CaseRule, contact: Contact): boolean {
  return set === undefined || isIn(set, contact);
}

function isIn({ actions, groups, issues }: ActionSet, { action, group, issue }: Contact): boolean {
  return actions.has(action) || groups.has(group) || issues.has(issue);
}

/** What the holdout withholds was never on a screen. */
function withdrawn(contact: Contact): ContactChange {
  const withdraw = contact.shadow ? undefined : "case-opened";
  return { contact: { ...contact, live: false }, trials: 0, positives: 0, withdraw, changed: true };
}
