// Loaded into an engine before anything else of it (node --import): how long its collector and its event loop kept it. At each
// SIGUSR2 it writes what came since the last one into the file that BENCH_PAUSES names, and begins anew.
import { renameSync, writeFileSync } from "node:fs";
import {
  constants,
  createHistogram,
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
} from "node:perf_hooks";

/** All in milliseconds. */
export interface Pauses {
  /** Number of this reading, from 1. */
  readonly reading: number;
  readonly collections: number;
  /** Of them, the full ones. */
  readonly full: number;
  readonly gc: PauseFigures;
  /** Beyond the pace at which it is looked at. */
  readonly loop: PauseFigures;
}

export interface PauseFigures {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly most: number;
}

/** As Node reports one of its collector. */
interface Collection extends PerformanceEntry {
  readonly detail?: { readonly kind?: number };
}

const RESOLUTION_MS = 1;
const NS_PER_MS = 1e6;

const file = process.env["BENCH_PAUSES"];
if (file !== undefined) probe(file);

function probe(target: string): void {
  const collections = createHistogram();
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  let full = 0;
  let reading = 0;
  const observer = new PerformanceObserver((list) => {
    for (const { duration, detail } of list.getEntries() as readonly Collection[]) {
      collections.record(Math.max(1, Math.round(duration * NS_PER_MS)));
      if (detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) full++;
    }
  });
  observer.observe({ entryTypes: ["gc"] });
  delays.enable();
  process.on("SIGUSR2", () => {
    reading++;
    const gc = figures((share) => collections.percentile(share), collections.max, 0);
    const loop = figures((share) => delays.percentile(share), delays.max, RESOLUTION_MS);
    const pauses: Pauses = { reading, collections: collections.count, full, gc, loop };
    writeFileSync(`${target}.new`, JSON.stringify(pauses));
    renameSync(`${target}.new`, target); // whole, or not there
    collections.reset();
    delays.reset();
    full = 0;
  });
}

function figures(percentile: (share: number) => number, most: number, paceMs: number): PauseFigures {
  const ms = (ns: number): number => Math.max(0, ns / NS_PER_MS - paceMs);
  return { p50: ms(percentile(50)), p99: ms(percentile(99)), p999: ms(percentile(99.9)), most: ms(most) };
}
