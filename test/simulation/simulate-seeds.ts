// `npm run simulate -- --seeds N [--seed S] [--broken NAME] [--notes LINES]`: runs N seeds from S on, over all cores, and says
// what they came to.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { BROKEN } from "./broken.ts";
import type { Share } from "./simulation-child.ts";
import { addTally, newTally, type Tally, tallyLines } from "./tally.ts";

type Message =
  | {
      readonly kind: "failed";
      readonly seed: number;
      readonly violations: readonly string[];
      readonly notes: readonly string[];
    }
  | { readonly kind: "progress"; readonly seeds: number }
  | { readonly kind: "done"; readonly tally: Tally };

/** How many seeds failed; throws where an option makes no sense. `say` is given whole lines. */
export async function simulateSeeds(args: readonly string[], say: (line: string) => void): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seeds: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
      broken: { type: "string" },
      notes: { type: "string", default: "0" },
    },
  });
  const [seeds, from, notes] = [whole("seeds", values.seeds), whole("seed", values.seed), whole("notes", values.notes)];
  if (values.broken !== undefined && BROKEN[values.broken] === undefined) {
    throw new Error(`--broken "${values.broken}" is not known: it is one of ${Object.keys(BROKEN).join(", ")}`);
  }
  const step = Math.min(availableParallelism(), seeds);
  const tally = newTally();
  const progress = { seeds: 0 };
  const runShare = (at: number): Promise<void> =>
    runThread({ from: from + at, to: from + seeds, step, broken: values.broken, notes }, (message) => {
      switch (message.kind) {
        case "failed":
          for (const violation of message.violations.slice(0, 5)) say(`seed ${message.seed}: ${violation}`);
          for (const note of message.notes) say(`  ${note}`);
          return;
        case "progress":
          progress.seeds += message.seeds;
          say(`${progress.seeds} of ${seeds} seeds`);
          return;
        case "done":
          addTally(tally, message.tally);
      }
    });
  await Promise.all(Array.from({ length: step }, (_, at) => runShare(at)));
  for (const line of tallyLines(tally)) say(line);
  return tally.failed.length;
}

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name} "${text}" must be a whole number`);
  return Number(text);
}

function runThread(share: Share, onMessage: (message: Message) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./simulation-child.js", import.meta.url), { workerData: share });
    worker.on("message", onMessage);
    worker.once("error", reject);
    worker.once("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
  });
}
