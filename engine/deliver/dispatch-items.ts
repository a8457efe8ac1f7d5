// What a commit has for the gateways: outbound items of channels of kind `stream`.
import type { CommitSeq, CustomerKey, TrackingCode } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";

export interface DispatchItem {
  readonly channel: string;
  /** `<seq>-<ordinal>`: ascending within a partition, the same whenever the commit is read again. */
  readonly id: string;
  readonly key: CustomerKey;
  readonly trackingCode: TrackingCode;
  /** JSON of the field `d`. */
  readonly message: string;
}

export interface DispatchCommit {
  readonly seq: CommitSeq;
  readonly items: readonly DispatchItem[];
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
      if (item.kept || !isStream(rulebook, item.channel)) continue;
      const { trackingCode, channel, action, treatment, content, reasons, expiresAt } = item;
      const message = JSON.stringify({
        decisionId: record.id,
        trackingCode,
        customer: record.key,
        channel,
        action,
        treatment,
        content,
        reasons,
        expiresAt,
        decidedAt: record.now,
      });
      items.push({ channel, id, key: record.key, trackingCode, message });
    }
  }
  return { seq: committed.seq, items };
}

function isStream(rulebook: Rulebook, name: string): boolean {
  return rulebook.channels.find((channel) => channel.name === name)?.kind === "stream";
}
