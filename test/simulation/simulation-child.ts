// A thread of `npm run simulate`: runs its share of the seeds and posts what they came to.
import { parentPort, workerData } from "node:worker_threads";
import { BROKEN } from "./broken.ts";
import { runSeed } from "./run-seed.ts";
import { simulatedRules } from "./simulated-rules.ts";
import { count, newTally } from "./tally.ts";

export interface Share {
  readonly from: number;
  readonly to: number;
  readonly step: number;
  /** A name of BROKEN. */
  readonly broken: string | undefined;
  /** So many lines of each failed run's trace are posted. */
  readonly notes: number;
}

const { from, to, step, broken, notes } = workerData as Share;
const build = broken === undefined ? undefined : BROKEN[broken]?.();
const local = await simulatedRules();
const tally = newTally();
for (let seed = from; seed < to; seed += step) {
  const run = await runSeed(seed, { local, ...(build === undefined ? {} : { broken: build }) });
  count(tally, run);
  if (run.violations.length > 0) {
    parentPort?.postMessage({
      kind: "failed",
      seed,
      violations: run.violations,
      notes: notes === 0 ? [] : run.notes.slice(-notes),
    });
  }
  if (tally.seeds % 100 === 0) parentPort?.postMessage({ kind: "progress", seeds: 100 });
}
parentPort?.postMessage({ kind: "done", tally });
