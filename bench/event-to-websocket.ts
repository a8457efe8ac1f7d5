// From XADD by an ordinary Redis client on a named stream to the NBA frame at an ordinary WebSocket client.
import { setTimeout as sleep } from "node:timers/promises";
import type { Histogram } from "hdr-histogram-js";
import { WebSocket } from "ws";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { startChild } from "./load/child.ts";
import { type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, type BenchEvent } from "./load/events.ts";
import { createHistogram, latencyOf, openLoop, percentileMs } from "./load/open-loop.ts";
import { alternate, roundsOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "event-to-websocket",
  about:
    "from XADD to clickstream until the NBA is at a WebSocket client, open loop at half of the largest rate and at a tenth of that, appendfsync always, beside a Redis round trip and an echo",
  run,
};

/** So many at once show how many go through for long: they take seconds, so that what a short burst may do is over. */
const FLOOD = 10_000;
const WARM = 1_000;
/** Of a round: a collection of all objects, or a sync of the disk that takes long, should not be all of it. */
const SECONDS = 2;
/** An engine that was just started is slow for its first thousands of decisions: V8 has yet to see what is asked for often. */
const WARM_TURNS = 20;
const WARM_PER_SECOND = 500;
const TARGET_MS = 20;
const TOPICS_PER_SOCKET = 50;
const PING_EVERY_MS = 20;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const under = await startEngineUnderTest({ appendOnly: true });
  const echo = await startChild<{ readonly url: string }>("echo", []);
  const all = {
    engine: [] as Histogram[],
    calm: [] as Histogram[],
    parts: [] as Histogram[],
    pings: createHistogram(),
  };
  try {
    for (let turn = 0; turn < (options.quick ? 1 : WARM_TURNS); turn++) {
      await engineRound(under, `w${turn}-`, options.quick ? 100 : WARM, WARM_PER_SECOND, []);
    }
    const rateMax = await lastingRate(under, options.quick ? 200 : FLOOD);
    const rate = Math.max(10, Math.round(rateMax / 2));
    const [count, calmCount] = options.quick ? [200, 100] : [rate * SECONDS, (rate / 10) * SECONDS];
    options.say(`open loop at ${rate}/s`);
    await alternate(roundsOf(options), {
      engine: async (round) => {
        const pinging = startPinging(under, all.pings);
        const median = await engineRound(under, `r${round}`, count, rate, all.engine);
        await pinging.stop();
        return median;
      },
      calm: (round) => engineRound(under, `c${round}`, Math.round(calmCount), rate / 10, all.calm),
      parts: () => partsRound(under, echo.said.url, count, rate, all.parts),
    });
    const verdict = (of: readonly Histogram[]): string => ((latencyOf(of)["p50"] as number) < TARGET_MS ? "yes" : "NO");
    return [
      {
        ...latencyRow(`event to NBA frame, ${rate}/s`, all.engine),
        "median under 20 ms": verdict(all.engine),
      },
      {
        ...latencyRow(`the same at a tenth, ${Math.round(rate / 10)}/s`, all.calm),
        "median under 20 ms": verdict(all.calm),
      },
      { ...latencyRow("Redis round trip, then WebSocket echo", all.parts), "median under 20 ms": "" },
      { ...latencyRow("PING of Redis while the engine is asked", [all.pings]), "median under 20 ms": "" },
    ];
  } finally {
    await echo.stop();
    await under.stop();
  }
}

/** Events a second that come out as frames while ten times as many are sent: the last of them waited for all the others. */
async function lastingRate(under: EngineUnderTest, count: number): Promise<number> {
  const flood: Histogram[] = [];
  const perSecond = count * 10;
  await engineRound(under, "flood", count, perSecond, flood);
  const sentForMs = (count / perSecond) * 1_000;
  return count / ((sentForMs + (flood[0] as Histogram).maxValue / 1_000) / 1_000);
}

