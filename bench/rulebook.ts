// Rulebooks of the largest size: how long they take to compile, what a reload costs whoever asks meanwhile, and how soon a
// hostile one is refused.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Histogram } from "hdr-histogram-js";
import { Pool } from "undici";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import type { RulebookFiles } from "../engine/rulebook/rulebook.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { type EngineUnderTest, startEngineUnderTest } from "./load/engine-under-test.ts";
import { createHistogram, openLoop, percentileMs } from "./load/open-loop.ts";
import { introduceToEngine } from "./load/population.ts";
import { figureOf, roundsOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "rulebook",
  about:
    "2,500 actions: compiled, and reloaded while decisions are asked for; 10,000 actions with deep expressions: refused",
  run,
};

const RATE = 50;
const CUSTOMERS = 2_000;
const DEPTH = 60;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const delivered = await deliveredFiles();
  const files = bankFiles(drawOffers(options.quick ? 250 : 2_500, 1), delivered);
  const rounds = roundsOf(options);
  const row = (measured: string, values: readonly number[]): BenchRow => ({
    measured,
    unit: "ms",
    ...figureOf(values),
  });
  const compiled = times(rounds, () => void compileRules(files));
  const [many, deep] = [hostileFiles(10_000, delivered), hostileFiles(options.quick ? 250 : 2_500, delivered)];
  const refusedByCount = times(rounds, () => refuse(many, /characters together|at most 5000 are/));
  const refusedByDepth = times(rounds, () => refuse(deep, /nested deeper/));
  options.say("compiled; now reloading under load");
  return [
    row("compile of 2,500 actions, two treatments each", compiled),
    row("refusal of 10,000 actions with deep expressions", refusedByCount),
    row("refusal of 2,500 actions with deep expressions", refusedByDepth),
    ...(await reloads(files, options)),
  ];
}

async function reloads(files: RulebookFiles, options: BenchOptions): Promise<readonly BenchRow[]> {
  const rules = await writeRules(files);
  const under = await startEngineUnderTest({ appendOnly: false, rulesDir: rules.dir });
  try {
    await introduceToEngine(under, CUSTOMERS);
    const [quiet, busy] = [createHistogram(), createHistogram()];
    const reloadMs: number[] = [];
    for (let round = 0; round < roundsOf(options); round++) {
      quiet.add(await asks(under, options));
      const asking = asks(under, options);
      await writeFile(join(rules.dir, "rulebook.yaml"), `version: "bench-${round + 2}"\n`);
      reloadMs.push(await reload(under));
      busy.add(await asking);
    }
    return [
      { measured: "reload under load", unit: "ms", ...figureOf(reloadMs) },
      latencyRow(`decision at ${RATE}/s while reloading`, busy),
      latencyRow(`decision at ${RATE}/s otherwise`, quiet),
    ];
  } finally {
    await under.stop();
    await rules.remove();
  }
}

async function reload({ engine }: EngineUnderTest): Promise<number> {
  const startedAt = performance.now();
  const answer = await fetch(`${engine.url}/v1/rulebook:reload`, { method: "POST" });
  if (answer.status !== 200) throw new Error(`the reload was refused: ${await answer.text()}`);
  return performance.now() - startedAt;
}

/** Decisions at a steady pace over more time than a reload takes. */
async function asks({ engine }: EngineUnderTest, { quick }: BenchOptions): Promise<Histogram> {
  const pool = new Pool(engine.url, { connections: 16, pipelining: 1 });
  const send = async (index: number): Promise<void> => {
    const customer = `c-${10_000 + (index % CUSTOMERS)}`;
    const body = JSON.stringify({ customer, channel: "app", placements: [{ name: "app-home" }], deadlineMs: 1_000 });
    const headers = { "content-type": "application/json" };
    const answer = await pool.request({ method: "POST", path: "/v1/decisions", headers, body });
    await answer.body.dump();
    if (answer.statusCode !== 200) throw new Error(`the engine answered ${answer.statusCode}`);
  };
  const histogram = await openLoop({ ratePerSecond: RATE, count: RATE * (quick ? 1 : 3), send });
  await pool.close();
  return histogram;
}

/** Sound but for its expressions: each is deeper than validation allows. */
function hostileFiles(count: number, delivered: RulebookFiles): RulebookFiles {
  const deep = `${"!(".repeat(DEPTH)}features.views_7d >= 1${")".repeat(DEPTH)}`;
  const files = bankFiles(drawOffers(count, 3), delivered);
  return Object.fromEntries(
    Object.entries(files).map(([path, text]) => [path, text.replace(/rule: features\.[^}]+ }/g, `rule: "${deep}" }`)]),
  );
}

function refuse(files: RulebookFiles, why: RegExp): void {
  try {
    compileRules(files);
  } catch (error) {
    if (why.test((error as Error).message)) return;
    throw error;
  }
  throw new Error("a hostile rulebook was not refused");
}

function times(rounds: number, call: () => void): number[] {
  call(); // warm
  return Array.from({ length: rounds }, () => {
    const startedAt = performance.now();
    call();
    return performance.now() - startedAt;
  });
}

function latencyRow(measured: string, histogram: Histogram): BenchRow {
  const most = histogram.maxValue / 1_000;
  return { measured, unit: "ms", p50: percentileMs(histogram, 50), p99: percentileMs(histogram, 99), most };
}
