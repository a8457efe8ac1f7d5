// What was observed of each treatment: trials (presented contacts) and positives (accepted or converted among them).
// Each partition folds its own; a decision reads the sum over the partitions of this process.
import type { BetaCounts } from "../domain/decision.ts";
import type { NameHash } from "../domain/ids.ts";
import type { Treatment } from "../rulebook/rulebook.ts";

export interface Evidence {
  readonly trials: number;
  readonly positives: number;
}

/** By hash of the treatment's name: it outlives the rulebook that named it. */
export type EvidenceByTreatment = Map<NameHash, Evidence>;

/** Sums in the order of a rulebook's treatments, kept up to date as partitions learn. */
export interface EvidenceTotals extends BetaCounts {
  readonly learn: (treatment: NameHash, trials: number, positives: number) => void;
  /** Counts anew what these partitions have learned. */
  readonly recount: (partitions: Iterable<EvidenceByTreatment>) => void;
}

/** All zero until recounted. */
export function createEvidenceTotals(treatments: readonly Treatment[]): EvidenceTotals {
  const trials = new Float64Array(treatments.length);
  const positives = new Float64Array(treatments.length);
  const indexes = new Map(treatments.map((treatment) => [treatment.hash, treatment.index]));
  const learn = (treatment: NameHash, moreTrials: number, morePositives: number): void => {
    const index = indexes.get(treatment);
    if (index === undefined) return; // a treatment of an earlier rulebook: its evidence waits in the partition
    trials[index] = (trials[index] as number) + moreTrials;
    positives[index] = (positives[index] as number) + morePositives;
  };
  const recount = (partitions: Iterable<EvidenceByTreatment>): void => {
    trials.fill(0);
    positives.fill(0);
    for (const evidence of partitions) {
      for (const [treatment, counts] of evidence) learn(treatment, counts.trials, counts.positives);
    }
  };
  return { trials, positives, learn, recount };
}

export function addEvidence(
  evidence: EvidenceByTreatment,
  treatment: NameHash,
  trials: number,
  positives: number,
): void {
  const before = evidence.get(treatment) ?? { trials: 0, positives: 0 };
  evidence.set(treatment, { trials: before.trials + trials, positives: before.positives + positives });
}
