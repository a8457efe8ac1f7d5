// `npm run simulate -- --seeds N [--seed S] [--broken NAME] [--notes LINES] [--threads N] [--short]`: runs N seeds from S on, over
// all cores or so many threads, and says what they came to.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { BROKEN } from "./broken.ts";
import type { Run } from "./run-seed.ts";
import { startSimulationThread } from "./simulation-thread.ts";
import { count, newTally, tallyLines } from "./tally.ts";

/** How many seeds failed; throws where an option makes no sense. `say` is given whole lines. */
export async function simulateSeeds(args: readonly string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      broken: { type: "string" },
      notes: { type: "string", default: "0" },
      short: { type: "boolean", default: false },
      threads: { type: "string", default: String(availableParallelism()) },
    },
  });
  const [seeds, from, notes] = [whole("seeds", values.seeds), whole("seed", values.seed), whole("notes", values.notes)];
  if (values.broken !== undefined && BROKEN[values.broken] === undefined) {
    throw new Error(`--broken "${values.broken}" is not known: it is one of ${Object.keys(BROKEN).join(", ")}`);
  }
  const tally = newTally();
  const told = (run: Run): void => {
    count(tally, run);
    if (tally.seeds % 100 === 0) say(`${tally.seeds} of ${seeds} seeds`);
    for (const violation of run.violations.slice(0, 5)) say(`seed ${run.seed}: ${violation}`);
    if (run.violations.length > 0 && notes > 0) for (const note of run.notes.slice(-notes)) say(`  ${note}`);
  };
  const threads = Math.min(whole("threads", values.threads), seeds);
  const broken = values.broken === undefined ? {} : { broken: values.broken };
  const runShare = async (at: number): Promise<void> => {
    const thread = startSimulationThread();
    try {
      const own = Array.from({ length: Math.ceil((seeds - at) / threads) }, (_, nth) => from + at + nth * threads);
      await thread.run({ seeds: own, isShort: values.short, ...broken }, told);
    } finally {
      await thread.end();
    }
  };
  await Promise.all(Array.from({ length: threads }, (_, at) => runShare(at)));
  for (const line of tallyLines(tally)) say(line);
  return tally.failed.length;
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} "${text}" must be a whole number`);
  return Number(text);
}
