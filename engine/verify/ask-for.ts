// Who asks for a decision at one moment of a customer, and under which name it has to be found in the journal.
import { createHash } from "node:crypto";
import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent, OutcomeReport, Props } from "../domain/event.ts";
import { nameHash } from "../domain/hash.ts";
import { type ChannelIndex, type DecisionId, isAnonymous, type PartitionIndex } from "../domain/ids.ts";
import { type Instant, NEVER, plus } from "../domain/time.ts";
import { AWAITING_MAX, TRIGGER_FRESH_MS } from "../profile/bounds.ts";
import type { HeldMessage } from "../profile/state.ts";
import { RULE_TRUE } from "../rulebook/rulebook.ts";
import type { Campaign, Trigger } from "../rulebook/triggers.ts";
import type { Book } from "./book-shelf.ts";
import { type FeatureValue, featureByDefinition } from "./feature-by-definition.ts";
import { seenUnder } from "./kept-events.ts";
import { attributeValues, type Known } from "./known.ts";
import { type PatternTold, settled, tellPattern } from "./known-pattern.ts";
import { type Asked, noteWritten, type Telling } from "./telling.ts";

export const CAMPAIGN = "$campaign";
const NO_MODELS = new Float64Array(0);

/** `at`: the time of which features are read. */
export interface Moment {
  readonly telling: Telling;
  readonly known: Known;
  readonly features: () => readonly FeatureValue[];
}

interface Cause {
  readonly source: string;
  readonly event: string;
  readonly at: Instant;
  readonly context: Props;
}

interface More {
  readonly channel?: ChannelIndex;
  readonly held?: Pick<HeldMessage, "until" | "dropAfter">;
}

export function momentOf(telling: Telling, known: Known, at: Instant): Moment {
  let row: readonly FeatureValue[] | undefined;
  const features = (): readonly FeatureValue[] => {
    row ??= featureRow(known, telling.book, at);
    return row;
  };
  return { telling, known, features };
}

/** By FeatureIndex. */
export function featureRow(known: Known, book: Book, now: number): readonly FeatureValue[] {
  const { features } = book.rulebook;
  const kept = seenUnder(known.kept, book, now);
  return features.map((spec) => featureByDefinition(kept, spec, features, now));
}

/** False where `when` does not hold. What is asked while the customer is joining waits (IDN-7). */
export function ask(moment: Moment, asker: Trigger | Campaign, cause: Cause, { channel, held }: More = {}): boolean {
  const { telling, known } = moment;
  const holds = holdsAt(moment, asker, cause.context);
  if (holds === false) return false;
  const names = [asker.id, known.key, cause.source, cause.event];
  const again = held === undefined ? [] : ["held", String(held.until)];
  telling.brought.asks.push({
    decision: decisionNamed(telling.index, "trigger", ...names, ...again),
    trigger: asker.id,
    key: known.key,
    source: cause.source,
    event: cause.event,
    at: cause.at,
    context: cause.context,
    placement: asker.placement,
    channel,
    dropAfter: held?.dropAfter ?? (asker.holdForMs > 0 ? plus(cause.at, asker.holdForMs) : undefined),
    heldUntil: held?.until,
    features: moment.features(),
    isUnsure: holds === undefined,
  });
  return true;
}

/** Undefined where it cannot be told: a feature is read that cannot be told, and it makes a difference to be missing. */
function holdsAt(
  { telling, known, features }: Moment,
  { when }: Trigger | Campaign,
  context: Props,
): boolean | undefined {
  if (when === undefined) return true;
  const { rulebook } = telling.book;
  const row = features();
  const scope = {
    features: Float64Array.from(row, (value) => value ?? Number.NaN),
    attributes: attributeValues(known, rulebook),
    context,
    models: NO_MODELS,
    openCases: known.openCases.length,
    anonymous: isAnonymous(known.key),
  };
  const isHidden = rulebook.features.some(
    ({ name }, index) => row[index] === undefined && rulebook.rules[when]?.reads.includes(`features.${name}`),
  );
  return isHidden ? undefined : rulebook.evaluateRule(when, scope) === RULE_TRUE;
}

/** A decision id: the partition in two bytes, then 14 of a sha256 over the parts, each behind its length. */
function decisionNamed(partition: PartitionIndex, ...parts: readonly string[]): DecisionId {
  const text = parts.map((part) => `${part.length}:${part}`).join("");
  const hash = createHash("sha256").update(text).digest().subarray(0, 14);
  return Buffer.concat([Buffer.from([partition >> 8, partition & 255]), hash]).toString("base64url") as DecisionId;
}

/** PTN-7: an event older than an hour when it comes in asks for nothing by itself. */
function isFresh({ ts }: CustomerEvent, arrivedAt: Instant): boolean {
  return arrivedAt - ts <= TRIGGER_FRESH_MS;
}

