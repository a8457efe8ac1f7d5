// Events a second through the whole engine, beside a drain of the very same entries that does nothing, and beside the
// service that a team would write first.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { type BaselineUnderTest, startBaseline } from "./load/baseline-under-test.ts";
import { deliveredFiles } from "./load/delivered-rules.ts";
import { drainRate, headsOf, LOG_KEYS } from "./load/drain.ts";
import { cpuMs, type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, makeBatch } from "./load/events.ts";
import { introduceToBaseline, introduceToEngine } from "./load/population.ts";
import { alternate, figureOf, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "stream-throughput",
  about:
    "events a second until folded and their triggers journalled (1 M events in all, 200,000 customers, 5 % trigger, 100 actions, both models, appendfsync always), beside a raw drain and a baseline",
  run,
};

const OFFERS = 100;

interface Sizes {
  readonly customers: number;
  /** In a round. */
  readonly events: number;
  readonly baselineEvents: number;
}
const WHOLE: Sizes = { customers: 200_000, events: 200_000, baselineEvents: 10_000 };
const QUICK: Sizes = { customers: 5_000, events: 20_000, baselineEvents: 2_000 };

interface Figures {
  /** CPU time of the process, us an event. */
  readonly engineCpu: number[];
  readonly baselineCpu: number[];
  readonly drain: number[];
  readonly bytes: number[];
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const sizes = options.quick ? QUICK : WHOLE;
  const offers = drawOffers(OFFERS, 1);
  const rules = await writeRules(bankFiles(offers, await deliveredFiles()));
  const under = await startEngineUnderTest({ appendOnly: true, rulesDir: rules.dir });
  try {
    const baseline = await startBaseline({ appendOnly: true, offers, rulesDir: rules.dir });
    try {
      return await compare(under, baseline, sizes, options);
    } finally {
      await baseline.stop();
    }
  } finally {
    await under.stop();
    await rules.remove();
  }
}

async function compare(
  under: EngineUnderTest,
  baseline: BaselineUnderTest,
  sizes: Sizes,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  await introduceToEngine(under, sizes.customers);
  await introduceToBaseline(baseline.producer, sizes.customers);
  const figures: Figures = { engineCpu: [], baselineCpu: [], drain: [], bytes: [] };
  const warm = { ...sizes, events: sizes.events / 10, baselineEvents: sizes.baselineEvents / 10 };
  await engineTurn(under, warm, "w", 1_000, { engineCpu: [], baselineCpu: [], drain: [], bytes: [] });
  await baselineTurn(baseline, warm, "w", 1_000, []);
  const rates = await alternate(roundsOf(options), {
    engine: (round) => engineTurn(under, sizes, `e${round}`, round, figures),
    baseline: (round) => baselineTurn(baseline, sizes, `b${round}`, round, figures.baselineCpu),
  });
  options.say(`${rates.engine.map(Math.round).join(", ")} events/s`);
  return [
    rowOf("engine, of a raw drain", "events/s", rates.engine, figures.drain),
    rowOf("engine, of the baseline", "events/s", rates.engine, rates.baseline),
    rowOf("engine: CPU of its process", "us/event", figures.engineCpu, figures.baselineCpu),
    rowOf("raw drain of the same logs", "entries/s", figures.drain),
    rowOf("baseline", "events/s", rates.baseline),
    rowOf("baseline: CPU of its process", "us/event", figures.baselineCpu),
    { measured: "size of an event", unit: "bytes", ...figureOf(figures.bytes) },
  ];
}

/** Lays the events out while the engine is stopped, drains them raw, then lets the engine at them. */
async function engineTurn(under: EngineUnderTest, sizes: Sizes, name: string, seed: number, figures: Figures) {
  const { events, triggering, bytesMean } = makeBatch(name, sizes.events, sizes.customers, seed);
  const before = await under.counts();
  const heads = await headsOf(under.redis.url, LOG_KEYS);
  under.pause();
  await addToLogs(under.producer, events);
  figures.drain.push(await drainRate(under.redis.url, heads, events.length));
  figures.bytes.push(bytesMean);
  const [startedAt, cpuBefore] = [performance.now(), await cpuMs(under.engine.pid)];
  under.resume();
  await untilCounted(under, before, events.length, triggering);
  const tookMs = performance.now() - startedAt;
  figures.engineCpu.push((((await cpuMs(under.engine.pid)) - cpuBefore) / events.length) * 1_000);
  return (events.length / tookMs) * 1_000;
}

async function baselineTurn(baseline: BaselineUnderTest, sizes: Sizes, name: string, seed: number, cpu: number[]) {
  const { events } = makeBatch(name, sizes.baselineEvents, sizes.customers, seed);
  const before = await baseline.stats();
  baseline.pause();
  await baseline.add(events);
  const [startedAt, cpuBefore] = [performance.now(), await cpuMs(baseline.pid)];
  baseline.resume();
  await baseline.until(before, events.length);
  const tookMs = performance.now() - startedAt;
  cpu.push((((await cpuMs(baseline.pid)) - cpuBefore) / events.length) * 1_000);
  return (events.length / tookMs) * 1_000;
}
