// Events with a meaning of their own, as the contract states them: what they tell of a customer. An older ts never overwrites
// a newer one; what is not as it should be changes nothing.
import type { Contact } from "../domain/contact.ts";
import type { Consent } from "../domain/decision.ts";
import type { CustomerEvent, Props, PropValue } from "../domain/event.ts";
import { hashText, nameHash } from "../domain/hash.ts";
import { type DecisionId, type NameHash, trackingCode } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import {
  CLOSED_CASES_MAX,
  CONSENTS_MAX,
  CONTACT_MEMORY_MAX_MS,
  CONTACTS_MAX,
  OPEN_CASES_MAX,
  TASKS_MAX,
  TEXT_LENGTH_MAX,
} from "../profile/bounds.ts";
import { valueFault } from "../profile/layout.ts";
import type { Book } from "./book-shelf.ts";
import type { Known } from "./known.ts";
import { addToContacts } from "./make-room.ts";

/** True where it told something new. */
export function learnEvent(known: Known, book: Book, event: CustomerEvent, arrivedAt: Instant): boolean {
  switch (event.type) {
    case "profile_update":
      return learnAttributes(known, book, event);
    case "consent_update":
      return learnConsent(known, event);
    case "case_opened":
      return openCase(known, event);
    case "case_closed":
      return closeCase(known, event);
    case "task":
      return learnTask(known, event);
    case "contact":
      return learnContact(known, event, arrivedAt);
  }
  return false;
}

function learnAttributes(known: Known, { rulebook }: Book, { props, ts }: CustomerEvent): boolean {
  let isNew = false;
  for (const spec of rulebook.attributes) {
    const value = Object.hasOwn(props, spec.name) ? (props[spec.name] as PropValue) : undefined;
    if (value === undefined || valueFault(spec, value) !== undefined) continue;
    const { name, type } = spec;
    const before = known.attributes.find((one) => one.name === name && one.type === type);
    if (before !== undefined && before.ts > ts) continue;
    known.attributes = [...known.attributes.filter((one) => one !== before), { name, type, value, ts }];
    isNew = true;
  }
  return isNew;
}

function learnConsent(known: Known, { props, ts }: CustomerEvent): boolean {
  const channel = props["channel"] === undefined ? "*" : textIn(props, "channel");
  const purpose = textIn(props, "purpose");
  const { granted } = props;
  if (channel === undefined || purpose === undefined || typeof granted !== "boolean") return false;
  const before = known.consents.find((consent) => consent.channel === channel && consent.purpose === purpose);
  if (before !== undefined && before.ts > ts) return false;
  const others = known.consents.filter((consent) => consent !== before);
  known.consents = fewEnough([...others, { channel, purpose, granted, ts }]);
  return true;
}

/** One too many: the oldest that grants goes, and a refusal only where all are refusals. */
export function fewEnough(consents: Consent[]): Consent[] {
  if (consents.length <= CONSENTS_MAX) return consents;
  const grants = consents.filter(({ granted }) => granted);
  const oldest = (grants.length > 0 ? grants : consents).reduce((a, b) => (b.ts < a.ts ? b : a));
  return fewEnough(consents.filter((consent) => consent !== oldest));
}

function openCase(known: Known, { props, ts }: CustomerEvent): boolean {
  const caseId = textIn(props, "caseId");
  if (caseId === undefined) return false;
  const closedAt = known.closedCases.find((one) => one.caseId === caseId)?.closedAt ?? LONG_AGO;
  const openedAt = known.openCases.find((one) => one.caseId === caseId)?.openedAt ?? LONG_AGO;
  if (closedAt >= ts || openedAt > ts) return false;
  const opened = { caseId, kind: textIn(props, "kind") ?? "", openedAt: ts, ...timeIn(props, "slaDueAt") };
  const others = known.openCases.filter((one) => one.caseId !== caseId);
  known.openCases = [...others, opened].slice(-OPEN_CASES_MAX);
  return true;
}

function closeCase(known: Known, { props, ts }: CustomerEvent): boolean {
  const caseId = textIn(props, "caseId");
  if (caseId === undefined) return false;
  const before = known.closedCases.find((one) => one.caseId === caseId)?.closedAt ?? LONG_AGO;
  const others = known.closedCases.filter((one) => one.caseId !== caseId);
  const closed = { caseId, closedAt: Math.max(before, ts) as Instant };
  known.closedCases = [...others, closed].slice(-CLOSED_CASES_MAX);
  known.openCases = known.openCases.filter((one) => one.caseId !== caseId || one.openedAt > ts);
  return true;
}

/** Tasks have no order of time: what came in last holds. */
function learnTask(known: Known, { props }: CustomerEvent): boolean {
  const taskId = textIn(props, "taskId");
  if (taskId === undefined) return false;
  const before = known.tasks.find((task) => task.taskId === taskId);
  const others = known.tasks.filter((task) => task !== before);
  const state = textIn(props, "state") ?? before?.state ?? "open";
  if (state === "done" || state === "closed") {
    known.tasks = others;
    return before !== undefined;
  }
  const title = textIn(props, "title") ?? before?.title ?? "";
  const dueAt = before?.dueAt === undefined ? {} : { dueAt: before.dueAt };
  known.tasks = [...others, { taskId, title, state, ...dueAt, ...timeIn(props, "dueAt") }].slice(-TASKS_MAX);
  return true;
}

/** A contact that another sender has made: it counts at once and waits for nothing. Named by its event, so it counts once. */
function learnContact(known: Known, event: CustomerEvent, arrivedAt: Instant): boolean {
  const { props, ts, key, source, id } = event;
  const channel = textIn(props, "channel");
  if (channel === undefined) return false;
  const words = hashText(JSON.stringify([key, source, id]), 0x636f6e74).slice();
  const decision = Buffer.from(words.buffer).toString("base64url") as DecisionId;
  const code = trackingCode(decision, 0);
  if (known.contacts.some((contact) => contact.trackingCode === code)) return false;
  const isFull = known.contacts.length >= CONTACTS_MAX && known.contacts.every(({ live }) => live);
  if (isFull) return false;
  const group = textIn(props, "group");
  const none = 0 as NameHash;
  const contact: Contact = {
    trackingCode: code,
    decision,
    issue: none,
    group: group === undefined ? none : nameHash("group", group),
    action: none,
    treatment: none,
    channel: nameHash("channel", channel),
    placement: none,
    inbound: props["direction"] === "inbound",
    at: ts,
    countsAt: "decided",
    state: "confirmed",
    reservedUntil: NEVER,
    expiresAt: ts,
    respondBy: NEVER,
    outcome: "pending",
    previous: "pending",
    outcomeAt: ts,
    until: 0 as Instant,
    live: false,
    tried: false,
    rank: 1,
    exempt: false,
    shadow: false,
  };
  addToContacts(known, [contact], Math.max(ts, arrivedAt) as Instant, CONTACT_MEMORY_MAX_MS);
  return true;
}

function textIn(props: Props, name: string): string | undefined {
  const value = props[name];
  return typeof value === "string" && value !== "" && value.length <= TEXT_LENGTH_MAX ? value : undefined;
}

function timeIn<Name extends string>(props: Props, name: Name): { readonly [Key in Name]?: Instant } {
  const value = props[name];
  const isTime = typeof value === "number" && Number.isFinite(value);
  return (isTime ? { [name]: value } : {}) as { readonly [Key in Name]?: Instant };
}
