// Growth of what a whole engine does: events by partitions and by backlog, NBAs by open sockets.
import { setTimeout as sleep } from "node:timers/promises";
import type { BenchOptions } from "../../engine/cli/bench.ts";
import { startEngineProcess } from "../../test/start-engine.ts";
import type { Curve, Point } from "./curve.ts";
import {
  type EngineUnderTest,
  PARTITIONS,
  readCounts,
  startEngineUnderTest,
  untilCounted,
} from "./engine-under-test.ts";
import { addToLogs, makeBatch } from "./events.ts";
import { createHttpLines, type HttpLines } from "./http-lines.ts";
import { CARDS, untilQuiet, wireEngine } from "./live-wire.ts";
import { introduceToEngine } from "./population.ts";
import { curveRounds, figureOf } from "./rounds.ts";

const CUSTOMERS = 20_000;
const CALLERS = 64;
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

/** Over HTTP, each journalled before its answer, by callers that wait. */
export async function decisionsByPartitions(options: BenchOptions): Promise<Curve> {
  const count = options.quick ? 500 : 8_000;
  const points: Point[] = [];
  for (const partitions of options.quick ? [1, 64] : [1, 2, 4, 8, 16, 32, 64]) {
    const us = await withEngine({ appendOnly: true, partitions }, async (under) => {
      await introduceToEngine(under, CUSTOMERS, partitions);
      const lines = createHttpLines(under.engine.url, CALLERS);
      await cpuOfDecisions(under, lines, count);
      const all = await repeated(options, () => cpuOfDecisions(under, lines, count));
      lines.close();
      return all;
    });
    points.push({ x: partitions, ...figureOf(us) });
    options.say(`decision-by-partitions: ${partitions}`);
  }
  const title = "One decision over HTTP, CPU of the engine";
  return { name: "decision-by-partitions", title, along: "partitions", unit: "us", points };
}

/** us for each of `count` decisions, asked for by callers that wait for their answers. */
async function cpuOfDecisions(under: EngineUnderTest, lines: HttpLines, count: number): Promise<number> {
  const before = await under.cpuMs();
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < count) {
      const customer = `c-${10_000 + (next++ % CUSTOMERS)}`;
      const body = `{"customer":"${customer}","channel":"app","placements":[{"name":"app-home"}],"deadlineMs":1000}`;
      const { status, body: answer } = await lines.post("/v1/decisions", body);
      if (status !== 200) throw new Error(`the engine answered ${status}: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  return (((await under.cpuMs()) - before) / count) * 1_000;
}

/** Of `count` events after as many that warm the engine up, while all the others wait behind them. */
export async function eventsByBacklog(options: BenchOptions): Promise<Curve> {
  const count = options.quick ? 1_000 : 20_000;
  const points: Point[] = [];
  for (const behind of options.quick ? [0, 4_000] : [0, 60_000, 200_000, 1_000_000, 5_000_000]) {
    const us: number[] = [];
    for (let round = 0; round < curveRounds(options); round++) {
      us.push(await withEngine({ appendOnly: false }, (under) => beginOf(under, behind + count * 2, count)));
    }
    points.push({ x: behind, ...figureOf(us) });
    options.say(`event-by-backlog: ${behind}`);
  }
  return { name: "event-by-backlog", title: "One event, elapsed", along: "entries behind them", unit: "us", points };
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

/** The backlog is laid out before the engine is there: one that is held for so long would lose its lease. */
async function beginOf({ engine, redis, producer }: EngineUnderTest, backlog: number, count: number): Promise<number> {
  const CHUNK = 100_000;
  await engine.stop();
  for (let from = 0; from < backlog; from += CHUNK) {
    await addToLogs(producer, makeBatch(`k${from}`, Math.min(CHUNK, backlog - from), CUSTOMERS, from).events);
  }
  const env = {
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    MODELS_DIR: process.env["MODELS_DIR"] ?? "models",
  };
  const again = await startEngineProcess(env, "listening"); // ready it is only once a short backlog is done with
  try {
    const startedAt = performance.now();
    let first: { readonly at: number; readonly folded: number } | undefined;
    for (; ; await sleep(LOOK_MS)) {
      const { folded } = readCounts(await (await fetch(`${again.url}/metrics`)).text());
      const at = performance.now();
      if (first === undefined && folded >= count) first = { at, folded };
      else if (first !== undefined && (folded >= first.folded + count || folded >= backlog))
        return ((at - first.at) / (folded - first.folded)) * 1_000;
      if (at - startedAt > STALL_MS) throw new Error(`${folded} of ${count * 2} events were folded`);
    }
  } finally {
    await again.kill();
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
  await untilQuiet(frames, asked.length * CARDS * 2);
  const tookMs = (await under.cpuMs()) - before;
  close();
  return Math.max(1, (tookMs / asked.length / CARDS) * 1_000);
}
