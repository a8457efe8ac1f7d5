// What many runs came to.
import type { Run } from "./run-seed.ts";

export interface Tally {
  seeds: number;
  simulatedMs: number;
  events: number;
  decisions: number;
  readonly faults: Map<string, number>;
  readonly answers: Map<string, number>;
  readonly failed: { readonly seed: number; readonly violations: readonly string[] }[];
}

export function newTally(): Tally {
  return { seeds: 0, simulatedMs: 0, events: 0, decisions: 0, faults: new Map(), answers: new Map(), failed: [] };
}

export function count(tally: Tally, run: Run): void {
  tally.seeds++;
  tally.simulatedMs += run.simulatedMs;
  tally.events += run.events;
  tally.decisions += run.decisions;
  merge(tally.faults, run.faults);
  merge(tally.answers, run.answers);
  if (run.violations.length > 0) tally.failed.push({ seed: run.seed, violations: run.violations });
}

export function tallyLines(tally: Tally): readonly string[] {
  const listed = (counts: ReadonlyMap<string, number>): string =>
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, times]) => `${name} ${times}`)
      .join(", ");
  const hours = (tally.simulatedMs / 3_600_000).toFixed(1);
  return [
    `${tally.seeds} seeds, ${hours} simulated hours, ${tally.events} events, ${tally.decisions} decisions`,
    `answers: ${listed(tally.answers)}`,
    `faults: ${listed(tally.faults)}`,
    ...tally.failed.map(({ seed, violations }) => `seed ${seed}: ${violations[0]} (${violations.length} violations)`),
    `${tally.failed.length} of ${tally.seeds} seeds failed`,
  ];
}

function merge(counts: Map<string, number>, more: ReadonlyMap<string, number>): void {
  for (const [name, times] of more) counts.set(name, (counts.get(name) ?? 0) + times);
}
