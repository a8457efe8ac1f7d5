// A timer of a customer goes off: contacts, patterns, messages whose hold is over, the day; whatever is due, and nothing else.
import { drawOf } from "../domain/hash.ts";
import type { CustomerKey } from "../domain/ids.ts";
import { DAY_MS, type Instant, LONG_AGO } from "../domain/time.ts";
import { ask, askForHeld, askForPatterns, type Moment, momentOf } from "./ask-for.ts";
import { timePassed } from "./contact-steps.ts";
import type { Known } from "./known.ts";
import { changeContacts, noteWritten, type Telling } from "./telling.ts";

const DAILY = "$daily";

/** `due`: what it was armed for; `at`: when it goes off. */
export function tellTimer(telling: Telling, known: Known, due: Instant, at: Instant): void {
  changeContacts(telling, known, (contact) => timePassed(contact, at));
  const moment = momentOf(telling, known, at);
  askForPatterns(moment, at);
  const ended = known.held.filter(({ until }) => until <= at);
  for (const message of ended) {
    if (at <= message.dropAfter) askForHeld(moment, message, message); // HLM-1, HLM-3
  }
  if (ended.length > 0) {
    known.held = known.held.filter((message) => !ended.includes(message));
    noteWritten(telling, known, true);
  }
  tellDay(moment, due, at);
}

/** DAY-1: of days that were missed the last; DAY-2: who was never asked for begins to wait, unless the timer was for this. */
function tellDay(moment: Moment, due: Instant, at: Instant): void {
  const { telling, known } = moment;
  const daily = telling.book.rulebook.triggers.filter(({ kind }) => kind === "daily");
  const last = lastOwnHour(known.key, at);
  const isNew = known.rescoredAt === LONG_AGO;
  const isDue = isNew ? lastOwnHour(known.key, due) === due : known.rescoredAt < last;
  const rescoredAt = daily.length === 0 ? LONG_AGO : isDue ? last : isNew ? at : known.rescoredAt;
  if (rescoredAt !== known.rescoredAt) {
    known.rescoredAt = rescoredAt;
    noteWritten(telling, known, true);
  }
  if (!isDue) return;
  const day = String(Math.floor(last / DAY_MS));
  for (const trigger of daily) ask(moment, trigger, { source: DAILY, event: day, at: last, context: {} });
}

/** When the day of this customer comes next, for who has waited since `since` without being asked for. */
export function nextOwnHour({ key, rescoredAt }: Known, since: Instant): number {
  return lastOwnHour(key, rescoredAt === LONG_AGO ? since : rescoredAt) + DAY_MS;
}

/** The customer's own instant of the day, the last one up to `at`. */
export function lastOwnHour(key: CustomerKey, at: number): Instant {
  const offset = Math.floor(drawOf(`daily/${key}`) * DAY_MS);
  return (Math.floor((at - offset) / DAY_MS) * DAY_MS + offset) as Instant;
}
