// The oldest commits of a journal that nobody needs any more.
import type { CommitSeq, DecisionId, PartitionIndex } from "../domain/ids.ts";
import { positionMs } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { type CommitRecord, decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";

export interface OverWanted {
  readonly partition: PartitionIndex;
  /** The last one that may go. */
  readonly last: CommitSeq;
  /** Time of the partition, by which items expire. */
  readonly now: Instant;
  /** What was committed before this, ms since 1970, has been kept long enough. */
  readonly olderThanMs: number;
  /** Where bytes are too many what was committed before this may go as well. */
  readonly youngestMs: number;
  readonly excessBytes: number;
}

export interface OverCommits {
  readonly commits: readonly { readonly seq: CommitSeq; readonly payload: Buffer }[];
  readonly decisions: readonly DecisionId[];
  /** The first commit to keep. */
  readonly keepFrom: CommitSeq;
  /** When the oldest one was made; with it how much longer than wanted it is kept, where it is. */
  readonly oldestMs: number;
  readonly lateMs: number;
}

const COMMITS_PER_READ = 8;
const BYTES_MAX = 4 * 2 ** 20;
/** Decoded at one go: an ask must not wait for more. */
const BYTES_AT_ONCE = 2 ** 17;

export async function readOverCommits(journal: Pick<Journal, "commits">, wanted: OverWanted): Promise<OverCommits> {
  const commits: { seq: CommitSeq; payload: Buffer }[] = [];
  const decisions: DecisionId[] = [];
  let bytes = 0;
  let oldestMs = Number.POSITIVE_INFINITY;
  let lateMs = 0;
  let atOnce = 0;
  let from = 1 as CommitSeq;
  // One at first: mostly there is nothing to do.
  reading: for (let count = 1; bytes < BYTES_MAX; count = COMMITS_PER_READ) {
    const page = await journal.commits(wanted.partition, from, count);
    for (const { seq, payload } of page) {
      atOnce += payload.length;
      if (atOnce > BYTES_AT_ONCE) {
        await new Promise((resolve) => setTimeout(resolve, 0));
        atOnce = payload.length;
      }
      const commit = read(seq, payload);
      oldestMs = Math.min(oldestMs, committedMs(commit));
      if (!isOver(commit, seq, wanted, bytes)) {
        lateMs = commits.length > 0 ? 0 : Math.max(0, wanted.olderThanMs - committedMs(commit));
        break reading;
      }
      commits.push({ seq, payload });
      decisions.push(...commit.decisions.map(({ id }) => id));
      bytes += payload.length;
      from = (seq + 1) as CommitSeq;
    }
    if (page.length < count) break;
  }
  return { commits, decisions, keepFrom: from, oldestMs, lateMs };
}

/** Of what cannot be read the decoder's message would tell, in the log, whom it is about. */
function read(seq: CommitSeq, payload: Buffer): CommitRecord {
  try {
    return decodeCommit(payload);
  } catch (error) {
    throw new Error(`commit ${seq} of the journal cannot be read`, { cause: error });
  }
}

function isOver(commit: CommitRecord, seq: CommitSeq, wanted: OverWanted, bytesSoFar: number): boolean {
  if (seq > wanted.last) return false;
  const at = committedMs(commit);
  const isOld = at < wanted.olderThanMs || (bytesSoFar < wanted.excessBytes && at < wanted.youngestMs);
  return isOld && commit.decisions.every(({ contacts }) => contacts.every(({ respondBy }) => respondBy < wanted.now));
}

/** About when it was made: a replay drives `now` back, and asks alone leave the position where it was. */
function committedMs({ now, position }: CommitRecord): number {
  return Math.max(now, positionMs(position));
}
