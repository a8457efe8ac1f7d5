// What one entry of an input log brings about, by the contract, engine/README.md and engine/decide/SPEC.md.
import type { CustomerEvent, LogEntry, OutcomeReport } from "../domain/event.ts";
import { nameHash } from "../domain/hash.ts";
import type { CustomerKey, Position, RulebookHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { ENGINE_SOURCE } from "../ingest/log-entry.ts";
import { CAMPAIGNS_KEPT_MAX } from "../profile/bounds.ts";
import { attributeFault } from "../profile/layout.ts";
import { ask, askForEvent, askForRejection, awaitJoin, CAMPAIGN, momentOf } from "./ask-for.ts";
import type { Book } from "./book-shelf.ts";
import { delivered, reported } from "./contact-steps.ts";
import { keepEvent } from "./kept-events.ts";
import type { Known } from "./known.ts";
import { learnEvent } from "./learn-event.ts";
import { leaveSuppressed, leaveWithoutConsent } from "./leave-screens.ts";
import type { StoredProfile } from "./stored-profile.ts";
import { isTooLate, tellErase, tellErased } from "./tell-erase.ts";
import { forwardDelivered, forwardEvent, startJoining, tellMerge, tellSeal } from "./tell-join.ts";
import { tellTimer } from "./tell-timer.ts";
import { activate, changeContacts, noteWritten, passOver, type Telling, toldOf } from "./telling.ts";

const AGAIN = "$again";

/** What entries need that is read from Redis: rulebooks that they activate, profiles that they bring along, what a commit left out. */
export interface EntryNeeds {
  readonly books: ReadonlyMap<RulebookHash, Book | undefined>;
  readonly packed: ReadonlyMap<Position, StoredProfile | string>;
  /** What the commit passed without folding it (POI-2). */
  readonly isolated: ReadonlySet<Position>;
}

export function tellEntry(telling: Telling, entry: LogEntry, needs: EntryNeeds): void {
  const before = telling.brought.asks.length;
  telling.position = entry.position;
  telling.clock = Math.max(telling.clock, entry.arrivedAt);
  const counted = tellOne(telling, entry, needs);
  telling.counts[counted]++;
  if (counted === "dead" && entry.kind !== "erased") telling.dead.add(entry.position);
  awaitJoin(telling, before);
}

function tellOne(telling: Telling, entry: LogEntry, needs: EntryNeeds): keyof Telling["counts"] {
  if (needs.isolated.has(entry.position)) {
    if (entry.kind === "timer") telling.disarmed.add(entry.key);
    return "dead";
  }
  switch (entry.kind) {
    case "event": {
      const told = tellEvent(telling, entry, entry.event);
      return told === "folded" && entry.isForwarded === true ? "internal" : told;
    }
    case "activation": {
      const book = needs.books.get(entry.rulebook);
      if (book === undefined || book.isVariant) return "dead";
      activate(telling, book);
      return "internal";
    }
    case "dead":
      return "dead";
    case "erase":
      tellErase(telling, entry.key, entry.joinedTo);
      return "internal";
    case "erased":
      return tellErased(telling, entry);
    case "again":
      tellAgain(telling, entry);
      return "internal";
    case "timer":
    case "campaign":
    case "delivered":
    case "seal":
    case "merge": {
      const known = toldOf(telling, entry.kind === "seal" ? entry.anonymous : entry.key);
      if (known === undefined) passOver(telling);
      else tellInternal(telling, known, entry, needs);
      return "internal";
    }
  }
}

type Internal = Exclude<LogEntry, { kind: "event" | "activation" | "dead" | "erase" | "erased" | "again" }>;

function tellInternal(telling: Telling, known: Known, entry: Internal, needs: EntryNeeds): void {
  switch (entry.kind) {
    case "timer":
      // Only who is known has timers: whoever is not was erased since it went off.
      if (known.sealedTo === undefined && known.changed > 0)
        tellTimer(telling, known, entry.due, laterOf(entry.arrivedAt, entry.due));
      return;
    case "campaign":
      tellCampaign(telling, known, entry);
      return;
    case "delivered":
      if (known.sealedTo !== undefined) forwardDelivered(telling, known.sealedTo, entry.trackingCode);
      else
        changeContacts(telling, known, (contact) =>
          contact.trackingCode === entry.trackingCode ? delivered(contact) : contact,
        );
      return;
    case "seal":
      tellSeal(telling, known, entry.customer);
      return;
    case "merge":
      if (known.joining === 0) tellErase(telling, entry.key, undefined);
      else tellMerge(telling, known, entry, needs.packed.get(entry.position));
      return;
  }
}

function tellEvent(telling: Telling, entry: LogEntry, event: CustomerEvent): "folded" | "duplicate" | "dead" {
  const { book } = telling;
  if (event.type === "profile_update" && attributeFault(book.layout, event.props) !== undefined) return "dead";
  if (telling.recent.isRepeated(event)) return "duplicate";
  const known = toldOf(telling, event.key);
  if (known === undefined) {
    passOver(telling);
    return "folded";
  }
  if (known.sealedTo !== undefined) {
    forwardEvent(telling, known.sealedTo, event, entry);
    return "folded";
  }
  if (isTooLate(known, event)) return "folded";
  const { arrivedAt } = entry;
  startJoining(telling, known, event);
  noteWritten(telling, known, false);
  keepEvent(known.kept, book, event, arrivedAt);
  if (learnEvent(known, book, event, arrivedAt)) noteWritten(telling, known, true);
  if (event.type === "outcome") tellOutcome(telling, known, event, arrivedAt);
  if (event.type === "case_opened") leaveSuppressed(telling, known, event, arrivedAt);
  if (event.type === "consent_update") leaveWithoutConsent(telling, known, event, arrivedAt);
  askForEvent(telling, known, event, arrivedAt, event.source === ENGINE_SOURCE);
  return "folded";
}

/** By the reporter's time, so that a report that comes again is known as the old one, but never later than it came in. */
function tellOutcome(telling: Telling, known: Known, event: CustomerEvent, arrivedAt: Instant): void {
  const report = event.props as unknown as OutcomeReport; // checked where the event was decoded
  const at = Math.min(event.ts, arrivedAt) as Instant;
  const [changed] = changeContacts(telling, known, (contact) =>
    contact.trackingCode === report.trackingCode ? reported(contact, report, at) : contact,
  );
  if (changed !== undefined) askForRejection(telling, known, event, changed, arrivedAt);
}

/** CMP-1 and CMP-2: once for each run, while it lasts. */
function tellCampaign(
  telling: Telling,
  known: Known,
  { campaign: id, from, arrivedAt }: Extract<LogEntry, { kind: "campaign" }>,
): void {
  const campaign = telling.book.rulebook.campaigns.find((one) => one.id === id && one.from === from);
  const at = laterOf(arrivedAt, from);
  if (campaign === undefined || at >= campaign.to || known.sealedTo !== undefined) return;
  const run = `${id}/${from}`;
  const name = nameHash("campaign", run);
  if (known.campaigns.some((turn) => turn.campaign === name)) return;
  known.campaigns = [...known.campaigns, { campaign: name, at }].slice(-CAMPAIGNS_KEPT_MAX);
  noteWritten(telling, known, true);
  ask(momentOf(telling, known, at), campaign, { source: CAMPAIGN, event: run, at, context: {} });
}

/** DSP-5: once for each wish. */
function tellAgain(telling: Telling, entry: Extract<LogEntry, { kind: "again" }>): void {
  const { key, trigger, again, context, arrivedAt: at } = entry;
  const isRepeated = telling.recent.isRepeated({ key, source: AGAIN, id: again });
  const known = toldOf(telling, key);
  if (known === undefined) passOver(telling);
  if (isRepeated || known === undefined || known.sealedTo !== undefined) return;
  const { triggers, campaigns } = telling.book.rulebook;
  const asker = triggers.find(({ id }) => id === trigger) ?? campaigns.find(({ id }) => id === trigger);
  if (asker !== undefined) ask(momentOf(telling, known, at), asker, { source: AGAIN, event: again, at, context });
}

/** The clock of Redis may be behind that of the engine which wrote the entry. */
function laterOf(a: Instant, b: Instant): Instant {
  return Math.max(a, b) as Instant;
}

export function keysOf(entry: LogEntry): readonly CustomerKey[] {
  switch (entry.kind) {
    case "event":
      return [entry.event.key];
    case "seal":
      return [entry.anonymous];
    case "timer":
    case "campaign":
    case "again":
    case "delivered":
    case "merge":
      return [entry.key];
    case "erase":
      return [entry.key];
    case "activation":
    case "erased":
    case "dead":
      return [];
  }
}
