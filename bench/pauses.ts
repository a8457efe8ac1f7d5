// How long the engine holds everybody up, with a million customers in memory: pauses of the collector, and how late its event
// loop is, while events come at half of the rate that it can take, and while it works off a backlog.
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { repositoryRoot } from "../engine/journal/source-file.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { deliveredFiles } from "./load/delivered-rules.ts";
import { type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, type BenchEvent, makeBatch } from "./load/events.ts";
import type { Pauses } from "./load/pause-probe.ts";
import { introduceToEngine } from "./load/population.ts";
import { figureOf, roundsOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "pauses",
  about:
    "pauses of the collector and delay of the event loop with a million customers in memory, 100 actions, 5 % of events trigger: at half of the rate that a backlog reaches, and at all of it",
  run,
};

const OFFERS = 100;
/** Between two additions of the paced producer. */
const PACE_MS = 10;

interface Sizes {
  readonly customers: number;
  readonly backlog: number;
  readonly seconds: number;
}
const WHOLE: Sizes = { customers: 1_000_000, backlog: 100_000, seconds: 10 };
const QUICK: Sizes = { customers: 5_000, backlog: 10_000, seconds: 1 };

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const sizes = options.quick ? QUICK : WHOLE;
  const dir = await mkdtemp(join(tmpdir(), "nba-bench-pauses-"));
  const rules = await writeRules(bankFiles(drawOffers(OFFERS, 1), await deliveredFiles()));
  const file = join(dir, "pauses.json");
  const probe = pathToFileURL(join(repositoryRoot, "dist", "bench", "load", "pause-probe.js")).href;
  try {
    const env = { BENCH_PAUSES: file, MAX_PROFILES: String(sizes.customers * 2) };
    const under = await startEngineUnderTest({
      appendOnly: true,
      rulesDir: rules.dir,
      env,
      nodeArgs: ["--import", probe],
    });
    return await measure(under, file, sizes, options).finally(under.stop);
  } finally {
    await rules.remove();
    await rm(dir, { recursive: true, force: true });
  }
}

async function measure(
  under: EngineUnderTest,
  file: string,
  sizes: Sizes,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  await introduceToEngine(under, sizes.customers);
  options.say(`${sizes.customers} customers are in memory`);
  let reading = 0;
  const read = (): Promise<Pauses> => nextReading(under, file, ++reading);
  await backlog(under, sizes, "w", 1_000);
  const [paced, flooded]: [Pauses[], Pauses[]] = [[], []];
  const rates: number[] = [];
  for (let round = 0; round < roundsOf(options); round++) {
    await read();
    rates.push(await backlog(under, sizes, `f${round}`, round));
    flooded.push(await read());
    const rate = figureOf(rates).median / 2;
    await pace(under, sizes, rate, `p${round}`, round);
    paced.push(await read());
    options.say(`round ${round + 1}: ${Math.round(rates.at(-1) as number)} events/s, then half of it`);
  }
  return [
    ...rowsOf("at half of the rate", paced),
    ...rowsOf("working off a backlog", flooded),
    { measured: "rate of the backlog", unit: "events/s", ...figureOf(rates) },
  ];
}

function rowsOf(words: string, readings: readonly Pauses[]): readonly BenchRow[] {
  const row = (measured: string, unit: string, of: (pauses: Pauses) => number): BenchRow => ({
    measured: `${measured}, ${words}`,
    unit,
    ...figureOf(readings.map(of)),
  });
  return [
    row("pause of the collector, p50", "ms", ({ gc }) => gc.p50),
    row("pause of the collector, p99.9", "ms", ({ gc }) => gc.p999),
    row("pause of the collector, longest", "ms", ({ gc }) => gc.most),
    row("delay of the event loop, p50", "ms", ({ loop }) => loop.p50),
    row("delay of the event loop, p99", "ms", ({ loop }) => loop.p99),
    row("delay of the event loop, longest", "ms", ({ loop }) => loop.most),
    row("collections", "in a round", ({ collections }) => collections),
    row("of them full ones", "in a round", ({ full }) => full),
  ];
}

const READING_MS = 10_000;

/** What came since the reading before. */
async function nextReading(under: EngineUnderTest, file: string, reading: number): Promise<Pauses> {
  process.kill(under.engine.pid, "SIGUSR2");
  for (const until = performance.now() + READING_MS; performance.now() < until; await sleep(20)) {
    const text = await readFile(file, "utf8").catch(() => "");
    const pauses = text === "" ? undefined : (JSON.parse(text) as Pauses);
    if (pauses?.reading === reading) return pauses;
  }
  throw new Error(`the engine gave no reading ${reading} of its pauses within ${READING_MS / 1_000} s`);
}

/** Events a second. Laid out while the engine runs: a stopped one would count the stop as a delay of its loop. */
async function backlog(under: EngineUnderTest, sizes: Sizes, name: string, seed: number): Promise<number> {
  const { events, triggering } = makeBatch(name, sizes.backlog, sizes.customers, seed);
  const before = await under.counts();
  const startedAt = performance.now();
  await addToLogs(under.producer, events);
  await untilCounted(under, before, events.length, triggering);
  return (events.length / (performance.now() - startedAt)) * 1_000;
}

/** As many as are due by then, every few milliseconds, whether or not the engine keeps up. */
async function pace(under: EngineUnderTest, sizes: Sizes, perSecond: number, name: string, seed: number) {
  const { events, triggering } = makeBatch(name, Math.round(perSecond * sizes.seconds), sizes.customers, seed);
  const before = await under.counts();
  const startedAt = performance.now();
  const sent: Promise<void>[] = [];
  for (let next = 0; next < events.length; await sleep(PACE_MS)) {
    const due = Math.min(events.length, Math.round(((performance.now() - startedAt) * perSecond) / 1_000));
    if (due > next) sent.push(send(under, events.slice(next, due)));
    next = Math.max(next, due);
  }
  await Promise.all(sent);
  await untilCounted(under, before, events.length, triggering);
}

const send = ({ producer }: EngineUnderTest, events: readonly BenchEvent[]): Promise<void> =>
  addToLogs(producer, events);
