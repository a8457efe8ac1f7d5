// Turns what a step brought about into one commit: decisions, withdrawals, timers, dead letters, and the profiles whose
// turn it is to be written back, as they are right after this very commit.
import type { CommitSeq, CustomerKey, NameHash } from "../domain/ids.ts";
import { type Base, encodeBase } from "../journal/base.ts";
import { type CommitRecord, encodeCommit } from "../journal/commit-record.ts";
import type { CommitDraft } from "../journal/journal.ts";
import { addEvidence } from "../learn/evidence.ts";
import { armTimers, armWritten, registerNew } from "./arm-timers.ts";
import { countDecisions } from "./campaign-counts.ts";
import { type Draft, emptyDraft, type Partition } from "./partition.ts";
import { outboxOf } from "./relay.ts";

export interface WriteBack {
  /** A profile is written at the latest this many entries after it was changed. */
  readonly entriesMax: number;
  /** Where it was changed at this ordinal or before, it is written too, and a checkpoint that knows of it. */
  readonly agedOrdinal: number;
  /** Of those no more in a commit: there is no hurry. */
  readonly agedMax: number;
  readonly profilesMax: number;
  /** Write as many as fit, due or not. */
  readonly flush: boolean;
}

export type Learn = (treatment: NameHash, trials: number, positives: number) => void;

export interface ClosedDraft {
  readonly partition: Partition;
  readonly commit: CommitDraft;
  readonly draft: Draft;
}

/** `learn` is told what the totals over all partitions have to take in; `encode` is another where no journal is kept. */
export function closeDraft(
  partition: Partition,
  writeBack: WriteBack,
  learn: Learn,
  encode: (record: CommitRecord) => Buffer = encodeCommit,
): ClosedDraft {
  const { draft, store } = partition;
  const previous = partition.seq;
  const seq = nextSeq(partition);
  partition.seq = seq;
  for (const { treatment, trials, positives } of draft.learned) {
    addEvidence(partition.evidence, treatment, trials, positives);
    learn(treatment, trials, positives);
  }
  countDecisions(partition.campaigns, draft.decisions);
  armTimers(partition);
  registerNew(partition);
  partition.outbox.push(...outboxOf(seq, draft.relays));
  const keys = profilesToWrite(partition, writeBack);
  const profiles = keys.map((key) => {
    partition.dirty.delete(key);
    store.setReflects(key, seq);
    armWritten(partition, key);
    // Of Node's pool: memory of its own for each of so many small profiles costs more than what is copied to it.
    const bytes = Buffer.allocUnsafe(store.packedBytes(key));
    store.packTo(key, bytes);
    return { key, bytes };
  });
  const base = takeBase(partition, writeBack);
  const commit: CommitDraft = {
    partition: partition.index,
    previous,
    seq,
    position: partition.position,
    payload: encode({
      position: partition.position,
      now: partition.lastNow,
      decisions: draft.decisions,
      withdrawals: draft.withdrawals,
      learned: draft.learned,
      granted: [...draft.granted].map(([line, granted]) => ({ line, granted })),
      relays: draft.relays,
      ...(seq === previous + 1 ? {} : { after: previous }),
      isolated: draft.isolated,
      forgot: [...draft.forgotten],
    }),
    decisions: draft.decisions.map(({ id, key, contacts }) => ({ id, key, items: contacts.length })),
    armed: [...draft.armed].map(([key, due]) => ({ key, due })),
    dead: draft.dead,
    profiles,
    forgotten: [...draft.forgotten],
    base: base === undefined ? undefined : encodeBase(base.base),
    seen: base === undefined ? [] : base.seen,
  };
  partition.draft = emptyDraft();
  return { partition, commit, draft };
}

/** The first commit of an owner has the number of its epoch, the others follow by one. */
export function nextSeq({ seq, epoch }: Pick<Partition, "seq" | "epoch">): CommitSeq {
  return Math.max(seq + 1, epoch) as CommitSeq;
}

