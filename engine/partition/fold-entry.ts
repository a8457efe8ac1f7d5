// The fold of one entry of an input log into a partition: the same code folds live entries and folds them again after a
// crash, so it reads no clock and asks nobody. What it brings about is collected in the draft of the next commit.

import type { CustomerEvent, LogEntry, OutcomeReport } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, RulebookHash } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { eventJson } from "../ingest/encode-event.ts";
import { eventHash } from "../ingest/seen-window.ts";
import { attributeFault } from "../profile/layout.ts";
import { applyDelivered, applyOutcome } from "../profile/outcome.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import { changeContact } from "./change-contacts.ts";
import { answerRejection, findTriggers } from "./find-triggers.ts";
import { foldAgain } from "./fold-again.ts";
import { foldCampaign } from "./fold-campaign.ts";
import { eraseMerge, foldErase, foldErased, isTooLate } from "./fold-erase.ts";
import { foldTimer } from "./fold-timer.ts";
import {
  awaitJoin,
  foldMerge,
  foldSeal,
  forwardDelivered,
  forwardEvent,
  isSealed,
  type JoinContext,
  startJoining,
} from "./identity.ts";
import { type Partition, touch } from "./partition.ts";
import { type Isolated, isolate } from "./poison.ts";
import { noteUndelivered } from "./undelivered.ts";
import { withdrawRefused, withdrawSuppressed } from "./withdraw-suppressed.ts";

export interface FoldContext extends JoinContext {
  /** Of the duplicate hash: chosen once for a Redis. */
  readonly seed: number;
  /** Compiled before the fold reaches the entry that activates it. */
  readonly rulebooks: (hash: RulebookHash) => ActiveRulebook | undefined;
  /** Of the commit that the entry will be part of. */
  readonly seq: CommitSeq;
  /** During recovery: whom this commit has erased; left out: it is found out now. */
  readonly forgot?: ReadonlySet<CustomerKey>;
  /** During recovery: the stored profile has this entry already. */
  readonly isReflected: (key: CustomerKey) => boolean;
  /** Why this entry is not folded; undefined: it is. */
  readonly isolated: (entry: LogEntry) => Isolated | undefined;
}

const hash = new Uint32Array(4);

/** Timers, turns of campaigns, delivery notes, joins and activations are `internal`: written by engines, not by producers. */
export type EntryResult = "folded" | "duplicate" | "dead" | "internal";

export function foldEntry(partition: Partition, entry: LogEntry, context: FoldContext): EntryResult {
  const { triggered } = partition.draft;
  const before = triggered.length;
  const result = fold(partition, entry, context);
  if (triggered.length > before) awaitJoin(partition, before);
  partition.counts[result]++;
  return result;
}

function fold(partition: Partition, entry: LogEntry, context: FoldContext): EntryResult {
  partition.position = entry.position;
  partition.ordinal++;
  const left = context.isolated(entry);
  if (left !== undefined) {
    isolate(partition, entry, left);
    return "dead";
  }
  switch (entry.kind) {
    case "event": {
      const result = foldEvent(partition, entry, entry.event, context);
      return entry.isForwarded === true && result === "folded" ? "internal" : result;
    }
    case "timer":
      if (context.isReflected(entry.key) || isTooLate(partition, entry)) return "internal";
      if (isSealed(partition, entry.key)) {
        partition.draft.fired.add(entry.key); // disarmed: what it was armed for is the customer's
        return "internal";
      }
      // Redis' clock may be behind the engine's that found the timer due.
      foldTimer(partition, entry.key, entry.due, Math.max(entry.arrivedAt, entry.due) as Instant, entry.position);
      return "internal";
    case "campaign":
      if (context.isReflected(entry.key)) return "internal";
      partition.draft.turns.push({ campaign: entry.campaign, turn: foldCampaign(partition, entry) });
      return "internal";
    case "again":
      foldAgain(partition, entry, context.seed, context.isReflected(entry.key));
      return "internal";
    case "delivered":
      if (context.isReflected(entry.key) || forwardDelivered(partition, entry, context)) return "internal";
      changeContact(partition, entry.key, entry.trackingCode, (contact) => applyDelivered(contact, entry.arrivedAt));
      return "internal";
    case "seal":
      if (!context.isReflected(entry.anonymous)) foldSeal(partition, entry, context);
      return "internal";
    case "merge":
      return merge(partition, entry, context);
    case "erase":
      foldErase(partition, entry, context);
      return "internal";
    case "erased":
      return foldErased(partition, entry);
    case "activation":
      return activate(partition, entry, context.rulebooks(entry.rulebook));
    case "dead":
      partition.draft.dead.push({ ...entry, bytes: Buffer.from(entry.bytes) });
      return "dead";
  }
}

