// An NBA that is withdrawn before its time: off the screens and, where it is certain that nobody will see it any more, its
// place under the caps given back.
import type { Contact } from "../domain/contact.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";

/** `isGivenBack`: nobody can see it any more, so a reservation is released. What is confirmed has happened, and counts. */
export function withdrawn(contact: Contact, isGivenBack: boolean): Contact {
  const state = isGivenBack && contact.state === "reserved" ? "released" : contact.state;
  return { ...contact, live: false, state };
}

/**
 * Do its screens take it away when they are told? Those that follow a channel of kind `websocket` do. What was answered over
 * HTTP may be shown until it expires; of what goes to a gateway the dispatch knows whether it has left.
 */
export function isRecalled({ channels }: Pick<Rulebook, "channels">, { channel }: Contact): boolean {
  return channels.some(({ hash, kind }) => hash === channel && kind === "websocket");
}
