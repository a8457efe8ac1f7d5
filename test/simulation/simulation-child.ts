// A thread that runs seeds: each share that it is sent, one seed after the other, posting what each came to.
import { parentPort } from "node:worker_threads";
import { BROKEN } from "./broken.ts";
import { type Run, runSeed } from "./run-seed.ts";
import { simulatedRules } from "./simulated-rules.ts";

export interface Share {
  readonly seeds: readonly number[];
  /** A name of BROKEN. */
  readonly broken?: string;
  /** Nothing is run after the first seed that fails. */
  readonly isForOne?: boolean;
  /** As RunOptions has it. */
  readonly isShort?: boolean;
}

export type Posted = { readonly kind: "run"; readonly run: Run } | { readonly kind: "done" };

const local = await simulatedRules();

async function runShare({ seeds, broken, isForOne, isShort = false }: Share): Promise<void> {
  const build = broken === undefined ? undefined : BROKEN[broken]?.();
  for (const seed of seeds) {
    const run = await runSeed(seed, { local, isShort, ...(build === undefined ? {} : { broken: build }) });
    post({ kind: "run", run });
    if (isForOne === true && run.violations.length > 0) break;
  }
  post({ kind: "done" });
}

function post(message: Posted): void {
  parentPort?.postMessage(message);
}

// One share at a time: two runs would meet in the same globals. What is thrown ends the thread, and is told as its error.
let before = Promise.resolve();
parentPort?.on("message", (share: Share) => {
  before = before.then(() => runShare(share));
});