function merge(partition: Partition, entry: Extract<LogEntry, { kind: "merge" }>, context: FoldContext): EntryResult {
  if (!context.isReflected(entry.key) && partition.store.state(entry.key).joining === 0) {
    eraseMerge(partition, entry, context);
    return "internal";
  }
  const fault = context.isReflected(entry.key) ? undefined : foldMerge(partition, entry);
  if (fault !== undefined) {
    const bytes = Buffer.from(entry.packed ?? []);
    partition.draft.dead.push({ position: entry.position, reason: "invalid", detail: fault, source: "$merge", bytes });
  }
  return "internal";
}

function activate(
  partition: Partition,
  entry: Extract<LogEntry, { kind: "activation" }>,
  active: ActiveRulebook | undefined,
): EntryResult {
  if (active === undefined || active.isVariant) {
    const why = active === undefined ? "Redis holds no rulebook" : "only arms of an experiment decide by variant";
    const detail = `${why} ${entry.rulebook}: activate one by POST /v1/rulebook:reload`;
    const bytes = Buffer.from(JSON.stringify({ hash: entry.rulebook, by: entry.by }));
    partition.draft.dead.push({ position: entry.position, reason: "invalid", detail, source: "$activate", bytes });
    return "dead";
  }
  partition.active = active;
  partition.store.activate(active.layout);
  partition.draft.urgent = true;
  return "internal";
}

/** Dead letters name nothing that was sent. */
const unnamed = (): string => "unknown attribute";

function foldEvent(partition: Partition, entry: LogEntry, event: CustomerEvent, context: FoldContext): EntryResult {
  const { active, store } = partition;
  const fault = event.type === "profile_update" ? attributeFault(active.layout, event.props, unnamed) : undefined;
  if (fault !== undefined) {
    const { position } = entry;
    const bytes = eventJson(event);
    partition.draft.dead.push({ position, reason: "attribute-type", detail: fault, source: event.source, bytes });
    return "dead";
  }
  // Only now: what was refused may come again under the same id, when what was wrong is mended.
  eventHash(event.key, event.source, event.id, context.seed, hash);
  if (partition.seen.check(hash[0] as number, hash[1] as number)) {
    return "duplicate";
  }
  if (context.isReflected(event.key) || forwardEvent(partition, event, entry, context)) return "folded";
  if (isTooLate(partition, entry)) return "folded";
  startJoining(partition, event, context);
  store.fold(event.key, event, entry.arrivedAt);
  touch(partition, event.key);
  if (event.type === "outcome") {
    const report = event.props as unknown as OutcomeReport; // checked where the event was decoded
    // The reporter's own time, so that a report sent again is known as the old one; but never later than it came in.
    const at = Math.min(event.ts, entry.arrivedAt) as Instant;
    const changed = changeContact(partition, event.key, report.trackingCode, (contact) =>
      applyOutcome(contact, report, at),
    );
    if (changed !== undefined) {
      answerRejection(partition, event, changed, entry);
      noteUndelivered(partition, event, changed, entry);
    }
  } else if (event.type === "case_opened") {
    withdrawSuppressed(partition, event, entry.arrivedAt);
  } else if (event.type === "consent_update") {
    withdrawRefused(partition, event, entry.arrivedAt);
  }
  findTriggers(partition, event, entry);
  return "folded";
}
