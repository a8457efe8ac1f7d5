import { Worker } from "node:worker_threads";
import { sourceFile } from "../journal/source-file.ts";
import type { Reading } from "../rulebook/reading.ts";

/** A rulebook of the largest size needs a tenth of it. One that needs more is refused, and the engine goes on. */
const HEAP_MIB_MAX = 1_024;

/**
 * Reads texts in a thread that ends after the last of them. Rejects where the thread fails.
 * @returns the reading of each text
 */
export async function readAside(texts: readonly string[]): Promise<ReadonlyMap<string, Reading>> {
  const readings = new Map<string, Reading>();
  const waiting = [...new Set(texts)];
  const thread = new Worker(sourceFile("dist/program/read-thread.js"), {
    workerData: waiting,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MIB_MAX },
  });
  await new Promise<void>((resolve, reject) => {
    thread.on("message", (reading: Reading) => void readings.set(waiting[readings.size] as string, reading));
    thread.on("error", (error) => reject(new Error(`the files of rules could not be read: ${error.message}`)));
    thread.on("exit", (code) => {
      if (readings.size === waiting.length) resolve();
      else reject(new Error(`the thread that reads files of rules ended early (exit ${code})`));
    });
  });
  return readings;
}
