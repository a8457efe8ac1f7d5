// What leaves the screens because of what is said of a customer. What its screens take away gives its reservation back.
import { consentVerdict } from "../decide/consent.ts";
import type { ConsentNeed, Prepared, PreparedTreatment } from "../decide/prepared.ts";
import type { Contact, WithdrawReason } from "../domain/contact.ts";
import type { Consent } from "../domain/decision.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";
import { isRecalled, withdrawn } from "../profile/withdrawn.ts";
import type { ActionSet, CaseRule } from "../rulebook/policies.ts";
import { changeContacts } from "./change-contacts.ts";
import type { ContactChange, Partition } from "./partition.ts";
import { deciding } from "./wave.ts";

/** A case was opened: what its kind suppresses leaves the screens. By the rules of the customer's arm, as the next decision will be. */
export function withdrawSuppressed(partition: Partition, event: CustomerEvent, arrivedAt: Instant): void {
  const { caseRules } = deciding(partition.active, event.key, arrivedAt).rulebook;
  if (caseRules.length === 0) return;
  const { openCases } = partition.store.state(event.key);
  // A late report of a case that is closed by now opens nothing.
  const opened = openCases.find(({ caseId, openedAt }) => caseId === event.props["caseId"] && openedAt === event.ts);
  if (opened === undefined) return;
  const rules = caseRules.filter(({ kinds }) => kinds.length === 0 || kinds.includes(opened.kind));
  changeContacts(partition, event.key, (contact) =>
    contact.live && !contact.exempt && rules.some((rule) => suppresses(rule, contact))
      ? withdrawnNow(partition, contact, "case-opened")
      : undefined,
  );
}

/** Consent was refused: what has none any more leaves the screens. What the rulebook does not know any more stays. */
export function withdrawRefused(partition: Partition, event: CustomerEvent, arrivedAt: Instant): void {
  if (event.props["granted"] !== false) return;
  const { consents } = partition.store.state(event.key);
  const { prepared } = deciding(partition.active, event.key, arrivedAt).decider;
  changeContacts(partition, event.key, (contact) =>
    contact.live && lacksConsent(prepared, contact, consents)
      ? withdrawnNow(partition, contact, "consent-refused")
      : undefined,
  );
}

function lacksConsent(prepared: Prepared, { treatment }: Contact, consents: readonly Consent[]): boolean {
  const known = prepared.treatments[prepared.treatmentByHash.get(treatment) ?? -1];
  return known !== undefined && consentVerdict(needOf(known), consents) !== "granted";
}

function needOf({ channel, action }: PreparedTreatment): ConsentNeed {
  return { channel, purpose: action.purpose };
}

function suppresses({ suppresses: set }: CaseRule, contact: Contact): boolean {
  return set === undefined || isIn(set, contact);
}

function isIn({ actions, groups, issues }: ActionSet, { action, group, issue }: Contact): boolean {
  return actions.has(action) || groups.has(group) || issues.has(issue);
}

/** What the holdout withholds was never on a screen. */
function withdrawnNow({ active }: Partition, contact: Contact, because: WithdrawReason): ContactChange {
  const withdraw = contact.shadow ? undefined : because;
  return {
    contact: withdrawn(contact, isRecalled(active.rulebook, contact)),
    trials: 0,
    positives: 0,
    withdraw,
    changed: true,
  };
}
