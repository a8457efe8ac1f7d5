// What a commit has for the gateways: outbound items of channels of kind `stream` and `webhook`.
import type { Contact } from "../domain/contact.ts";
import type { DecisionRecord, ItemRecord } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, TrackingCode } from "../domain/ids.ts";
import { type Instant, NEVER, plus } from "../domain/time.ts";
import type { Committed } from "../engine.ts";
import type { Channel, Rulebook } from "../rulebook/rulebook.ts";

export interface DispatchItem {
  readonly channel: Channel;
  /** `<seq>-<ordinal>`: ascending within a partition, the same whenever the commit is read again. */
  readonly id: string;
  readonly key: CustomerKey;
  readonly trackingCode: TrackingCode;
  readonly decidedAt: Instant;
  /** From then on it may not be handed over: it has expired, its place may be another's, or it is too old for its channel. */
  readonly sendBy: Instant;
  /** JSON of the field `d`. */
  readonly message: string;
}

export interface DispatchCommit {
  readonly seq: CommitSeq;
  readonly items: readonly DispatchItem[];
  /** Who was erased by it: nothing that was decided for them before is sent any more. */
  readonly forgot: readonly CustomerKey[];
}

/** Is there anything in it that a lane has to do? All but few commits of decisions that were asked for have nothing. */
export function isIdle({ items, forgot }: DispatchCommit): boolean {
  return items.length === 0 && forgot.length === 0;
}

/** An asked decision was answered to who asked; items that are kept were dispatched before. */
export function dispatchCommit(committed: Committed, rulebook: Rulebook): DispatchCommit {
  const items: DispatchItem[] = [];
  let ordinal = 0;
  for (const record of committed.decisions) {
    if (record.direction === "inbound") continue;
    for (const item of record.slates.flatMap((slate) => slate.items)) {
      // Counted whether or not it is dispatched: the id may not depend on the rulebook of the moment.
      const id = `${committed.seq}-${ordinal++}`;
      const channel = rulebook.channels.find(({ name }) => name === item.channel);
      if (item.kept || channel === undefined || !isDispatched(channel)) continue;
      items.push(dispatchItem(id, record, item, channel));
    }
  }
  return { seq: committed.seq, items, forgot: committed.forgot ?? [] };
}

export function isDispatched({ kind }: Channel): boolean {
  return kind === "stream" || kind === "webhook";
}

function dispatchItem(id: string, record: DecisionRecord, item: ItemRecord, channel: Channel): DispatchItem {
  const { trackingCode, action, treatment, content, reasons, expiresAt } = item;
  const contact = record.contacts.find((made) => made.trackingCode === trackingCode);
  const message = JSON.stringify({
    decisionId: record.id,
    trackingCode,
    customer: record.key,
    channel: channel.name,
    action,
    treatment,
    content,
    reasons,
    expiresAt,
    decidedAt: record.now,
  });
  const oldestAt = plus(record.now, channel.maxAgeMs);
  const sendBy = Math.min(expiresAt, oldestAt, reservedUntil(contact)) as Instant;
  return { channel, id, key: record.key, trackingCode, decidedAt: record.now, sendBy, message };
}

function reservedUntil(contact: Contact | undefined): Instant {
  return contact?.state === "reserved" ? contact.reservedUntil : NEVER;
}
