// Erasures as the streams tell of them (ERA-1 to ERA-5): before the background pass the log has everything of who is erased,
// afterwards it has empty entries in the same places.
import type { CustomerEvent, LogEntry } from "../domain/event.ts";
import type { CustomerKey } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import type { ErasedCounts } from "../journal/commit-record.ts";
import type { Known } from "./known.ts";
import { spendLines } from "./quota-lines.ts";
import { passOver, type Telling, toldOf, withdraw } from "./telling.ts";

/** `joinedTo`: of an anonymous key, which goes only where it is joined to this customer. */
export function tellErase(telling: Telling, key: CustomerKey, joinedTo: CustomerKey | undefined): void {
  const known = toldOf(telling, key);
  passOver(telling); // to whom else it is passed on is told by who was joined, of which nothing may be left
  if (known === undefined || (joinedTo !== undefined && known.sealedTo !== joinedTo)) return;
  const { brought } = telling;
  for (const contact of known.contacts) if (contact.live) withdraw(telling, key, contact, "erased");
  const left = brought.asks.filter((asked) => asked.key !== key); // it is not decided any more
  brought.asks.splice(0, brought.asks.length, ...left);
  telling.known.delete(key);
}

export function tellErased(
  telling: Telling,
  { hash, was }: Extract<LogEntry, { kind: "erased" }>,
): keyof Telling["counts"] {
  passOver(telling);
  const isRepeated = hash !== undefined && telling.recent.isHashRepeated(...hash);
  if (was === "again") return "internal";
  return isRepeated ? "duplicate" : was;
}

/** What decisions of who is erased had spent of quotas, and that campaigns had asked for them, stays counted. */
export function tellErasedCounts(telling: Telling, now: Instant, { spent, turns }: ErasedCounts): void {
  spendLines(telling.ledger, telling.book.rulebook.quotas, { spent, now });
  for (const turn of turns) {
    const [asked, acted] = telling.campaigns.get(turn.run) ?? [0, 0];
    telling.campaigns.set(turn.run, [asked + turn.asked, acted + turn.acted]);
  }
}

/** A report of the engine's own on a contact that is gone with whoever had it. */
export function isTooLate(known: Known, event: CustomerEvent): boolean {
  if (event.source !== ENGINE_SOURCE || event.type !== "outcome") return false;
  return !known.contacts.some(({ trackingCode }) => trackingCode === event.props["trackingCode"]);
}
