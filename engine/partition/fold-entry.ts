// The fold of one entry of an input log into a partition: the same code folds live entries and folds them again after a
// crash, so it reads no clock and asks nobody. What it brings about is collected in the draft of the next commit.

import type { Contact } from "../domain/contact.ts";
import type { CustomerEvent, LogEntry, OutcomeReport } from "../domain/event.ts";
import { type CustomerKey, isAnonymous, positionMs, type RulebookHash, type TrackingCode } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { HOUR_MS } from "../domain/time.ts";
import { eventHash } from "../ingest/seen-window.ts";
import { attributeFault } from "../profile/layout.ts";
import { applyDelivered, applyOutcome, fireDue } from "../profile/outcome.ts";
import { RULE_TRUE } from "../rulebook/rulebook.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { type ContactChange, type Partition, touch } from "./partition.ts";

export interface FoldContext {
  /** Of the duplicate hash: chosen once for a Redis. */
  readonly seed: number;
  /** Compiled before the fold reaches the entry that activates it. */
  readonly rulebooks: (hash: RulebookHash) => ActiveRulebook | undefined;
  /** During recovery: the stored profile has this entry already. */
  readonly isReflected: (key: CustomerKey) => boolean;
}

/** An event older than this when it arrives changes the profile, but triggers nothing: its moment is over. */
const TRIGGER_FRESH_MS = HOUR_MS;

const hash = new Uint32Array(4);

/** Timers, delivery notes and activations are `internal`: written by engines, not by producers. */
export type EntryResult = "folded" | "duplicate" | "dead" | "internal";

export function foldEntry(partition: Partition, entry: LogEntry, context: FoldContext): EntryResult {
  const result = fold(partition, entry, context);
  partition.counts[result]++;
  return result;
}

function fold(partition: Partition, entry: LogEntry, context: FoldContext): EntryResult {
  partition.position = entry.position;
  partition.ordinal++;
  switch (entry.kind) {
    case "event":
      return foldEvent(partition, entry, entry.event, context);
    case "timer": {
      // Redis' clock may be behind the engine's that found the timer due.
      const at = Math.max(entry.arrivedAt, entry.due) as Instant;
      changeContacts(partition, entry.key, context, (contact) => fireDue(contact, at));
      // Armed anew or disarmed even where nothing was due any more: else the timer would fire again and again.
      if (!context.isReflected(entry.key)) partition.draft.rearm.add(entry.key);
      return "internal";
    }
    case "delivered":
      changeContact(partition, entry.key, entry.trackingCode, context, (contact) =>
        applyDelivered(contact, entry.arrivedAt),
      );
      return "internal";
    case "activation":
      return activate(partition, entry, context.rulebooks(entry.rulebook));
    case "dead":
      partition.draft.dead.push({ ...entry, bytes: Buffer.from(entry.bytes) });
      return "dead";
  }
}

function activate(
  partition: Partition,
  entry: Extract<LogEntry, { kind: "activation" }>,
  active: ActiveRulebook | undefined,
): EntryResult {
  if (active === undefined) {
    const detail = `Redis holds no rulebook ${entry.rulebook}: activate one by POST /v1/rulebook:reload`;
    const bytes = Buffer.from(JSON.stringify({ hash: entry.rulebook, by: entry.by }));
    partition.draft.dead.push({ position: entry.position, reason: "invalid", detail, source: "$activate", bytes });
    return "dead";
  }
  partition.active = active;
  partition.store.activate(active.layout);
  partition.draft.urgent = true;
  return "internal";
}

function foldEvent(partition: Partition, entry: LogEntry, event: CustomerEvent, context: FoldContext): EntryResult {
  eventHash(event.key, event.source, event.id, context.seed, hash);
  if (partition.seen.check(hash[0] as number, hash[1] as number)) {
    return "duplicate";
  }
  const { active, store } = partition;
  const fault = event.type === "profile_update" ? attributeFault(active.layout, event.props) : undefined;
  if (fault !== undefined) {
    const { position } = entry;
    const bytes = Buffer.from(JSON.stringify(event));
    partition.draft.dead.push({ position, reason: "attribute-type", detail: fault, source: event.source, bytes });
    return "dead";
  }
  if (context.isReflected(event.key)) return "folded";
  store.fold(event.key, event, entry.arrivedAt);
  touch(partition, event.key);
  if (event.type === "outcome") {
    const report = event.props as unknown as OutcomeReport; // checked where the event was decoded
    // The reporter's own time, so that a report sent again is known as the old one; but never later than it came in.
    const at = Math.min(event.ts, entry.arrivedAt) as Instant;
    changeContact(partition, event.key, report.trackingCode, context, (contact) => applyOutcome(contact, report, at));
  } else if (event.type === "contact") {
    partition.draft.rearm.add(event.key);
  }
  findTriggers(partition, active, event, entry);
  return "folded";
}

function findTriggers(
  partition: Partition,
  active: ActiveRulebook,
  event: CustomerEvent,
  { arrivedAt, position }: LogEntry,
): void {
  const triggers = active.rulebook.triggersByType.get(event.type);
  if (triggers === undefined || arrivedAt - event.ts > TRIGGER_FRESH_MS) return;
  const { store } = partition;
  const takenMs = positionMs(position);
  const features = new Float64Array(active.rulebook.features.length);
  store.features(event.key, Math.max(arrivedAt, event.ts) as Instant, features);
  const state = store.state(event.key);
  const scope = {
    features,
    attributes: state.attributes,
    context: event.props,
    models: NO_MODELS,
    openCases: state.openCases.length,
    anonymous: isAnonymous(event.key),
  };
  for (const trigger of triggers) {
    const holds = trigger.when === undefined || active.rulebook.evaluateRule(trigger.when, scope) === RULE_TRUE;
    if (holds) partition.draft.triggered.push({ trigger, event, features, takenMs });
  }
}

const NO_MODELS = new Float64Array(0);

function changeContact(
  partition: Partition,
  key: CustomerKey,
  code: TrackingCode,
  context: FoldContext,
  change: (contact: Contact) => ContactChange,
): void {
  changeContacts(partition, key, context, (contact) => (contact.trackingCode === code ? change(contact) : undefined));
}

function changeContacts(
  partition: Partition,
  key: CustomerKey,
  context: FoldContext,
  change: (contact: Contact) => ContactChange | undefined,
): void {
  if (context.isReflected(key)) return;
  const state = partition.store.state(key);
  const contacts = [...state.contacts];
  let isChanged = false;
  for (const [index, contact] of contacts.entries()) {
    const result = change(contact);
    if (result === undefined || !result.changed) continue;
    isChanged = true;
    contacts[index] = result.contact;
    const { channel, state: standing } = result.contact;
    if (standing !== contact.state) partition.draft.states.push({ channel, state: standing });
    if (result.trials !== 0 || result.positives !== 0) {
      partition.draft.learned.push({
        treatment: contact.treatment,
        trials: result.trials,
        positives: result.positives,
      });
    }
    if (result.withdraw !== undefined) {
      partition.draft.withdrawals.push({ key, trackingCode: contact.trackingCode, because: result.withdraw });
    }
  }
  if (!isChanged) return;
  partition.store.setState(key, { ...state, contacts });
  partition.draft.rearm.add(key);
  touch(partition, key);
}
