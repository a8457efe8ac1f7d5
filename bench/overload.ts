// Three times as many asks as the engine can answer: what it still answers in time, beside what it answers at its best.
import type { Histogram } from "hdr-histogram-js";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { deliveredFiles } from "./load/delivered-rules.ts";
import { type EngineUnderTest, startEngineUnderTest } from "./load/engine-under-test.ts";
import { createHttpLines } from "./load/http-lines.ts";
import { createHistogram, latencyOf, openLoop } from "./load/open-loop.ts";
import { introduceToEngine } from "./load/population.ts";
import { alternate, figureOf, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "overload",
  about: "decisions a second in time (250 ms, no fallback) at three times the rate that 64 waiting callers reach",
  run,
};

const CUSTOMERS = 65_536;
const CALLERS = 64;
const TIMES = 3;
const DEADLINE_MS = 250;
/** From then on an overload is none that could pass as a burst. */
const BURST_MS = 500;
/**
 * More than an engine lets wait for 150 ms, which it does as long as it may be a burst: with fewer of them it could let all
 * wait, and what is too much would wait at the sender.
 */
const CONNECTIONS = 2_048;

interface Turn {
  readonly ratePerSecond: number;
  /** Of answers in time, from when they should have been sent. */
  readonly histogram: Histogram;
  readonly refused: number;
  readonly late: number;
}

interface Flood extends Turn {
  /** Of the answers in time, those that should have been sent after its first moments, in which what comes may be a burst still. */
  readonly lasting: Histogram;
  /** Of all answers in time, how long they waited at the sender: it was late, or no connection was free. */
  readonly unsent: Histogram;
  /** From when it should have been sent until it was refused: an engine says so as it reads a request. */
  readonly turnedAway: Histogram;
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rules = await writeRules(bankFiles(drawOffers(100, 1), await deliveredFiles()));
  const under = await startEngineUnderTest({ appendOnly: true, rulesDir: rules.dir });
  try {
    const customers = options.quick ? 2_000 : CUSTOMERS;
    await introduceToEngine(under, customers);
    return await measure(under, customers, options);
  } finally {
    await under.stop();
    await rules.remove();
  }
}

async function measure(under: EngineUnderTest, customers: number, options: BenchOptions): Promise<readonly BenchRow[]> {
  const seconds = options.quick ? 1 : 3;
  const asking = createAsking(under.engine.url, customers);
  const peaks: Turn[] = [];
  const overs: Flood[] = [];
  await closedLoop(asking, seconds);
  const rates = await alternate(roundsOf(options), {
    overloaded: async () => {
      const peak = figureOf(peaks.length > 0 ? peaks.map(rateOf) : [rateOf(await closedLoop(asking, seconds))]).median;
      if (peak === 0) throw new Error(`no caller of ${CALLERS} was answered within ${DEADLINE_MS} ms`);
      const turn = await flood(asking, Math.ceil(peak * TIMES), seconds);
      overs.push(turn);
      return turn.ratePerSecond;
    },
    peak: async () => {
      const turn = await closedLoop(asking, seconds);
      peaks.push(turn);
      return turn.ratePerSecond;
    },
  });
  asking.close();
  const shares = (pick: (turn: Turn) => number) => figureOf(overs.map(pick));
  return [
    rowOf("in time, at three times the peak", "decisions/s", rates.overloaded, rates.peak),
    rowOf("peak, 64 callers that wait", "decisions/s", rates.peak),
    latencyRow("an answer in time, at three times the peak", overs, ({ histogram }) => histogram),
    latencyRow("the same, the first half second of each turn left out", overs, ({ lasting }) => lasting),
    latencyRow("of it before it was sent", overs, ({ unsent }) => unsent),
    latencyRow("a refusal, at three times the peak", overs, ({ turnedAway }) => turnedAway),
    latencyRow("an answer at the peak", peaks, ({ histogram }) => histogram),
    { measured: "refused at once (503)", unit: "requests a turn", ...shares(({ refused }) => refused) },
    { measured: "answered by the fallback", unit: "requests a turn", ...shares(({ late }) => late) },
  ];
}

interface Asking {
  readonly ask: () => Promise<{ readonly outcome: "decided" | "late" | "refused"; readonly sentAt: number }>;
  readonly close: () => void;
}

function createAsking(url: string, customers: number): Asking {
  const lines = createHttpLines(url, CONNECTIONS);
  let at = 0;
  return {
    ask: async () => {
      at = (at + 1) % customers;
      const body = `{"customer":"c-${10_000 + at}","channel":"app","placements":[{"name":"app-home"}],"deadlineMs":${DEADLINE_MS}}`;
      const { status, body: answer, sentAt } = await lines.post("/v1/decisions", body);
      if (status === 503) return { outcome: "refused", sentAt };
      if (status !== 200) throw new Error(`the engine answered ${status}: ${answer}`);
      return { outcome: answer.includes('"degraded":[]') ? "decided" : "late", sentAt };
    },
    close: () => lines.close(),
  };
}

const rateOf = ({ ratePerSecond }: Turn): number => ratePerSecond;

/** Each caller asks again when it was answered. */
async function closedLoop({ ask }: Asking, seconds: number): Promise<Turn> {
  const histogram = createHistogram();
  const counts = { decided: 0, late: 0, refused: 0 };
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  const caller = async (): Promise<void> => {
    while (performance.now() < until) {
      const { outcome, sentAt } = await ask();
      counts[outcome]++;
      if (outcome === "decided") record(histogram, performance.now() - sentAt);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const ratePerSecond = (counts.decided / (performance.now() - startedAt)) * 1_000;
  return { ratePerSecond, histogram, refused: counts.refused, late: counts.late };
}

/** At this rate whether or not anybody was answered. */
async function flood({ ask }: Asking, ratePerSecond: number, seconds: number): Promise<Flood> {
  const counts = { decided: 0, late: 0, refused: 0 };
  const histogram = createHistogram();
  const lasting = createHistogram();
  const unsent = createHistogram();
  const turnedAway = createHistogram();
  const startedAt = performance.now();
  await openLoop({
    ratePerSecond,
    count: ratePerSecond * seconds,
    send: async (index) => {
      const dueAt = startedAt + ((index + 1) / ratePerSecond) * 1_000;
      const { outcome, sentAt } = await ask();
      counts[outcome]++;
      if (outcome === "refused") record(turnedAway, performance.now() - dueAt);
      if (outcome !== "decided") return;
      record(histogram, performance.now() - dueAt);
      if (dueAt - startedAt >= BURST_MS) record(lasting, performance.now() - dueAt);
      record(unsent, sentAt - dueAt);
    },
  });
  const decided = (counts.decided / (performance.now() - startedAt)) * 1_000;
  return { ratePerSecond: decided, histogram, lasting, unsent, turnedAway, refused: counts.refused, late: counts.late };
}

function record(histogram: Histogram, ms: number): void {
  histogram.recordValue(Math.max(1, Math.round(ms * 1_000)));
}

function latencyRow<T>(measured: string, turns: readonly T[], of: (turn: T) => Histogram): BenchRow {
  return { measured, unit: "ms", ...latencyOf(turns.map(of)) };
}
