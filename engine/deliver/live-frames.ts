// Frames are encoded once for each format, however many sockets get them.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, CustomerKey, TrackingCode } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import { pack } from "../ingest/messagepack.ts";
import type { ServerMessage, Subprotocol } from "./live-messages.ts";
import { presentCard, presentDecision } from "./present.ts";
import type { CardBody } from "./wire.ts";

export interface Frame {
  readonly seq: CommitSeq;
  /** 0-based among the frames of this commit and topic. */
  readonly ordinal: number;
  /** Channel of an NBA; undefined for what concerns every channel. */
  readonly channel: string | undefined;
  /** Of an NBA. */
  readonly trackingCode: TrackingCode | undefined;
  readonly encode: (subprotocol: Subprotocol) => string | Buffer;
}

export function encodeMessage(message: ServerMessage, subprotocol: Subprotocol): string | Buffer {
  return subprotocol === "nba.v1.json" ? JSON.stringify(message) : pack(message);
}

/**
 * What one commit means for the screens of one customer: withdrawals first, then new NBAs (what sticks is there already).
 * The last frame carries the cursor `seq`, an earlier one `seq.ordinal`: a client cut off between two of them loses nothing.
 */
export function customerFrames(committed: Committed, key: CustomerKey): readonly Frame[] {
  const topic = `customer/${key}`;
  const withdrawals = committed.withdrawals.filter((withdrawal) => withdrawal.key === key);
  const cards = committed.decisions
    .filter((record) => record.key === key)
    .flatMap((record) =>
      record.slates.flatMap((slate) =>
        slate.items.filter((item) => !item.kept).map((item) => presentCard(record, slate, item)),
      ),
    );
  const count = withdrawals.length + cards.length;
  const cursorOf = (ordinal: number): string =>
    formatCursor(committed.seq, ordinal === count - 1 ? undefined : ordinal);
  return [
    ...withdrawals.map(({ trackingCode, because }, ordinal) =>
      frame(committed.seq, ordinal, undefined, {
        op: "withdraw",
        topic,
        cursor: cursorOf(ordinal),
        trackingCode,
        because,
      }),
    ),
    ...cards.map((card, index) => {
      const ordinal = withdrawals.length + index;
      return frame(committed.seq, ordinal, card, { op: "nba", topic, cursor: cursorOf(ordinal), decision: card });
    }),
  ];
}

/** A decision in the feed of all of them. `skipped`: how many were left out before it. */
export function feedFrame(committed: Committed, record: DecisionRecord, ordinal: number, skipped: number): Frame {
  return frame(committed.seq, ordinal, undefined, {
    op: "decision",
    topic: "decisions",
    cursor: `${committed.partition}:${committed.seq}.${ordinal}`,
    decision: presentDecision(record),
    ...(skipped === 0 ? {} : { skipped }),
  });
}

/** Everyone that a commit touches. */
export function keysOf(committed: Committed): ReadonlySet<CustomerKey> {
  const keys = new Set<CustomerKey>();
  for (const withdrawal of committed.withdrawals) keys.add(withdrawal.key);
  for (const record of committed.decisions) keys.add(record.key);
  return keys;
}

/** Where a client stopped: after the frame `ordinal` of the commit, or after all of it. */
export interface Cursor {
  readonly seq: CommitSeq;
  readonly ordinal: number | undefined;
}

export function formatCursor(seq: CommitSeq, ordinal: number | undefined): string {
  return ordinal === undefined ? String(seq) : `${seq}.${ordinal}`;
}

export function parseCursor(text: string): Cursor | undefined {
  const match = /^(\d{1,16})(?:\.(\d{1,6}))?$/.exec(text);
  const seq = Number(match?.[1]);
  if (match === null || !Number.isSafeInteger(seq)) return undefined;
  return { seq: seq as CommitSeq, ordinal: match[2] === undefined ? undefined : Number(match[2]) };
}

export function isAfter(frame: Pick<Frame, "seq" | "ordinal">, cursor: Cursor): boolean {
  if (frame.seq !== cursor.seq) return frame.seq > cursor.seq;
  return cursor.ordinal !== undefined && frame.ordinal > cursor.ordinal;
}

function frame(seq: CommitSeq, ordinal: number, card: CardBody | undefined, message: ServerMessage): Frame {
  let json: string | undefined;
  let packed: Buffer | undefined;
  return {
    seq,
    ordinal,
    channel: card?.channel,
    trackingCode: card?.trackingCode as TrackingCode | undefined,
    encode: (subprotocol) => {
      if (subprotocol === "nba.v1.json") {
        json ??= JSON.stringify(message);
        return json;
      }
      packed ??= pack(message);
      return packed;
    },
  };
}
