// What was left open when a partition was lost, and is settled when it is taken again, here or elsewhere.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, PartitionIndex } from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import type { LoopState } from "./decision-loop.ts";
import { findDecision } from "./find-decision.ts";
import { appendNotDelivered } from "./not-delivered.ts";
import type { Partition } from "./partition.ts";
import { publish } from "./publish.ts";

/** More commits than these were not missed but made elsewhere, for whoever listens there. */
const MISSED_COMMITS_MAX = 1_000;

/** What was committed of this partition since the listeners here were told of a commit of it last. */
export async function publishMissed(state: LoopState, journal: Journal, partition: Partition): Promise<void> {
  const { index, seq: found } = partition;
  const told = state.published.get(index) ?? found;
  if (told > found) {
    state.options.log.error("redis has lost commits that it had acknowledged: what they decided may be decided again", {
      partition: index,
      acknowledged: told,
      found,
    });
  }
  const page = told >= found ? [] : await journal.commits(index, (told + 1) as CommitSeq, MISSED_COMMITS_MAX + 1);
  for (const { seq, payload } of page.length > MISSED_COMMITS_MAX ? [] : page) {
    const { decisions, withdrawals, forgot = [] } = decodeCommit(payload);
    publish(state, { partition: index, seq, decisions, withdrawals, forgot });
  }
  state.published.set(index, found); // after them: what is at or below it is told to nobody
}

/**
 * Whoever still waits for a decision of these partitions whose commit was in doubt gets it, or is told to ask again. To be
 * called when that commit cannot happen any more: somebody has taken the partition since.
 */
export async function settleOrphans(
  state: LoopState,
  journal: Journal,
  isTaken: (partition: PartitionIndex) => boolean,
): Promise<void> {
  const { orphans, unreleased } = state;
  for (const record of [...unreleased]) {
    await appendNotDelivered(journal, record);
    const at = unreleased.indexOf(record);
    if (at >= 0) unreleased.splice(at, 1);
  }
  const mine = orphans.filter(({ partition }) => isTaken(partition));
  for (const waiting of mine) {
    // One leaves the list when it is settled: where this fails, the rest waits for the next time.
    if (!orphans.includes(waiting)) continue;
    const found = waiting.isSettled() ? undefined : await findDecision(journal, waiting.partition, waiting.id);
    if (found === undefined) {
      waiting.settle({ kind: "unavailable", why: "the decision could not be committed", retryAfterMs: 100 });
    } else if (waiting.isAwaited()) {
      waiting.settle({ kind: "decided", ...found });
    } else {
      await release(state, journal, found.record);
      waiting.settle({ kind: "fallback", why: "deadline" });
    }
    const at = orphans.indexOf(waiting);
    if (at >= 0) orphans.splice(at, 1);
  }
}

/** Nobody waited for this decision any more: what it reserved is given back, if need be later. */
export async function release(state: LoopState, journal: Journal, record: DecisionRecord): Promise<void> {
  try {
    await appendNotDelivered(journal, record);
  } catch (error) {
    state.unreleased.push(record);
    throw error;
  }
}
