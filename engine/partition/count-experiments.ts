// Reads every journal and input log of a Redis, changing nothing, and counts what became of the arms of experiments.

import type { OutcomeReport } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position } from "../domain/ids.ts";
import { positionMs } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeCommit } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import { type ArmTally, addCounts, createArmTally, type ExperimentCounts } from "../learn/arm-tally.ts";

const PAGE = 1_000;

/** By experiment; the holdout is one of them, of the name HOLDOUT. Rejects where a journal has a gap. */
export async function countExperiments(
  journal: Pick<Journal, "commits" | "entries">,
  partitions: number,
  isHeldOut: (key: CustomerKey) => boolean | undefined,
): Promise<ReadonlyMap<string, ExperimentCounts>> {
  const sum = new Map<string, ExperimentCounts>();
  for (let index = 0; index < partitions; index++) {
    const tally = createArmTally(isHeldOut);
    await readDecisions(journal, index as PartitionIndex, tally);
    await readOutcomes(journal, index as PartitionIndex, partitions, tally);
    addCounts(sum, tally.counts());
  }
  return sum;
}

async function readDecisions(
  journal: Pick<Journal, "commits">,
  partition: PartitionIndex,
  tally: ArmTally,
): Promise<void> {
  for (let next = 1; ; ) {
    const page = await journal.commits(partition, next as CommitSeq, PAGE);
    for (const { seq, payload } of page) {
      if (seq !== next) throw new Error(`partition ${partition}: commit ${next} is missing from the journal`);
      for (const record of decodeCommit(payload).decisions) tally.decision(record);
      next = seq + 1;
    }
    if (page.length < PAGE) return;
  }
}

/** As of the times that the fold gave them. */
async function readOutcomes(
  journal: Pick<Journal, "entries">,
  partition: PartitionIndex,
  partitions: number,
  tally: ArmTally,
): Promise<void> {
  let skewMs = 0;
  for (let after = "0-0" as Position; ; ) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    for (const { position, fields } of page) {
      const entry = decodeLogEntry(position, fields, { partition, partitions, skewMs });
      if (entry.movesClock) skewMs = entry.arrivedAt - positionMs(position);
      after = position;
      if (entry.kind !== "event" || entry.event.type !== "outcome") continue;
      const report = entry.event.props as unknown as OutcomeReport; // checked where the event was decoded
      tally.outcome(report, Math.min(entry.event.ts, entry.arrivedAt) as Instant);
    }
    if (page.length < PAGE) return;
  }
}
