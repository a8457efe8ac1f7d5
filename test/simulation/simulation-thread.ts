// A thread of seeds, from outside. It runs what was compiled: as tests load the sources, each seed would take three times as long.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import type { Run } from "./run-seed.ts";
import type { Posted, Share } from "./simulation-child.ts";

export interface SimulationThread {
  /** One share at a time. Tells each run as it ends; rejects where the thread ends of itself. */
  readonly run: (share: Share, onRun: (run: Run) => void) => Promise<void>;
  readonly end: () => Promise<void>;
}

export function startSimulationThread(): SimulationThread {
  const worker = new Worker(`${repositoryRoot}/dist/test/simulation/simulation-child.js`, {
    // Most of what a run makes is gone with its seed: room for that costs less than collecting it.
    resourceLimits: { maxYoungGenerationSizeMb: 96 },
  });
  const failed = once(worker, "exit").then(([code]) => {
    throw new Error(`a thread of the simulation ended with ${code}`);
  });
  failed.catch(() => undefined);
  return {
    run: async (share, onRun) => {
      const isDone = new Promise<void>((resolve) => {
        const listen = (message: Posted): void => {
          if (message.kind === "run") onRun(message.run);
          else {
            worker.off("message", listen);
            resolve();
          }
        };
        worker.on("message", listen);
      });
      worker.postMessage(share);
      await Promise.race([isDone, failed]);
    },
    end: async () => {
      await worker.terminate();
    },
  };
}