/** New customers, one event each, one frame each. */
async function engineRound(
  under: EngineUnderTest,
  name: string,
  count: number,
  rate: number,
  into: Histogram[],
): Promise<number> {
  const customers = Array.from({ length: count }, (_, index) => `${name}-${index}`);
  await introduce(under, customers);
  const arrivals = new Map<string, () => void>();
  const sockets: WebSocket[] = [];
  for (let from = 0; from < count; from += TOPICS_PER_SOCKET) {
    const topics = customers.slice(from, from + TOPICS_PER_SOCKET).map((customer) => `customer/${customer}`);
    sockets.push(await subscribe(`${under.engine.url.replace("http", "ws")}/v1/live`, topics, arrivals));
  }
  const send = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const customer = customers[index] as string;
      const late = setTimeout(() => reject(new Error(`no NBA for ${customer} within 10 s`)), 10_000);
      arrivals.set(`customer/${customer}`, () => {
        clearTimeout(late);
        resolve();
      });
      const event = { id: `closure-${customer}`, type: "account_closure_viewed", customer, ts: Date.now(), props: {} };
      under.producer.xadd("clickstream", "*", "d", JSON.stringify(event)).catch(reject);
    });
  const histogram = await openLoop({ ratePerSecond: rate, count, send });
  for (const socket of sockets) socket.terminate();
  into.push(histogram);
  return percentileMs(histogram, 50);
}

/** What a round trip takes meanwhile that writes nothing: where it takes long, the machine is what is slow. */
function startPinging({ producer }: EngineUnderTest, into: Histogram): { readonly stop: () => Promise<void> } {
  let isStopped = false;
  const pinging = (async () => {
    for (; !isStopped; await sleep(PING_EVERY_MS)) {
      const sentAt = performance.now();
      await producer.ping();
      into.recordValue(Math.max(1, Math.round((performance.now() - sentAt) * 1_000)));
    }
  })();
  return {
    stop: async () => {
      isStopped = true;
      await pinging;
    },
  };
}

/** What no engine could do without: the entry is in Redis, and a frame went over a WebSocket and back. */
async function partsRound(
  under: EngineUnderTest,
  url: string,
  count: number,
  rate: number,
  into: Histogram[],
): Promise<number> {
  const socket = await open(url);
  const arrivals = new Map<string, () => void>();
  socket.on("message", (bytes) => arrivals.get(bytes.toString())?.());
  const send = async (index: number): Promise<void> => {
    await under.producer.xadd("bench:parts", "*", "d", JSON.stringify({ id: `parts-${index}`, ts: Date.now() }));
    await new Promise<void>((resolve) => {
      arrivals.set(String(index), resolve);
      socket.send(String(index));
    });
  };
  const histogram = await openLoop({ ratePerSecond: rate, count, send });
  socket.terminate();
  into.push(histogram);
  return percentileMs(histogram, 50);
}

async function introduce(under: EngineUnderTest, customers: readonly string[]): Promise<void> {
  const props = { first_name: "Ada", age: 40, tenure_months: 30, arrears: false, balance: 900 };
  const events = customers.map((customer): BenchEvent => {
    const event = { id: `who-${customer}`, type: "profile_update", customer, ts: Date.now(), props };
    return { stream: "clickstream", customer, json: JSON.stringify(event) };
  });
  const before = await under.counts();
  await addToLogs(under.producer, events);
  await untilCounted(under, before, events.length, 0);
}

/** Resolves when every topic is acknowledged. */
async function subscribe(url: string, topics: readonly string[], arrivals: ReadonlyMap<string, () => void>) {
  const socket = await open(url);
  await new Promise<void>((resolve, reject) => {
    let acknowledged = 0;
    socket.on("close", (code, reason) => reject(new Error(`the engine closed a socket: ${code} ${reason}`)));
    socket.on("message", (bytes) => {
      const frame = JSON.parse(bytes.toString()) as { readonly op: string; readonly topic?: string };
      if (frame.op === "nba") arrivals.get(frame.topic ?? "")?.();
      else if (frame.op === "error") reject(new Error(bytes.toString()));
      else if (frame.op === "snapshot" && ++acknowledged === topics.length) resolve();
    });
    for (const topic of topics) socket.send(JSON.stringify({ op: "subscribe", topic }));
  });
  return socket;
}

function open(url: string): Promise<WebSocket> {
  const socket = new WebSocket(url);
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
}

function latencyRow(measured: string, rounds: readonly Histogram[]): BenchRow {
  return { measured, unit: "ms", ...latencyOf(rounds) };
}
