// What leaves the screens because of what is said of a customer (CNS-5, CAS-1).
import { rulebookFor } from "../decide/experiments.ts";
import type { Contact } from "../domain/contact.ts";
import type { Consent } from "../domain/decision.ts";
import type { CustomerEvent } from "../domain/event.ts";
import type { Instant } from "../domain/time.ts";
import type { ActionSet } from "../rulebook/policies.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { takenOff } from "./contact-steps.ts";
import type { Known } from "./known.ts";
import { changeContacts, type Telling } from "./telling.ts";

export function leaveSuppressed(telling: Telling, known: Known, event: CustomerEvent, arrivedAt: Instant): void {
  const { caseRules } = rulebookFor(telling.book.rulebook, known.key, arrivedAt);
  const opened = known.openCases.find(
    ({ caseId, openedAt }) => caseId === event.props["caseId"] && openedAt === event.ts,
  );
  if (opened === undefined) return;
  const rules = caseRules.filter(({ kinds }) => kinds.length === 0 || kinds.includes(opened.kind));
  const isSuppressed = (contact: Contact): boolean =>
    !contact.exempt && rules.some(({ suppresses }) => suppresses === undefined || isIn(suppresses, contact));
  takeOff(telling, known, isSuppressed, "case-opened");
}

export function leaveWithoutConsent(telling: Telling, known: Known, event: CustomerEvent, arrivedAt: Instant): void {
  if (event.props["granted"] !== false) return;
  const rulebook = rulebookFor(telling.book.rulebook, known.key, arrivedAt);
  takeOff(telling, known, (contact) => lacksConsent(rulebook, contact, known.consents), "consent-refused");
}

function takeOff(telling: Telling, known: Known, isLeaving: (contact: Contact) => boolean, because: string): void {
  const leave = (contact: Contact): Contact =>
    contact.live && isLeaving(contact) ? takenOff(contact, telling.book.rulebook.channels) : contact;
  changeContacts(telling, known, leave, because);
}

/** CNS-1 to CNS-4. What the rulebook does not know any more needs none. */
function lacksConsent(rulebook: Rulebook, { treatment: name }: Contact, consents: readonly Consent[]): boolean {
  const treatment = rulebook.treatments.find(({ hash }) => hash === name);
  if (treatment === undefined) return false;
  const channel = rulebook.channels[treatment.channel];
  const purpose = rulebook.actions[treatment.action]?.purpose;
  if (channel === undefined || purpose === undefined) return false;
  const own = lastSaid(consents, channel.name, purpose);
  const general = lastSaid(consents, "*", purpose);
  if (general?.granted === false && (own === undefined || general.ts > own.ts)) return true;
  if (own !== undefined || general !== undefined) return !(own ?? general)?.granted;
  return (channel.consentDefaults.get(purpose) ?? channel.consentDefault) === "denied";
}

function lastSaid(consents: readonly Consent[], channel: string, purpose: string): Consent | undefined {
  const said = consents.filter((consent) => consent.channel === channel && consent.purpose === purpose);
  return said.sort((a, b) => b.ts - a.ts || Number(a.granted) - Number(b.granted))[0];
}

function isIn({ actions, groups, issues }: ActionSet, { action, group, issue }: Contact): boolean {
  return actions.has(action) || groups.has(group) || issues.has(issue);
}
