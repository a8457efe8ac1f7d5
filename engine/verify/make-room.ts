// The contacts that a profile keeps: 128 at most (CON-7).
import type { Contact } from "../domain/contact.ts";
import type { Instant } from "../domain/time.ts";
import { CONTACTS_MAX } from "../profile/bounds.ts";
import type { Known } from "./known.ts";

/**
 * The contacts of a customer with these besides: where they are too many, those go first that matter to nobody, oldest first,
 * then the oldest of those that were there and are on no screen. Tells which went while they were on a screen.
 */
export function addToContacts(
  known: Known,
  added: readonly Contact[],
  now: Instant,
  memoryMs: number,
): readonly Contact[] {
  const all = [...known.contacts, ...added];
  const excess = Math.max(0, all.length - CONTACTS_MAX);
  const over = all.filter((contact) => isOver(contact, now, memoryMs)).slice(0, excess);
  const gone = [...over];
  for (const contact of known.contacts) {
    if (gone.length < excess && !contact.live && !gone.includes(contact)) gone.push(contact);
  }
  forget(known, gone.slice(over.length));
  known.contacts = all.filter((contact) => !gone.includes(contact));
  return gone.filter(({ live }) => live);
}

/** What counted goes on counting for caps, though the profile does not know it any more. */
export function forget(known: Known, gone: readonly Contact[]): void {
  known.forgotten.push(...gone.filter(({ state }) => state !== "released"));
}

function isOver({ live, state, at, outcomeAt, until }: Contact, now: Instant, memoryMs: number): boolean {
  if (live || state === "reserved") return false;
  return state === "released" || Math.max(at, outcomeAt, until) <= now - memoryMs;
}
