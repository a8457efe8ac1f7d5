// Events with a meaning of their own: what they change in the cold part of a profile. Total: an event whose props are
// not as they should be changes nothing (the front door refuses it before). An older ts never overwrites a newer one.
import type { Contact } from "../domain/contact.ts";
import type { Consent, OpenCase, Task } from "../domain/decision.ts";
import type { CustomerEvent, Props, PropValue } from "../domain/event.ts";
import { hashText, nameHash } from "../domain/hash.ts";
import { type DecisionId, type NameHash, trackingCode } from "../domain/ids.ts";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import { idOfBytes } from "./base64url.ts";
import {
  CLOSED_CASES_MAX,
  CONSENTS_MAX,
  CONTACT_MEMORY_MAX_MS,
  CONTACTS_MAX,
  OPEN_CASES_MAX,
  TASKS_MAX,
  TEXT_LENGTH_MAX,
} from "./bounds.ts";
import { type Layout, valueFault } from "./layout.ts";
import { addContacts } from "./outcome.ts";
import type { ProfileState } from "./state.ts";

const STATE_TYPES: ReadonlySet<string> = new Set([
  "profile_update",
  "consent_update",
  "case_opened",
  "case_closed",
  "task",
  "contact",
]);

/** Can an event of this type change the state? Most cannot, and their state need not be decoded. */
export function changesState(type: string): boolean {
  return STATE_TYPES.has(type);
}

/** The state after the event; the same object where nothing changed. `arrivedAt`: the log's time of the entry. */
export function foldState(state: ProfileState, layout: Layout, event: CustomerEvent, arrivedAt: Instant): ProfileState {
  switch (event.type) {
    case "profile_update":
      return foldAttributes(state, layout, event);
    case "consent_update":
      return foldConsent(state, event);
    case "case_opened":
      return foldCaseOpened(state, event);
    case "case_closed":
      return foldCaseClosed(state, event);
    case "task":
      return foldTask(state, event);
    case "contact":
      return foldContact(state, event, arrivedAt);
  }
  return state;
}

function foldAttributes(state: ProfileState, layout: Layout, { props, ts }: CustomerEvent): ProfileState {
  const attributes = [...state.attributes];
  const attributeTs = [...state.attributeTs];
  let changed = false;
  for (const name of Object.keys(props)) {
    const spec = layout.attributeByName.get(name);
    const value = props[name] as PropValue;
    if (spec === undefined || valueFault(spec, value) !== undefined) continue;
    if (ts < (attributeTs[spec.index] ?? LONG_AGO)) continue;
    attributes[spec.index] = value;
    attributeTs[spec.index] = ts;
    changed = true;
  }
  return changed ? { ...state, attributes, attributeTs } : state;
}

function foldConsent(state: ProfileState, { props, ts }: CustomerEvent): ProfileState {
  const channel = props["channel"] === undefined ? "*" : textOf(props, "channel");
  const purpose = textOf(props, "purpose");
  const granted = props["granted"];
  if (channel === undefined || purpose === undefined || typeof granted !== "boolean") return state;
  const same = (consent: Consent) => consent.channel === channel && consent.purpose === purpose;
  const before = state.consents.find(same);
  if (before !== undefined && before.ts > ts) return state;
  const kept = state.consents.filter((consent) => !same(consent));
  return { ...state, consents: boundConsents([...kept, { channel, purpose, granted, ts }]) };
}

/** Where there are too many, the oldest that grants goes: to forget a denial would be the worse mistake. */
export function boundConsents(consents: readonly Consent[]): readonly Consent[] {
  if (consents.length <= CONSENTS_MAX) return consents;
  const grants = consents.filter(({ granted }) => granted);
  const candidates = grants.length > 0 ? grants : consents;
  const oldest = candidates.reduce((a, b) => (b.ts < a.ts ? b : a));
  return consents.filter((consent) => consent !== oldest);
}

