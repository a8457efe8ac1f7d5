import type { DecisionRecord } from "../domain/decision.ts";
import type { CommitSeq, DecisionId, PartitionIndex } from "../domain/ids.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";

/** Reads a decision back from the journal; undefined where there is none of this id, or not any more. */
export async function findDecision(
  journal: Journal,
  partition: PartitionIndex,
  id: DecisionId,
): Promise<{ readonly record: DecisionRecord; readonly seq: CommitSeq } | undefined> {
  const found = await journal.findDecision(partition, id);
  if (found === undefined) return undefined;
  const [page] = await journal.commits(partition, found.seq, 1);
  // Let go by retention between the two reads? Its place in the index goes with it.
  if (page?.seq !== found.seq && (await journal.findDecision(partition, id)) === undefined) return undefined;
  const record = page && decodeCommit(page.payload).decisions.find((decision) => decision.id === id);
  if (record === undefined) {
    throw new Error(`partition ${partition}: commit ${found.seq} should hold decision ${id}, and does not`);
  }
  return { record, seq: found.seq };
}
