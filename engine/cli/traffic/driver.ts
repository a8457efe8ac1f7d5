// Plays the demo's customers against a running engine: events to the streams, apps and agents over HTTP, gateways.
import { setTimeout as sleep } from "node:timers/promises";
import type { RedisConnection } from "../../journal/redis.ts";
import { createApi } from "./api.ts";
import { createColleagues, createVisitors } from "./customers.ts";
import { runGateway } from "./gateway.ts";
import { keepConnected, type Link } from "./keep-connected.ts";
import { createLater } from "./later.ts";
import { createProducer, type Producer } from "./producer.ts";
import { createRandom } from "./random.ts";
import { type Counts, createTally } from "./tally.ts";
import { createTraffic, type Traffic } from "./traffic.ts";
import type { TrafficEvent } from "./traffic-event.ts";

export interface TrafficDriverOptions {
  readonly redisUrl: string;
  /** Of the engine, e.g. http://127.0.0.1:8080 */
  readonly baseUrl: string;
  readonly seed: number;
  /** Mean events per second of the live traffic. */
  readonly rate: number;
  readonly customers: number;
  readonly log: (line: string) => void;
}

export interface TrafficDriver {
  /** Returns at once; waits for Redis by itself, saying so. The past is told beside the first live events. */
  readonly start: () => void;
  /** Settles when nothing of it runs any more. */
  readonly stop: () => Promise<void>;
  readonly counts: () => Counts;
}

const TICK_MS = 25;
/** Answers that customers still owe. */
const WAITING_MAX = 5_000;

export function createTrafficDriver(options: TrafficDriverOptions): TrafficDriver {
  const { seed, rate, customers, redisUrl, log } = options;
  const startedAt = Date.now();
  const traffic = createTraffic({ seed, customers, start: startedAt, rate });
  const random = createRandom(seed ^ 0x7a11);
  const tally = createTally();
  const later = createLater(WAITING_MAX);
  const stopping = new AbortController();
  const isStopped = (): boolean => stopping.signal.aborted;
  const link: Link = { redisUrl, log, isStopped };
  const producer = createProducer(tally);
  const surroundings = { api: createApi(options.baseUrl, stopping.signal), random, later, tally, now: Date.now };
  const visitors = createVisitors(surroundings);
  const colleagues = createColleagues(surroundings);
  const react = ({ event, asks, callFor }: TrafficEvent): void => {
    const person = traffic.person(event.customer);
    if (person === undefined) return;
    if (asks !== undefined) void visitors(person, asks);
    if (callFor !== undefined) tally.add(callFor === "desk" ? "deskCalls" : "colleagueCalls");
    if (callFor === "colleague") colleagues(person);
  };
  const report = outcomeReporter(producer, startedAt);
  const gateway = (channel: "push" | "email"): Promise<void> =>
    keepConnected(link, (reader) =>
      runGateway({ channel, reader, person: traffic.person, random, later, tally, report, isStopped }),
    );
  const running: Promise<void>[] = [];
  return {
    start: () => {
      if (running.length > 0) return;
      running.push(produce(link, producer, traffic, react), gateway("push"), gateway("email"));
    },
    stop: async () => {
      stopping.abort();
      later.stop();
      await Promise.all(running);
    },
    counts: tally.counts,
  };
}

/** The past once, the present for as long as it runs. */
async function produce(
  link: Link,
  producer: Producer,
  traffic: Traffic,
  react: (event: TrafficEvent) => void,
): Promise<void> {
  let past: Promise<void> | undefined;
  const live = async (writer: RedisConnection): Promise<void> => {
    while (!link.isStopped() && !writer.isClosed()) {
      const events = traffic.next(Date.now());
      await producer.add(events);
      for (const event of events) react(event);
      await sleep(TICK_MS);
    }
    await producer.settled();
  };
  await keepConnected(link, async (writer) => {
    producer.use(writer);
    past ??= tellThePast(link, producer, traffic);
    await live(writer);
  });
  await past;
}

/** Attributes first, so that the first callers have a name. */
async function tellThePast(link: Link, producer: Producer, traffic: Traffic): Promise<void> {
  const opening = traffic.opening();
  const isFact = ({ event }: TrafficEvent): boolean =>
    event.type === "profile_update" || event.type === "consent_update";
  await producer.addSlowly([...opening.filter(isFact), ...opening.filter((event) => !isFact(event))], link.isStopped);
  if (!link.isStopped()) link.log(`traffic: told ${opening.length} events of the past`);
}

/** Outcomes of messages, on the stream `outcomes`. */
function outcomeReporter(producer: Producer, startedAt: number) {
  let count = 0;
  return (customer: string, channel: string, trackingCode: string, outcome: string): void => {
    const id = `g-${startedAt.toString(36)}-${(count++).toString(36)}`;
    const event = { id, type: "outcome", customer, ts: Date.now(), channel, props: { trackingCode, outcome } };
    void producer.add([{ stream: "outcomes", event }]);
  };
}