function foldCaseOpened(state: ProfileState, { props, ts }: CustomerEvent): ProfileState {
  const caseId = textOf(props, "caseId");
  if (caseId === undefined) return state;
  const closed = state.closedCases.find((one) => one.caseId === caseId);
  if (closed !== undefined && closed.closedAt >= ts) return state;
  const before = state.openCases.find((one) => one.caseId === caseId);
  if (before !== undefined && before.openedAt > ts) return state;
  const opened: OpenCase = { caseId, kind: textOf(props, "kind") ?? "", openedAt: ts, ...instantOf(props, "slaDueAt") };
  const others = state.openCases.filter((one) => one.caseId !== caseId);
  return { ...state, openCases: [...others, opened].slice(-OPEN_CASES_MAX) };
}

function foldCaseClosed(state: ProfileState, { props, ts }: CustomerEvent): ProfileState {
  const caseId = textOf(props, "caseId");
  if (caseId === undefined) return state;
  const before = state.closedCases.find((one) => one.caseId === caseId);
  const closedAt = Math.max(before?.closedAt ?? LONG_AGO, ts) as Instant;
  const others = state.closedCases.filter((one) => one.caseId !== caseId);
  return {
    ...state,
    openCases: state.openCases.filter((one) => one.caseId !== caseId || one.openedAt > ts),
    closedCases: [...others, { caseId, closedAt }].slice(-CLOSED_CASES_MAX),
  };
}

function foldTask(state: ProfileState, { props }: CustomerEvent): ProfileState {
  const taskId = textOf(props, "taskId");
  if (taskId === undefined) return state;
  const before = state.tasks.find((task) => task.taskId === taskId);
  const others = state.tasks.filter((task) => task.taskId !== taskId);
  const taskState = textOf(props, "state") ?? before?.state ?? "open";
  if (taskState === "done" || taskState === "closed") return before === undefined ? state : { ...state, tasks: others };
  const title = textOf(props, "title") ?? before?.title ?? "";
  const kept = before?.dueAt === undefined ? {} : { dueAt: before.dueAt };
  const task: Task = { taskId, title, state: taskState, ...kept, ...instantOf(props, "dueAt") };
  return { ...state, tasks: [...others, task].slice(-TASKS_MAX) };
}

const NO_NAME = 0 as NameHash;

/**
 * A contact that another sender has made: it counts from its ts. Where the list is full of contacts that count, the
 * oldest that is on no screen makes place, and as the list stays full nothing new is offered meanwhile.
 */
function foldContact(state: ProfileState, event: CustomerEvent, arrivedAt: Instant): ProfileState {
  const { props, ts } = event;
  const channel = textOf(props, "channel");
  if (channel === undefined) return state;
  const group = textOf(props, "group");
  const decision = foreignDecision(event);
  const code = trackingCode(decision, 0);
  if (state.contacts.some((contact) => contact.trackingCode === code)) return state;
  const contact: Contact = {
    trackingCode: code,
    decision,
    issue: NO_NAME,
    group: group === undefined ? NO_NAME : nameHash("group", group),
    action: NO_NAME,
    treatment: NO_NAME,
    channel: nameHash("channel", channel),
    placement: NO_NAME,
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
  const now = Math.max(ts, arrivedAt) as Instant;
  const allLive = state.contacts.length >= CONTACTS_MAX && state.contacts.every(({ live }) => live);
  if (allLive) return state;
  return { ...state, contacts: addContacts(state.contacts, [contact], now, CONTACT_MEMORY_MAX_MS).contacts };
}

/** The same event gives the same id, another event or another source another one. */
function foreignDecision({ key, source, id }: CustomerEvent): DecisionId {
  const words = hashText(JSON.stringify([key, source, id]), 0x636f6e74);
  return idOfBytes(new Uint8Array(words.slice().buffer)) as DecisionId;
}

function textOf(props: Props, name: string): string | undefined {
  const value = props[name];
  return typeof value === "string" && value.length > 0 && value.length <= TEXT_LENGTH_MAX ? value : undefined;
}

function instantOf<Name extends string>(props: Props, name: Name): { readonly [Key in Name]?: Instant } {
  const value = props[name];
  if (typeof value !== "number" || !Number.isFinite(value)) return {};
  return { [name]: value as Instant } as { readonly [Key in Name]?: Instant };
}
