// Reads every journal and input log of a Redis, changing nothing, and counts what became of the arms of experiments.

import type { OutcomeReport } from "../domain/event.ts";
import type { CommitSeq, CustomerKey, PartitionIndex, Position } from "../domain/ids.ts";
import { parseTrackingCode, positionMs } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { decodeLogEntry } from "../ingest/log-entry.ts";
import { decodeCommit, follows } from "../journal/commit-record.ts";
import type { Journal } from "../journal/journal.ts";
import { type ArmTally, addCounts, createArmTally, type ExperimentCounts } from "../learn/arm-tally.ts";
import { partitionOfDecision } from "./questions.ts";

const PAGE = 1_000;

/** By experiment; the holdout is one of them, of the name HOLDOUT. Rejects where a journal has a gap. */
export async function countExperiments(
  journal: Pick<Journal, "commits" | "entries">,
  partitions: number,
  isHeldOut: (key: CustomerKey) => boolean | undefined,
): Promise<ReadonlyMap<string, ExperimentCounts>> {
  const sum = new Map<string, ExperimentCounts>();
  const indexes = Array.from({ length: partitions }, (_, index) => index as PartitionIndex);
  // Of contacts that were made under an anonymous key, and reported under the customer's, whose log is another.
  const strays = new Map<PartitionIndex, [report: OutcomeReport, at: Instant][]>();
  for (const index of indexes) {
    await readOutcomes(journal, index, partitions, (home, report, at) => {
      if (home === index) return;
      const known = strays.get(home) ?? [];
      strays.set(home, known);
      known.push([report, at]);
    });
  }
  for (const index of indexes) {
    const tally = createArmTally(isHeldOut);
    await readDecisions(journal, index, tally);
    await readOutcomes(journal, index, partitions, (home, report, at) => {
      if (home === index) tally.outcome(report, at);
    });
    for (const [report, at] of strays.get(index) ?? []) tally.outcome(report, at);
    addCounts(sum, tally.counts());
  }
  return sum;
}

async function readDecisions(
  journal: Pick<Journal, "commits">,
  partition: PartitionIndex,
  tally: ArmTally,
): Promise<void> {
  for (let last = 0 as CommitSeq; ; ) {
    const page = await journal.commits(partition, (last + 1) as CommitSeq, PAGE);
    for (const { seq, payload } of page) {
      const commit = decodeCommit(payload);
      if (!follows(last, seq, commit))
        throw new Error(`partition ${partition}: what came after commit ${last} is missing from the journal`);
      for (const record of commit.decisions) tally.decision(record);
      last = seq;
    }
    if (page.length < PAGE) return;
  }
}

/** As of the times that the fold gave them; `home` is the partition whose journal has the decision. What was forwarded is told once. */
async function readOutcomes(
  journal: Pick<Journal, "entries">,
  partition: PartitionIndex,
  partitions: number,
  tell: (home: PartitionIndex, report: OutcomeReport, at: Instant) => void,
): Promise<void> {
  let skewMs = 0;
  for (let after = "0-0" as Position; ; ) {
    const page = await journal.entries(partition, after, undefined, PAGE);
    for (const { position, fields } of page) {
      const entry = decodeLogEntry(position, fields, { partition, partitions, skewMs });
      if (entry.movesClock) skewMs = entry.arrivedAt - positionMs(position);
      after = position;
      if (entry.kind !== "event" || entry.event.type !== "outcome" || entry.isForwarded === true) continue;
      const report = entry.event.props as unknown as OutcomeReport; // checked where the event was decoded
      const code = parseTrackingCode(report.trackingCode);
      const home = code && partitionOfDecision(code.decision, partitions);
      if (home !== undefined) tell(home, report, Math.min(entry.event.ts, entry.arrivedAt) as Instant);
    }
    if (page.length === 0) return;
  }
}
