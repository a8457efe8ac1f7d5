// Growth of what a whole engine does: events by partitions and by backlog, NBAs by open sockets.
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchOptions } from "../../engine/cli/bench.ts";
import type { Curve, Point } from "./curve.ts";
import { type EngineUnderTest, PARTITIONS, startEngineUnderTest, untilCounted } from "./engine-under-test.ts";
import { addToLogs, makeBatch } from "./events.ts";
import { wireEngine } from "./live-wire.ts";
import { curveRounds, figureOf } from "./rounds.ts";

const CUSTOMERS = 20_000;
const STALL_MS = 20_000;
/** A look costs the engine a few milliseconds. */
const LOOK_MS = 50;
/** In a round. */
const NBAS = 200;

export async function eventsByPartitions(options: BenchOptions): Promise<Curve> {
  const count = options.quick ? 2_000 : 50_000;
  const points: Point[] = [];
  for (const partitions of options.quick ? [1, 64] : [1, 2, 4, 8, 16, 32, 64]) {
    const us = await withEngine({ appendOnly: true, partitions }, async (under) => {
      await drain(under, "w", count / 10, partitions);
      return await repeated(options, (round) => drain(under, `p${round}`, count, partitions));
    });
    points.push({ x: partitions, ...figureOf(us) });
    options.say(`event-by-partitions: ${partitions}`);
  }
  return { name: "event-by-partitions", title: "One event, elapsed", along: "partitions", unit: "us", points };
}

/** Of the first events, while so many more wait behind them. An engine of its own for each round: it would read all of them. */
export async function eventsByBacklog(options: BenchOptions): Promise<Curve> {
  const count = options.quick ? 1_000 : 20_000;
  const points: Point[] = [];
  for (const backlog of options.quick ? [1_000, 4_000] : [20_000, 100_000, 500_000, 2_000_000, 5_000_000]) {
    const us: number[] = [];
    for (let round = 0; round < curveRounds(options); round++) {
      us.push(
        await withEngine({ appendOnly: false }, async (under) => {
          await drain(under, "w", count, PARTITIONS);
          return await beginOf(under, backlog, count);
        }),
      );
    }
    points.push({ x: backlog, ...figureOf(us) });
    options.say(`event-by-backlog: ${backlog}`);
  }
  return { name: "event-by-backlog", title: "One event, elapsed", along: "entries that wait", unit: "us", points };
}

export async function nbasBySockets(options: BenchOptions): Promise<Curve> {
  const points: Point[] = [];
  for (const sockets of options.quick ? [10, 100] : [10, 100, 1_000, 5_000, 10_000]) {
    const us = await withEngine({ appendOnly: true }, async (under) => {
      await cpuOfNbas(under, "w", Math.min(sockets, NBAS)); // warm
      return await repeated(options, (round) => cpuOfNbas(under, `s${round}`, sockets));
    });
    points.push({ x: sockets, ...figureOf(us) });
    options.say(`nba-by-sockets: ${sockets}`);
  }
  const title = "One NBA to two sockets, CPU of the engine";
  return { name: "nba-by-sockets", title, along: "open sockets", unit: "us", points };
}

async function withEngine<T>(
  options: Parameters<typeof startEngineUnderTest>[0],
  use: (under: EngineUnderTest) => Promise<T>,
): Promise<T> {
  const under = await startEngineUnderTest(options);
  return await use(under).finally(under.stop);
}

async function repeated(options: BenchOptions, turn: (round: number) => Promise<number>): Promise<number[]> {
  const figures: number[] = [];
  for (let round = 0; round < curveRounds(options); round++) figures.push(await turn(round));
  return figures;
}

/** us for each event of a backlog that is worked off as a whole. */
async function drain(under: EngineUnderTest, name: string, count: number, partitions: number): Promise<number> {
  const { events, triggering } = makeBatch(name, count, CUSTOMERS, count);
  const before = await under.counts();
  under.pause();
  await addToLogs(under.producer, events, partitions);
  const startedAt = performance.now();
  under.resume();
  await untilCounted(under, before, count, triggering);
  return ((performance.now() - startedAt) / count) * 1_000;
}

async function beginOf(under: EngineUnderTest, backlog: number, count: number): Promise<number> {
  const CHUNK = 100_000;
  const before = await under.counts();
  under.pause();
  for (let from = 0; from < backlog; from += CHUNK) {
    await addToLogs(under.producer, makeBatch(`k${from}`, Math.min(CHUNK, backlog - from), CUSTOMERS, from).events);
  }
  const startedAt = performance.now();
  under.resume();
  for (let folded = 0; ; await sleep(LOOK_MS)) {
    folded = (await under.counts()).folded - before.folded;
    const tookMs = performance.now() - startedAt;
    if (folded >= Math.min(count, backlog)) return (tookMs / folded) * 1_000;
    if (tookMs > STALL_MS) throw new Error(`${folded} of ${count} events were folded`);
  }
}

/** Of as many NBAs, each to the two sockets of its customer, whether few sockets listen to many customers or most wait in vain. */
async function cpuOfNbas(under: EngineUnderTest, name: string, sockets: number): Promise<number> {
  const pairs = sockets / 2;
  const customers = Array.from({ length: Math.max(NBAS, pairs) }, (_, index) => `${name}-${index}`);
  const asked = customers.slice(0, NBAS);
  const { send, frames, close } = await wireEngine(under, customers, pairs);
  const before = await under.cpuMs();
  for (const customer of asked) send(customer);
  for (const until = performance.now() + STALL_MS; frames() < asked.length * 2; await sleep(2)) {
    if (performance.now() > until) throw new Error(`${frames()} of ${asked.length * 2} frames came`);
  }
  const tookMs = (await under.cpuMs()) - before;
  close();
  return Math.max(1, (tookMs / asked.length) * 1_000);
}
