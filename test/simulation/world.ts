// Simulated time: one thing happens after the other, each as a whole, and what happens is written into a trace whose hash
// two runs of one seed must share.
import { createHash } from "node:crypto";
import { type Chance, createChance } from "../decide/chance.ts";
import { installSimulatedGlobals } from "./simulated-globals.ts";
import { createSimulatedProcess, type SimulatedProcess } from "./simulated-process.ts";

export interface World {
  readonly chance: Chance;
  /** Milliseconds since 1970, by the world's own clock. */
  readonly now: () => number;
  readonly after: (ms: number, act: () => void) => void;
  readonly process: (name: string) => SimulatedProcess;
  readonly note: (what: string) => void;
  /** Counts a fault of this kind. */
  readonly fault: (kind: string) => void;
  readonly faults: ReadonlyMap<string, number>;
  /** Lets time go on for so long; less where `isOver`. True where it was over in time. */
  readonly run: (ms: number, isOver: () => boolean) => Promise<boolean>;
  readonly trace: () => string;
  readonly lastNotes: () => readonly string[];
  /** Whatever runs still is killed. */
  readonly end: () => Promise<void>;
}

export const EPOCH_MS = Date.UTC(2026, 0, 15, 10);
const NOTES_KEPT = 400;

export function createWorld(seed: number): World {
  const chance = createChance(seed);
  const globals = installSimulatedGlobals(EPOCH_MS, createChance(seed ^ 0x5bd1e995));
  const { clock } = globals;
  const hash = createHash("sha256");
  const faults = new Map<string, number>();
  const processes: SimulatedProcess[] = [];
  let notes: string[] = [];
  let isTouched = true;
  const note = (what: string): void => {
    const line = `${clock.now - EPOCH_MS} ${what}`;
    hash.update(line);
    notes.push(line);
    if (notes.length > NOTES_KEPT * 2) notes = notes.slice(-NOTES_KEPT);
  };
  return {
    chance,
    now: () => clock.now,
    after: globals.after,
    process: (name) => {
      const process = createSimulatedProcess(name, () => {
        isTouched = true;
      });
      processes.push(process);
      return process;
    },
    note,
    fault: (kind) => {
      faults.set(kind, (faults.get(kind) ?? 0) + 1);
      note(`fault: ${kind}`);
    },
    faults,
    run: async (ms, isOver) => {
      const endMs = clock.now + ms;
      for (;;) {
        if (isTouched) {
          isTouched = false;
          await globals.settle();
          continue;
        }
        if (isOver()) return true;
        if (clock.now >= endMs) return false;
        if (clock.countTimers() === 0) throw new Error("nothing will ever happen any more");
        clock.next();
      }
    },
    trace: () => hash.copy().digest("hex"),
    lastNotes: () => notes.slice(-NOTES_KEPT),
    end: async () => {
      for (const process of processes) process.kill();
      await globals.settle();
      globals.restore();
    },
  };
}
