// Two engines on one machine beside one: what a million events cost in CPU, all processes of the command together.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { deliveredFiles } from "./load/delivered-rules.ts";
import { type EngineUnderTest, PARTITIONS, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, makeBatch } from "./load/events.ts";
import { introduceToEngine } from "./load/population.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "workers",
  about: "CPU seconds of a million events with WORKERS=2, beside one engine; 100 actions, 5 % of events trigger",
  run,
};

const OFFERS = 100;

interface Sizes {
  readonly customers: number;
  /** In a round. */
  readonly events: number;
}
const WHOLE: Sizes = { customers: 100_000, events: 100_000 };
const QUICK: Sizes = { customers: 2_000, events: 10_000 };

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const sizes = options.quick ? QUICK : WHOLE;
  const rules = await writeRules(bankFiles(drawOffers(OFFERS, 1), await deliveredFiles()));
  try {
    const one = await startEngineUnderTest({ appendOnly: true, rulesDir: rules.dir });
    try {
      const both = await startEngineUnderTest({ appendOnly: true, rulesDir: rules.dir, workers: 2 });
      return await compare(one, both, sizes, options).finally(both.stop);
    } finally {
      await one.stop();
    }
  } finally {
    await rules.remove();
  }
}

async function compare(
  one: EngineUnderTest,
  both: EngineUnderTest,
  sizes: Sizes,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const rates: { readonly one: number[]; readonly two: number[] } = { one: [], two: [] };
  await untilShared(both);
  for (const under of [one, both]) {
    await introduceToEngine(under, sizes.customers);
    await turn(under, sizes, "w", 1_000, []);
  }
  const seconds = await alternate(roundsOf(options), {
    two: (round) => turn(both, sizes, `t${round}`, round, rates.two),
    one: (round) => turn(one, sizes, `o${round}`, round, rates.one),
  });
  return [
    rowOf("WORKERS=2, of one", "CPU seconds a million events", seconds.two, seconds.one),
    rowOf("one engine", "CPU seconds a million events", seconds.one),
    rowOf("WORKERS=2, of one", "events/s", rates.two, rates.one),
    rowOf("one engine", "events/s", rates.one),
  ];
}

/** Laid out while the engines are stopped, as a backlog; then worked off. */
async function turn(under: EngineUnderTest, sizes: Sizes, name: string, seed: number, rates: number[]) {
  const { events, triggering } = makeBatch(name, sizes.events, sizes.customers, seed);
  const before = await under.counts();
  under.pause();
  await addToLogs(under.producer, events);
  const [startedAt, cpuBefore] = [performance.now(), await under.cpuMs()];
  under.resume();
  await untilCounted(under, before, events.length, triggering);
  rates.push((events.length / (performance.now() - startedAt)) * 1_000);
  return (((await under.cpuMs()) - cpuBefore) / 1_000 / events.length) * 1e6;
}

const SHARED_MS = 90_000;

/** Each of the two owns its half: what moves meanwhile would be counted as work. */
async function untilShared({ owned }: EngineUnderTest): Promise<void> {
  for (const until = performance.now() + SHARED_MS; ; await sleep(200)) {
    const shares = await owned();
    if (shares.every((share) => share === PARTITIONS / shares.length)) return;
    if (performance.now() > until)
      throw new Error(`the workers own ${shares.join(" and ")} of ${PARTITIONS} partitions`);
  }
}
