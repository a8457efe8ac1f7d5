// What a journalled decision does to its customer, and to the counters of its partition.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import { nameHash } from "../domain/hash.ts";
import { CAMPAIGN } from "./ask-for.ts";
import { takenOff } from "./contact-steps.ts";
import type { Known } from "./known.ts";
import { addToContacts } from "./make-room.ts";
import { changeContacts, noteWritten, type Telling, withdraw } from "./telling.ts";

/** HEL-1, HLM-2, STK-5, RSV-1: notes what is held, takes off what is superseded, adds the contacts that were made. */
export function tellDecision(telling: Telling, known: Known, record: DecisionRecord): void {
  tellHeld(telling, known, record);
  const isSuperseded = new Set(record.superseded);
  // What was asked for was shown to whoever asked, and keeps its place.
  const supersede = (contact: Contact): Contact =>
    contact.inbound ? { ...contact, live: false } : takenOff(contact, telling.book.rulebook.channels);
  const leave = (contact: Contact): Contact =>
    contact.live && isSuperseded.has(contact.trackingCode) ? supersede(contact) : contact;
  changeContacts(telling, known, leave, "superseded");
  if (record.contacts.length === 0) return;
  const gone = addToContacts(known, record.contacts, record.now, telling.book.rulebook.contactMemoryMs);
  for (const contact of gone) withdraw(telling, known.key, contact, "evicted");
  noteWritten(telling, known, true);
}

function tellHeld(telling: Telling, known: Known, { trigger, heldUntil, input }: DecisionRecord): void {
  if (trigger?.hold === undefined || heldUntil === undefined || heldUntil > trigger.hold.dropAfter) return;
  const { id, source, event, hold } = trigger;
  const name = nameHash(source === CAMPAIGN ? "campaign" : "trigger", id);
  const message = {
    trigger: name,
    source,
    event,
    at: hold.at,
    until: heldUntil,
    dropAfter: hold.dropAfter,
    context: input.request.context,
  };
  known.held = [...known.held.filter((one) => one.trigger !== name), message];
  noteWritten(telling, known, true);
}

/** Decisions of campaigns: one that was held is another decision for the same customer. */
export function countCampaign(telling: Telling, { trigger, kind }: DecisionRecord): void {
  if (trigger?.source !== CAMPAIGN) return;
  const [asked, acted] = telling.campaigns.get(trigger.event) ?? [0, 0];
  const isFirst = trigger.hold?.again !== true;
  telling.campaigns.set(trigger.event, [asked + (isFirst ? 1 : 0), acted + (kind === "act" ? 1 : 0)]);
}
