// A stream of nothing but malformed events must drain about as fast as one of good ones.
import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, addToStreams, type BenchEvent, makeBatch } from "./load/events.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "malformed",
  about:
    "events a second where every one is malformed (cut off, a field missing, a wrong type), beside as many good ones",
  run,
};

const CUSTOMERS = 65_536;
const STALL_MS = 20_000;
type Add = (under: EngineUnderTest, events: readonly BenchEvent[]) => Promise<void>;

const PATHS: readonly (readonly [label: string, add: Add])[] = [
  ["partition logs", ({ producer }, events) => addToLogs(producer, events)],
  ["front door", ({ producer }, events) => addToStreams(producer, events)],
];

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const count = options.quick ? 5_000 : 50_000;
  const under = await startEngineUnderTest({ appendOnly: true });
  try {
    const rows: BenchRow[] = [];
    for (const [label, add] of PATHS) {
      await good(under, add, count / 5, `w${label}`);
      const rates = await alternate(roundsOf(options), {
        malformed: (round) => bad(under, add, count, `m${label}${round}`),
        good: (round) => good(under, add, count, `g${label}${round}`),
      });
      rows.push(rowOf(`malformed, ${label}`, "events/s", rates.malformed, rates.good));
      rows.push(rowOf(`good, ${label}`, "events/s", rates.good));
    }
    return rows;
  } finally {
    await under.stop();
  }
}

async function good(under: EngineUnderTest, add: Add, count: number, name: string): Promise<number> {
  const { events, triggering } = makeBatch(name, count, CUSTOMERS, count);
  const before = await under.counts();
  under.pause();
  await add(under, events);
  const startedAt = performance.now();
  under.resume();
  await untilCounted(under, before, count, triggering);
  return (count / (performance.now() - startedAt)) * 1_000;
}

/** What is lost must be all of it, each as a dead letter. */
async function bad(under: EngineUnderTest, add: Add, count: number, name: string): Promise<number> {
  const events = makeBatch(name, count, CUSTOMERS, count).events.map(spoil);
  const before = await under.counts();
  under.pause();
  await add(under, events);
  const startedAt = performance.now();
  under.resume();
  let last = before.lost;
  for (let movedAt = startedAt; last - before.lost < count; ) {
    if (performance.now() - movedAt > STALL_MS)
      throw new Error(`no progress at ${last - before.lost} of ${count} malformed events`);
    await sleep(20);
    const { lost } = await under.counts();
    if (lost !== last) movedAt = performance.now();
    last = lost;
  }
  return (count / (performance.now() - startedAt)) * 1_000;
}

function spoil(event: BenchEvent, index: number): BenchEvent {
  const { json } = event;
  if (index % 3 === 0) return { ...event, json: json.slice(0, -8) };
  return {
    ...event,
    json: index % 3 === 1 ? json.replace('"type"', '"tipe"') : json.replace(/"ts":\d+/, '"ts":"now"'),
  };
}