/** Is it time to commit for the sake of recovery alone? */
export function isWriteBackDue(partition: Partition, writeBack: WriteBack): boolean {
  const oldest = partition.dirty.values().next();
  if (writeBack.flush) {
    return !oldest.done || partition.ordinal > partition.storedBase.ordinal;
  }
  const behind = partition.ordinal - (oldest.done ? partition.storedBase.ordinal : oldest.value);
  const isAged = partition.storedBase.ordinal < writeBack.agedOrdinal;
  return behind > writeBack.entriesMax || isAged || (!oldest.done && oldest.value <= writeBack.agedOrdinal);
}

function profilesToWrite(partition: Partition, writeBack: WriteBack): CustomerKey[] {
  const { entriesMax, agedOrdinal, agedMax, profilesMax, flush } = writeBack;
  // From half of the bound on, so that a burst of profiles coming due together is spread over several commits; but what
  // is beyond the bound must go, however many there are, or a stream of ever new customers would be ahead for ever.
  const dueBefore = flush ? Number.POSITIVE_INFINITY : partition.ordinal - entriesMax / 2;
  // A checkpoint that was taken to know of what is aged waits for all that had changed by then.
  const { pendingBase, storedBase } = partition;
  const agedBefore = storedBase.ordinal < agedOrdinal ? Math.max(agedOrdinal, pendingBase?.ordinal ?? 0) : agedOrdinal;
  const overdueBefore = partition.ordinal - entriesMax;
  const keys: CustomerKey[] = [];
  for (const [key, changedAt] of partition.dirty) {
    if (changedAt > dueBefore && (changedAt > agedBefore || keys.length >= agedMax)) break;
    if (keys.length >= profilesMax && changedAt > overdueBefore) break;
    keys.push(key);
  }
  return keys;
}

/**
 * The base that this commit stores, if every profile changed before it was taken is written by now; and takes the next.
 * A base is taken and stored at different commits: profiles may be newer than it, never older.
 */
function takeBase(partition: Partition, { entriesMax, agedOrdinal, flush }: WriteBack): Partition["pendingBase"] {
  let ready: Partition["pendingBase"];
  const pending = partition.pendingBase;
  if (pending !== undefined && isWritten(partition, pending.ordinal)) {
    ready = pending;
    partition.storedBase = { ordinal: pending.ordinal, seenHead: pending.base.seenHead };
    partition.pendingBase = undefined;
  }
  if (ready !== undefined) partition.isBaseWanted = false; // whoever wants a newer one asks again
  const { ordinal } = partition.storedBase;
  const isWorthIt = flush || ordinal < agedOrdinal || partition.ordinal - ordinal > entriesMax / 4;
  if (partition.pendingBase !== undefined || !isWorthIt) return ready;
  const next = snapshot(partition);
  if (ready === undefined && isWritten(partition, next.ordinal)) {
    partition.storedBase = { ordinal: next.ordinal, seenHead: next.base.seenHead };
    partition.isBaseWanted = false;
    return next;
  }
  partition.pendingBase = next;
  return ready;
}

function isWritten(partition: Partition, ordinal: number): boolean {
  const oldest = partition.dirty.values().next();
  return oldest.done === true || oldest.value > ordinal;
}

function snapshot(partition: Partition): NonNullable<Partition["pendingBase"]> {
  const base: Base = {
    seq: partition.seq,
    position: partition.position,
    rulebook: partition.active.hash,
    skewMs: partition.skewMs,
    lastNow: partition.lastNow,
    seenHead: partition.seen.head(),
    counts: { ...partition.counts },
    learned: [...partition.evidence].map(
      ([treatment, { trials, positives }]) => [treatment, trials, positives] as const,
    ),
    quotas: [...partition.quotas].map(([line, { granted, spent }]) => [line, granted, spent] as const),
    campaigns: [...partition.campaigns].map(([run, { asked, acted }]) => [run, asked, acted] as const),
    outbox: [...partition.outbox],
    erasing: partition.erasing.map(({ ordinal: _, ...erasing }) => erasing),
  };
  // Written by the same commit as the base: however long ago the last one was, the ring is whole as of this head.
  const seen = partition.seen
    .since(partition.storedBase.seenHead)
    .map(({ offset, bytes }) => ({ offset, bytes: Buffer.from(bytes) }));
  return { base, seen, ordinal: partition.ordinal };
}
