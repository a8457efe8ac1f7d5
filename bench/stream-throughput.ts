// Events a second through the whole engine, beside a drain of the very same entries that does nothing.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { drainRate, headsOf, LOG_KEYS } from "./load/drain.ts";
import { cpuMs, type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, addToStreams, type BenchEvent, makeBatch } from "./load/events.ts";
import { figureOf, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "stream-throughput",
  about:
    "events a second until folded and their triggers journalled (5 % trigger, 20,000 customers, appendfsync always), beside a raw drain",
  run,
};

const CUSTOMERS = 20_000;
const EVENTS = 200_000;
const WARM_UP = 20_000;

interface Path {
  readonly streams: readonly string[];
  readonly add: (under: EngineUnderTest, events: readonly BenchEvent[]) => Promise<void>;
}

const FAST: Path = { streams: LOG_KEYS, add: ({ producer }, events) => addToLogs(producer, events) };
const FRONT_DOOR: Path = {
  streams: ["clickstream", "transactions"],
  add: ({ producer }, events) => addToStreams(producer, events),
};

interface Rates {
  readonly engine: number[];
  /** CPU time of the engine process, us an event. */
  readonly cpu: number[];
  readonly drain: number[];
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const count = options.quick ? 20_000 : EVENTS;
  const fast: Rates = { engine: [], cpu: [], drain: [] };
  const door: Rates = { engine: [], cpu: [], drain: [] };
  const bytes: number[] = [];
  for (let round = 0; round < roundsOf(options); round++) {
    const under = await startEngineUnderTest({ appendOnly: true });
    try {
      await warmUp(under, round);
      const paths = [
        [FAST, fast, "f"],
        [FRONT_DOOR, door, "d"],
      ] as const;
      for (const [path, rates, letter] of round % 2 === 0 ? paths : paths.toReversed()) {
        bytes.push(await measure(under, path, rates, `${letter}${round}`, path === FAST ? count : count / 2, round));
      }
      options.say(
        `round ${round + 1}: ${Math.round(fast.engine.at(-1) as number)} events/s, by the front door ${Math.round(door.engine.at(-1) as number)}`,
      );
    } finally {
      await under.stop();
    }
  }
  return [
    rowOf("engine, partition logs", "events/s", fast.engine, fast.drain),
    rowOf("engine, partition logs: CPU of its process", "us/event", fast.cpu),
    rowOf("raw drain of the partition logs", "entries/s", fast.drain),
    rowOf("engine, front door", "events/s", door.engine, door.drain),
    rowOf("engine, front door: CPU of its process", "us/event", door.cpu),
    rowOf("raw drain of the named streams", "entries/s", door.drain),
    { measured: "size of an event", unit: "bytes", ...figureOf(bytes) },
  ];
}

/** Lays the events out while the engine is stopped, drains them raw, then lets the engine at them. Returns their mean size. */
async function measure(under: EngineUnderTest, path: Path, rates: Rates, name: string, count: number, seed: number) {
  const { events, triggering, bytesMean } = makeBatch(name, count, CUSTOMERS, seed);
  const before = await under.counts();
  const heads = await headsOf(under.redis.url, path.streams);
  under.pause();
  await path.add(under, events);
  rates.drain.push(await drainRate(under.redis.url, heads, count));
  const [startedAt, cpuBefore] = [performance.now(), await cpuMs(under.engine.pid)];
  under.resume();
  await untilCounted(under, before, count, triggering);
  rates.engine.push((count / (performance.now() - startedAt)) * 1_000);
  rates.cpu.push((((await cpuMs(under.engine.pid)) - cpuBefore) / count) * 1_000);
  return bytesMean;
}

async function warmUp(under: EngineUnderTest, round: number): Promise<void> {
  for (const path of [FAST, FRONT_DOOR]) {
    const { events, triggering } = makeBatch(`w${round}${path.streams.length}`, WARM_UP / 2, CUSTOMERS, 1_000 + round);
    const before = await under.counts();
    await path.add(under, events);
    await untilCounted(under, before, events.length, triggering);
  }
}
