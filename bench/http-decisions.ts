// Decisions a second over HTTP, each journalled before it is answered, beside a constant JSON of the same size.
import autocannon from "autocannon";
import type { Histogram } from "hdr-histogram-js";
import { Pool } from "undici";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { bankFiles, drawOffers, writeRules } from "./load/bank-rules.ts";
import { type BaselineUnderTest, startBaseline } from "./load/baseline-under-test.ts";
import { startChild } from "./load/child.ts";
import { deliveredFiles } from "./load/delivered-rules.ts";
import { type EngineUnderTest, startEngineUnderTest } from "./load/engine-under-test.ts";
import { latencyOf, openLoop, percentileMs } from "./load/open-loop.ts";
import { introduceToBaseline, introduceToEngine } from "./load/population.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "http-decisions",
  about:
    "decisions a second over POST /v1/decisions, 100 actions, 64 connections, and latency in open loop at half of that rate, beside a constant JSON and a baseline",
  run,
};

const CONNECTIONS = 64;
const CUSTOMERS = 65_536;
const OFFERS = 100;
/** V8 is still compiling after 15 s; services run for days. */
const WARM_SECONDS = 20;

/** Where requests go; both sides get the same ones. */
interface Target {
  readonly url: string;
  readonly requests: Requests;
}

/** Bodies in turn: no customer comes again before all others had theirs. */
interface Requests {
  readonly next: () => string;
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rows: BenchRow[] = [];
  const offers = drawOffers(OFFERS, 1);
  const rules = await writeRules(bankFiles(offers, await deliveredFiles()));
  try {
    for (const appendOnly of [true, false]) {
      const under = await startEngineUnderTest({ appendOnly, rulesDir: rules.dir });
      try {
        const baseline = await startBaseline({ appendOnly, offers, rulesDir: rules.dir });
        const label = appendOnly ? "appendfsync always" : "without AOF";
        rows.push(...(await measure(under, baseline, label, options).finally(baseline.stop)));
      } finally {
        await under.stop();
      }
    }
  } finally {
    await rules.remove();
  }
  return rows;
}

async function measure(
  under: EngineUnderTest,
  baseline: BaselineUnderTest,
  label: string,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const customers = options.quick ? 5_000 : CUSTOMERS;
  await introduceToEngine(under, customers);
  await introduceToBaseline(baseline.producer, customers);
  const engine = { url: under.engine.url, requests: createRequests(customers) };
  const first = { url: baseline.url, requests: engine.requests };
  await closedLoop(first, options.quick ? 1 : WARM_SECONDS);
  await closedLoop(engine, options.quick ? 1 : WARM_SECONDS);
  const bytes = await answerBytes(engine);
  const constant = await startChild<{ readonly url: string }>("constant-json", [String(bytes)]);
  try {
    const peer = { url: constant.said.url, requests: engine.requests };
    const seconds = options.quick ? 1 : 2;
    const rates = await alternate(roundsOf(options), {
      engine: () => countedLoop(under, engine, seconds),
      peer: () => closedLoop(peer, seconds),
      baseline: () => closedLoop(first, seconds),
    });
    const rate = Math.round(rowRate(rates.engine) / 2);
    options.say(`${label}: ${rate * 2} decisions/s; open loop at ${rate}/s`);
    const late = { engine: [] as Histogram[], peer: [] as Histogram[], baseline: [] as Histogram[] };
    await alternate(roundsOf(options), {
      engine: () => latency(engine, rate, seconds, late.engine),
      peer: () => latency(peer, rate, seconds, late.peer),
      baseline: () => latency(first, rate, seconds, late.baseline),
    });
    return [
      rowOf(`decisions, ${label}`, "decisions/s", rates.engine, rates.peer),
      rowOf(`constant JSON of ${bytes} bytes`, "answers/s", rates.peer),
      rowOf(`decisions, ${label}, beside the baseline`, "decisions/s", rates.engine, rates.baseline),
      rowOf(`baseline, ${label}`, "decisions/s", rates.baseline),
      latencyRow(`decision at ${rate}/s, ${label}`, late.engine),
      latencyRow(`constant JSON at ${rate}/s`, late.peer),
      latencyRow(`baseline at ${rate}/s, ${label}`, late.baseline),
    ];
  } finally {
    await constant.stop();
  }
}

function createRequests(customers: number): Requests {
  let at = 0;
  return {
    next: () => {
      at = (at + 1) % customers;
      // A long deadline: what is measured is decisions, not fallbacks.
      return `{"customer":"c-${10_000 + at}","channel":"app","placements":[{"name":"app-home"}],"deadlineMs":1000}`;
    },
  };
}

const HEADERS = { "content-type": "application/json" };
const PATH = "/v1/decisions";

/** The size of an answer that proposes something. */
async function answerBytes({ url, requests }: Target): Promise<number> {
  let text = "";
  for (let attempt = 0; attempt < 100; attempt++) {
    const response = await fetch(`${url}${PATH}`, { method: "POST", headers: HEADERS, body: requests.next() });
    text = await response.text();
    if (text.includes('"kind":"act"')) return Buffer.byteLength(text);
  }
  throw new Error(`the engine proposed nothing to 100 customers; to the last one it said ${text}`);
}

/** Answers a second. */
async function closedLoop({ url, requests }: Target, seconds: number): Promise<number> {
  const setupRequest = <R extends object>(request: R): R & { body: string } => ({ ...request, body: requests.next() });
  const result = await autocannon({
    url,
    connections: CONNECTIONS,
    duration: seconds,
    requests: [{ method: "POST", path: PATH, headers: HEADERS, setupRequest }],
  });
  const failed = result.non2xx + result.errors + result.timeouts;
  if (failed > 0) throw new Error(`${failed} of ${result["2xx"]} requests to ${url} failed`);
  return result["2xx"] / result.duration;
}

/** As above; and every answer was a decision, not a fallback. */
async function countedLoop(under: EngineUnderTest, target: Target, seconds: number): Promise<number> {
  const before = await under.counts();
  const rate = await closedLoop(target, seconds);
  const decided = (await under.counts()).decisions - before.decisions;
  if (decided < rate * seconds * 0.98) throw new Error(`${decided} decisions for about ${rate * seconds} answers`);
  return rate;
}

async function latency({ url, requests }: Target, rate: number, seconds: number, into: Histogram[]): Promise<number> {
  const pool = new Pool(url, { connections: CONNECTIONS, pipelining: 1 });
  const send = async (): Promise<void> => {
    const { statusCode, body } = await pool.request({
      method: "POST",
      path: PATH,
      headers: HEADERS,
      body: requests.next(),
    });
    await body.dump();
    if (statusCode !== 200) throw new Error(`${url} answered ${statusCode}`);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, send)); // connections are open before the clock runs
  const histogram = await openLoop({ ratePerSecond: rate, count: rate * seconds, send });
  await pool.close();
  into.push(histogram);
  return percentileMs(histogram, 50);
}

function rowRate(rates: readonly number[]): number {
  return rates.toSorted((a, b) => a - b)[rates.length >>> 1] as number;
}

function latencyRow(measured: string, rounds: readonly Histogram[]): BenchRow {
  return { measured, unit: "ms", ...latencyOf(rounds) };
}
