import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, DecisionId, PartitionIndex } from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";

/** Reads a decision back from the journal; undefined where there is none of this id. */
export async function findDecision(
  journal: Journal,
  partition: PartitionIndex,
  id: DecisionId,
): Promise<{ readonly record: DecisionRecord; readonly seq: CommitSeq } | undefined> {
  const found = await journal.findDecision(partition, id);
  if (found === undefined) return undefined;
  const [page] = await journal.commits(partition, found.seq, 1);
  const record = page && decodeCommit(page.payload).decisions.find((decision) => decision.id === id);
  if (record === undefined) {
    throw new Error(`partition ${partition}: commit ${found.seq} should hold decision ${id}, and does not`);
  }
  return { record, seq: found.seq };
}
