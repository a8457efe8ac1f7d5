// Thousands of open sockets, two for each customer, and NBAs at a given pace: frames that arrive a second, beside a bare server
// that sends frames of the same size at the same pace.
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { startChild } from "./load/child.ts";
import { type EngineUnderTest, startEngineUnderTest, untilCounted } from "./load/engine-under-test.ts";
import { addToLogs, type BenchEvent } from "./load/events.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "fan-out",
  about:
    "frames a second at 5,000 sockets, two for each customer, 2,000 NBAs a second offered, beside uWebSockets.js alone",
  run,
};

const RATE = 2_000;
const SOCKETS = 5_000;
const FRAME_BYTES = 2_000;
const STALL_MS = 20_000;

/** Sends what becomes one frame at each of the customer's two sockets. */
type Send = (customer: string) => void;

interface Wire {
  readonly send: Send;
  /** Frames so far. */
  readonly frames: () => number;
  readonly close: () => void;
}

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const customers = (options.quick ? 200 : SOCKETS) / 2;
  const under = await startEngineUnderTest({ appendOnly: true });
  const bare = await startChild<{ readonly url: string }>("fan-out", [String(FRAME_BYTES)]);
  try {
    const rates = await alternate(roundsOf(options), {
      engine: (round) => measure(named(`f${round}`, customers), (names) => wireEngine(under, names)),
      bare: (round) => measure(named(`b${round}`, customers), (names) => wireBare(bare.said.url, names)),
    });
    return [
      rowOf(`engine, ${customers * 2} sockets`, "frames/s", rates.engine, rates.bare),
      rowOf(`bare, ${customers * 2} sockets`, "frames/s", rates.bare),
    ];
  } finally {
    await bare.stop();
    await under.stop();
  }
}

function named(round: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${round}-${index}`);
}

/** One NBA for each, at the pace; the rate counts from the first that is sent until the last frame is there. */
async function measure(
  customers: readonly string[],
  wire: (names: readonly string[]) => Promise<Wire>,
): Promise<number> {
  const { send, frames, close } = await wire(customers);
  const wanted = customers.length * 2;
  const startedAt = performance.now();
  for (let next = 0; next < customers.length; await sleep(1)) {
    while (next < customers.length && performance.now() >= startedAt + (next * 1_000) / RATE) {
      send(customers[next++] as string);
    }
  }
  for (let [last, movedAt] = [frames(), performance.now()]; last < wanted; last = frames()) {
    await sleep(2);
    if (frames() !== last) movedAt = performance.now();
    if (performance.now() - movedAt > STALL_MS) throw new Error(`${last} of ${wanted} frames came`);
  }
  const tookMs = performance.now() - startedAt;
  close();
  return (wanted / tookMs) * 1_000;
}

async function wireEngine(under: EngineUnderTest, customers: readonly string[]): Promise<Wire> {
  await introduce(under, customers);
  let nbas = 0;
  let snapshots = 0;
  const onMessage = (bytes: Buffer): void => {
    const text = bytes.toString("latin1");
    if (text.startsWith('{"op":"nba"')) nbas++;
    else if (text.startsWith('{"op":"snapshot"')) snapshots++;
    else throw new Error(`the engine said ${text.slice(0, 200)}`);
  };
  const url = `${under.engine.url.replace("http", "ws")}/v1/live`;
  const sockets = await openAll(customers, () => url, onMessage);
  for (const [index, socket] of sockets.entries()) {
    socket.send(JSON.stringify({ op: "subscribe", topic: `customer/${customers[index >> 1]}` }));
  }
  for (const until = performance.now() + STALL_MS; snapshots < sockets.length; ) {
    if (performance.now() > until) throw new Error(`${snapshots} of ${sockets.length} topics were taken`);
    await sleep(5);
  }
  return {
    send: (customer) => {
      const event = { id: `call-${customer}`, type: "account_closure_viewed", customer, ts: Date.now(), props: {} };
      // A failure shows as a frame that never comes.
      addToLogs(under.producer, [{ stream: "clickstream", customer, json: JSON.stringify(event) }]).catch(
        () => undefined,
      );
    },
    frames: () => nbas,
    close: () => sockets.forEach((socket) => void socket.terminate()),
  };
}

async function wireBare(url: string, customers: readonly string[]): Promise<Wire> {
  let frames = 0;
  const sockets = await openAll(
    customers,
    (customer) => `${url}/${customer}`,
    () => void frames++,
  );
  const [control] = await openAll(
    ["control"],
    () => `${url}/control`,
    () => undefined,
  );
  return {
    send: (customer) => control?.send(customer),
    frames: () => frames,
    close: () => sockets.forEach((socket) => void socket.terminate()),
  };
}

/** Two for each customer, side by side in the order of the customers. */
async function openAll(
  customers: readonly string[],
  urlOf: (customer: string) => string,
  onMessage: (bytes: Buffer) => void,
): Promise<readonly WebSocket[]> {
  const sockets: WebSocket[] = [];
  const CHUNK = 100;
  for (let from = 0; from < customers.length; from += CHUNK) {
    const urls = customers.slice(from, from + CHUNK).flatMap((customer) => [urlOf(customer), urlOf(customer)]);
    sockets.push(...(await Promise.all(urls.map((url) => open(url, onMessage)))));
  }
  return sockets;
}

function open(url: string, onMessage: (bytes: Buffer) => void): Promise<WebSocket> {
  const socket = new WebSocket(url);
  socket.on("message", onMessage);
  return new Promise((resolve, reject) => {
    socket.on("open", () => resolve(socket));
    socket.on("error", reject);
  });
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
