// Customers with two open sockets each, at the engine or at the bare server beside it.
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { type EngineUnderTest, untilCounted } from "./engine-under-test.ts";
import { addToLogs, type BenchEvent } from "./events.ts";

const STALL_MS = 20_000;
/** After the last frame that was waited for: one more would be one too many. */
const QUIET_MS = 300;
/** Customers; an engine lets 256 snapshots wait, and tells who comes then to try again. */
const TOPICS_AT_ONCE = 100;

/** NBAs of one decision: as many as the desk of the delivered rules shows, each in a frame of its own. */
export const CARDS = 3;

/** Sends what becomes so many frames at each of the customer's two sockets. */
type Send = (customer: string) => void;

export interface Wire {
  readonly send: Send;
  /** Frames so far. */
  readonly frames: () => number;
  readonly close: () => void;
}

/** `pairs`: of sockets. Fewer than customers: each of them listens to several, dealt out in turn. Left out: a pair for each customer. */
export async function wireEngine(
  under: EngineUnderTest,
  customers: readonly string[],
  pairs: number = customers.length,
): Promise<Wire> {
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
  const sockets = await openAll(customers.slice(0, pairs), () => url, onMessage);
  for (let from = 0; from < customers.length; from += TOPICS_AT_ONCE) {
    const some = customers.slice(from, from + TOPICS_AT_ONCE);
    for (const [nth, customer] of some.entries()) {
      const at = ((from + nth) % pairs) * 2;
      for (const socket of sockets.slice(at, at + 2)) {
        socket.send(JSON.stringify({ op: "subscribe", topic: `customer/${customer}` }));
      }
    }
    await untilTaken((from + some.length) * 2, () => snapshots);
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

/** Waits until no more come; resolves with when the last of them was there. Throws where they are not as many as were sent. */
export async function untilQuiet(frames: () => number, wanted: number): Promise<number> {
  let [last, movedAt] = [frames(), performance.now()];
  while (performance.now() - movedAt < (last < wanted ? STALL_MS : QUIET_MS)) {
    await sleep(2);
    if (frames() === last) continue;
    [last, movedAt] = [frames(), performance.now()];
  }
  if (last !== wanted) throw new Error(`${last} frames came, not ${wanted}`);
  return movedAt;
}

async function untilTaken(topics: number, taken: () => number): Promise<void> {
  for (const until = performance.now() + STALL_MS; taken() < topics; await sleep(1)) {
    if (performance.now() > until) throw new Error(`${taken()} of ${topics} topics were taken`);
  }
}

export async function wireBare(url: string, customers: readonly string[]): Promise<Wire> {
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
    send: (customer) => {
      for (let card = 0; card < CARDS; card++) control?.send(customer);
    },
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
