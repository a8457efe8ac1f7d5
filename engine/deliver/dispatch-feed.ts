// The commits of one partition, for those who dispatch them: the newest from memory, older ones from the journal. Each
// reader has a place of its own.
import type { CommitSeq, CustomerKey, PartitionIndex } from "../domain/ids.ts";
import type { Committed } from "../engine.ts";
import type { CommitRecord } from "../journal/commit-record.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { type DispatchCommit, dispatchCommit, isIdle } from "./dispatch-items.ts";
import type { Log } from "./ports.ts";

export interface FeedDeps {
  readonly rulebook: () => Rulebook;
  /** Commits with a seq above `after`, oldest first, at most `countMax`; empty where there are none. The first of an owner skips numbers. */
  readonly journalFrom: (
    partition: PartitionIndex,
    after: CommitSeq,
    countMax: number,
  ) => Promise<readonly (Committed & Pick<CommitRecord, "after">)[]>;
  readonly log: Log;
}

export interface DispatchFeed {
  /** Tells whether a lane has anything to do with it. */
  readonly onCommitted: (committed: Committed) => boolean;
  /** In order, without a gap but for what the journal has lost; empty where there is nothing yet. */
  readonly after: (seq: CommitSeq) => Promise<readonly DispatchCommit[]>;
  /** How many commits after this one are known of in which a lane has something to do. */
  readonly pending: (seq: CommitSeq) => number;
  /** No reader needs commits up to this one any more. */
  readonly forget: (upTo: CommitSeq) => void;
}

const WAITING_COMMITS_MAX = 4_096;
const BATCH_COMMITS_MAX = 256;

export function createDispatchFeed(deps: FeedDeps, partition: PartitionIndex): DispatchFeed {
  /** The newest commits of this engine, which follow by one; emptied where they are too many: the journal has them. */
  let waiting: DispatchCommit[] = [];
  let newest = 0 as CommitSeq;
  /** Where nothing waits: the journal ends here. Undefined: not known yet. */
  let endsAt: CommitSeq | undefined;

  const clear = (): void => {
    waiting = [];
    endsAt = undefined;
  };
  const fromMemory = (seq: CommitSeq): readonly DispatchCommit[] | undefined => {
    const first = waiting[0];
    if (first === undefined) return endsAt !== undefined && seq >= endsAt ? [] : undefined;
    if (first.seq > seq + 1) return undefined;
    const from = seq + 1 - first.seq;
    return waiting.slice(from, from + BATCH_COMMITS_MAX);
  };
  const lost = (): void => deps.log.error("the journal lost commits before they were dispatched", { partition });

  return {
    onCommitted: (committed) => {
      if (committed.seq <= newest) return false;
      if (committed.seq !== newest + 1 || waiting.length >= WAITING_COMMITS_MAX) clear();
      newest = committed.seq;
      const commit = dispatchCommit(committed, deps.rulebook());
      if (commit.forgot.length > 0) waiting = waiting.map((earlier) => without(earlier, commit.forgot));
      waiting.push(commit);
      return !isIdle(commit);
    },
    after: async (seq) => {
      const known = fromMemory(seq);
      if (known !== undefined) return known;
      const firstKept = waiting[0]?.seq;
      const read = await deps.journalFrom(partition, seq, BATCH_COMMITS_MAX);
      const next = read[0];
      // What comes right before it lies beyond the reader, so it was trimmed by someone else. A reader may stand between numbers.
      if (next !== undefined && (next.after ?? next.seq - 1) > seq) lost();
      if (read.length > 0) {
        const rulebook = deps.rulebook();
        return read.map((committed) => dispatchCommit(committed, rulebook));
      }
      if (firstKept === undefined) {
        if (waiting.length === 0) endsAt = seq;
        return fromMemory(seq) ?? [];
      }
      if (waiting[0]?.seq !== firstKept) return [];
      lost();
      return waiting.slice(0, BATCH_COMMITS_MAX);
    },
    pending: (seq) => {
      let count = 0;
      for (const commit of waiting) if (commit.seq > seq && !isIdle(commit)) count++;
      return count;
    },
    forget: (upTo) => {
      const left = waiting.findIndex((commit) => commit.seq > upTo);
      const gone = left < 0 ? waiting.splice(0) : waiting.splice(0, left);
      endsAt = gone.at(-1)?.seq ?? endsAt;
    },
  };
}

function without(commit: DispatchCommit, keys: readonly CustomerKey[]): DispatchCommit {
  return { ...commit, items: commit.items.filter(({ key }) => !keys.includes(key)) };
}
