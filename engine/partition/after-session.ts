// What the end of a session left open, and the next one settles before it is ready.
import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq } from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import type { LoopState } from "./decision-loop.ts";
import { findDecision } from "./find-decision.ts";
import { appendNotDelivered } from "./not-delivered.ts";
import { publish } from "./publish.ts";
import type { Session } from "./session.ts";

const PAGE = 256;

/** What was committed as the last session ended, but not told any more. */
export async function publishMissed(state: LoopState, session: Session): Promise<void> {
  for (const partition of session.partitions) {
    const told = state.published.get(partition.index) ?? partition.seq;
    state.published.set(partition.index, partition.seq);
    if (told > partition.seq) {
      state.options.log.error(
        "redis has lost commits that it had acknowledged: what they decided may be decided again",
        {
          partition: partition.index,
          acknowledged: told,
          found: partition.seq,
        },
      );
    }
    for (let last = told; last < partition.seq; ) {
      const page = await session.journal.commits(partition.index, (last + 1) as CommitSeq, PAGE);
      if (page.length === 0) break;
      for (const { seq, payload } of page) {
        const { decisions, withdrawals } = decodeCommit(payload);
        publish(state, { partition: partition.index, seq, decisions, withdrawals });
        last = seq;
      }
    }
  }
}

/** Whoever still waits for a decision whose commit was in doubt gets it, or is told to ask again. */
export async function settleOrphans(state: LoopState, session: Session): Promise<void> {
  const { orphans, unreleased } = state;
  for (let record = unreleased[0]; record !== undefined; record = unreleased[0]) {
    await appendNotDelivered(session.journal, record);
    unreleased.shift();
  }
  // One leaves the list when it is settled: where this session ends, too, the rest waits for the next.
  for (let waiting = orphans[0]; waiting !== undefined; waiting = orphans[0]) {
    const found = waiting.isSettled() ? undefined : await findDecision(session.journal, waiting.partition, waiting.id);
    if (found === undefined) {
      waiting.settle({ kind: "unavailable", why: "the decision could not be committed", retryAfterMs: 100 });
    } else if (waiting.isAwaited()) {
      waiting.settle({ kind: "decided", ...found });
    } else {
      await release(state, session.journal, found.record);
      waiting.settle({ kind: "fallback", why: "deadline" });
    }
    orphans.shift();
  }
}

/** Nobody waited for this decision any more: what it reserved is given back, if need be by the next session. */
export async function release(state: LoopState, journal: Journal, record: DecisionRecord): Promise<void> {
  try {
    await appendNotDelivered(journal, record);
  } catch (error) {
    state.unreleased.push(record);
    throw error;
  }
}