/** Triggers that wait for this event, and patterns that it completes. `isOwn`: an engine reports it. */
export function askForEvent(
  telling: Telling,
  known: Known,
  event: CustomerEvent,
  arrivedAt: Instant,
  isOwn: boolean,
): void {
  const moment = momentOf(telling, known, Math.max(arrivedAt, event.ts) as Instant);
  const { source, id, ts, props } = event;
  const { triggers } = telling.book.rulebook;
  for (const trigger of isFresh(event, arrivedAt) ? triggers : []) {
    if (trigger.on.includes(event.type)) ask(moment, trigger, { source, event: id, at: ts, context: props });
  }
  if (isOwn) return;
  for (const trigger of triggers) {
    if (trigger.pattern === undefined) continue;
    const before = known.patterns.get(trigger.keptAs);
    const told = tellPattern(trigger.pattern, before, event, arrivedAt);
    if (told !== undefined) takePattern(moment, trigger, told, props);
  }
}

/** RED-1: somebody turned down an item of a placement. */
export function askForRejection(
  telling: Telling,
  known: Known,
  event: CustomerEvent,
  contact: Contact,
  arrivedAt: Instant,
): void {
  if (!isFresh(event, arrivedAt)) return;
  const { triggers, placements, channels } = telling.book.rulebook;
  const { outcome } = event.props as unknown as OutcomeReport;
  const channel = channels.find(({ hash }) => hash === contact.channel)?.index;
  for (const trigger of triggers) {
    const placement = placements[trigger.placement];
    if (channel === undefined || placement?.hash !== contact.placement) continue;
    if (!trigger.outcomes.includes(outcome) || !placement.channels.includes(channel)) continue;
    const moment = momentOf(telling, known, Math.max(arrivedAt, event.ts) as Instant);
    const cause = { source: event.source, event: event.id, at: event.ts, context: event.props };
    ask(moment, trigger, cause, { channel });
  }
}

/** Whatever patterns are complete by `at`; those that no rulebook trigger has any more are forgotten. */
export function askForPatterns(moment: Moment, at: Instant): void {
  const { telling, known } = moment;
  for (const [name, before] of [...known.patterns]) {
    const trigger = telling.book.rulebook.triggers.find(
      ({ keptAs, pattern }) => keptAs === name && pattern !== undefined,
    );
    if (trigger?.pattern !== undefined) {
      takePattern(moment, trigger, settled(trigger.pattern, before, at), {});
      continue;
    }
    known.patterns.delete(name);
    noteWritten(telling, known, true);
  }
}

function takePattern({ telling, known, features }: Moment, trigger: Trigger, told: PatternTold, context: Props): void {
  const before = known.patterns.get(trigger.keptAs);
  const { after, fired } = told;
  if (after === undefined) known.patterns.delete(trigger.keptAs);
  else known.patterns.set(trigger.keptAs, after);
  if (!isSame(before, after)) noteWritten(telling, known, true);
  for (const cause of fired) ask({ telling, known, features }, trigger, { ...cause, context });
}

function isSame(before: PatternTold["after"], after: PatternTold["after"]): boolean {
  if (before === undefined || after === undefined) return before === after;
  const isEqual =
    before.marks.length === after.marks.length && before.marks.every((mark, nth) => mark === after.marks[nth]);
  return isEqual && before.floor === after.floor && before.due === after.due;
}

/** Messages that waited: for the end of quiet hours, or until a join was through. */
export function askForHeld(moment: Moment, message: HeldMessage, held: More["held"]): void {
  const { triggers, campaigns } = moment.telling.book.rulebook;
  const askers: readonly (Trigger | Campaign)[] = message.source === CAMPAIGN ? campaigns : triggers;
  const asker = askers.find(({ hash }) => hash === message.trigger);
  if (asker !== undefined) ask(moment, asker, message, held === undefined ? {} : { held });
}

/** What one entry asked for waits where its customer is joining; an answer to a rejection is over with the moment. */
export function awaitJoin(telling: Telling, from: number): void {
  for (const asked of telling.brought.asks.splice(from)) {
    const known = telling.known.get(asked.key) as Known;
    if (known.joining === 0) telling.brought.asks.push(asked);
    else if (asked.channel === undefined) {
      known.awaiting = [...known.awaiting, awaitingMessage(asked)].slice(-AWAITING_MAX);
      noteWritten(telling, known, true);
    }
  }
}

function awaitingMessage({ trigger, source, event, at, heldUntil, dropAfter, context }: Asked): HeldMessage {
  return {
    trigger: nameHash(source === CAMPAIGN ? "campaign" : "trigger", trigger),
    source,
    event,
    at,
    until: heldUntil ?? NEVER,
    dropAfter: dropAfter ?? NEVER,
    context,
  };
}
