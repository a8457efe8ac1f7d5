import { setTimeout as sleep } from "node:timers/promises";
import type { RedisConnection } from "../../journal/redis.ts";
import type { Tally } from "./tally.ts";
import type { TrafficEvent } from "./traffic-event.ts";

export interface Producer {
  /** Adds them in order. What was in flight when the connection was lost is given up and counted, never sent twice. */
  readonly add: (messages: readonly Message[]) => Promise<void>;
  /** Adds many, in batches with pauses. */
  readonly addSlowly: (messages: readonly Message[], isStopped: () => boolean) => Promise<void>;
  /** Settles when nothing is in flight. */
  readonly settled: () => Promise<void>;
  /** The connection to use from now on. */
  readonly use: (connection: RedisConnection) => void;
}

export interface Message {
  readonly stream: TrafficEvent["stream"] | "outcomes";
  readonly event: object;
}

/** Entries of one pipeline, and the pause between two of them: about 5,000 a second. */
const BATCH_MAX = 500;
const PAUSE_MS = 100;

/** Adds events to the named streams of contract.md, as any producer would. */
export function createProducer(tally: Tally): Producer {
  let writer: RedisConnection | undefined;
  const addBatch = async (messages: readonly Message[]): Promise<void> => {
    const connection = writer;
    if (connection === undefined) {
      tally.add("lost", messages.length);
      return;
    }
    const sent = await Promise.allSettled(
      messages.map(({ stream, event }) => connection.command(["XADD", stream, "*", "d", JSON.stringify(event)])),
    );
    const lost = sent.filter(({ status }) => status === "rejected").length;
    tally.add("events", sent.length - lost);
    tally.add("lost", lost);
  };
  const inFlight = new Set<Promise<void>>();
  const tracked = async (messages: readonly Message[]): Promise<void> => {
    const batch = addBatch(messages);
    inFlight.add(batch);
    await batch;
    inFlight.delete(batch);
  };
  const add = async (messages: readonly Message[]): Promise<void> => {
    for (let from = 0; from < messages.length; from += BATCH_MAX) await tracked(messages.slice(from, from + BATCH_MAX));
  };
  return {
    add,
    addSlowly: async (messages, isStopped) => {
      for (let from = 0; from < messages.length && !isStopped(); from += BATCH_MAX) {
        await tracked(messages.slice(from, from + BATCH_MAX));
        await sleep(PAUSE_MS);
      }
    },
    settled: async () => void (await Promise.all(inFlight)),
    use: (connection) => {
      writer = connection;
    },
  };
}
