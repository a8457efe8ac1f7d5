// Compares the ratios of guarded work with those of bench/budget.json.
import { readFile } from "node:fs/promises";
import type { BenchRow } from "../../engine/cli/bench.ts";
import { sourceFile } from "../../engine/journal/source-file.ts";
import { createGuards, type Guard } from "./guards.ts";
import { alternate, figureOf } from "./rounds.ts";

/** Of CPU time to that of the peer, as measured when it was written down; and how many times that is still well. */
interface Budget {
  readonly slack: number;
  readonly ratios: Readonly<Record<string, number>>;
}

export interface Verdict {
  readonly rows: readonly BenchRow[];
  /** Names of what is beyond its budget, twice in a row. */
  readonly beyond: readonly string[];
}

const ROUNDS = 5;
const TURN_MS = 100;

/** Throws where bench/budget.json and the guards do not have the same names. */
export async function runGuards(): Promise<Verdict> {
  const budget = JSON.parse(await readFile(sourceFile("bench/budget.json"), "utf8")) as Budget;
  const guards = await createGuards();
  const unknown = Object.keys(budget.ratios).filter((name) => !guards.some((guard) => guard.name === name));
  const missing = guards.filter(({ name }) => budget.ratios[name] === undefined).map(({ name }) => name);
  if (unknown.length + missing.length > 0)
    throw new Error(`bench/budget.json: no guard of "${unknown}", no ratio of "${missing}"`);
  const rows: BenchRow[] = [];
  const beyond: string[] = [];
  for (const guard of guards) {
    const { name } = guard;
    const most = (budget.ratios[name] as number) * budget.slack;
    let ratio = await ratioOf(guard);
    if (ratio > most) ratio = await ratioOf(guard); // once more: a machine may have had a bad second
    if (ratio > most) beyond.push(name);
    rows.push({ measured: name, "of its peer": ratio, budget: budget.ratios[name] as number, most });
  }
  return { rows, beyond };
}

async function ratioOf({ engine, peer }: Guard): Promise<number> {
  cpuMicroseconds(engine); // warm
  cpuMicroseconds(peer);
  const us = await alternate(ROUNDS, { engine: () => cpuMicroseconds(engine), peer: () => cpuMicroseconds(peer) });
  return figureOf(us.engine.map((value, round) => value / (us.peer[round] as number))).median;
}

/** Of one call; over as many as fit into a turn. What other processes do meanwhile is not charged. */
function cpuMicroseconds(call: () => number): number {
  let [calls, sum, tookUs, stride] = [0, 0, 0, 1];
  const before = process.cpuUsage();
  while (tookUs < TURN_MS * 1_000) {
    for (let n = 0; n < stride; n++) sum += call();
    calls += stride;
    const { user, system } = process.cpuUsage(before);
    tookUs = user + system;
    // Few looks at the clock, and none of them much too late.
    stride = Math.max(1, Math.min(4_096, Math.floor(((calls / Math.max(1, tookUs)) * TURN_MS * 1_000) / 20)));
  }
  if (Number.isNaN(sum)) throw new Error("a call did not do its work");
  return tookUs / calls;
}
