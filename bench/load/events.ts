// Events of a bank with a shop: JSON of 120 to 200 bytes, 5 % of which ask for a decision, whatever the customer's past.
import type { Redis } from "ioredis";
import { createRandom, type Random } from "../../engine/cli/traffic/random.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import { partitionKeys } from "../../engine/journal/keys.ts";
import { PARTITIONS } from "./engine-under-test.ts";

export interface BenchEvent {
  readonly stream: "clickstream" | "transactions";
  readonly customer: string;
  readonly json: string;
}

export interface Batch {
  readonly events: readonly BenchEvent[];
  /** How many of them trigger exactly one decision each. */
  readonly triggering: number;
  readonly bytesMean: number;
}

interface Kind {
  readonly type: string;
  readonly stream: BenchEvent["stream"];
  /** Of 1,000. */
  readonly share: number;
  readonly triggers: boolean;
  readonly props: (random: Random) => object;
}

const SECTIONS = ["loans", "travel", "support", "shop", "cards"] as const;
const item = (random: Random): object => ({
  section: SECTIONS[Math.floor(random.next() * 5)],
  item: `i-${number(random, 9_000)}`,
});
const KINDS: readonly Kind[] = [
  { type: "page_view", stream: "clickstream", share: 600, triggers: false, props: item },
  { type: "add_to_cart", stream: "clickstream", share: 80, triggers: false, props: item },
  { type: "add_to_favourites", stream: "clickstream", share: 50, triggers: false, props: item },
  { type: "login", stream: "clickstream", share: 100, triggers: false, props: () => ({ method: "biometric" }) },
  {
    type: "purchase",
    stream: "transactions",
    share: 120,
    triggers: false,
    props: (random) => ({ amount: number(random, 200) + 0.95, currency: "EUR" }),
  },
  {
    type: "call_started",
    stream: "clickstream",
    share: 15,
    triggers: true,
    props: () => ({ queue: "retail", language: "en" }),
  },
  {
    type: "checkout_abandoned",
    stream: "clickstream",
    share: 20,
    triggers: true,
    props: (random) => ({ amount: number(random, 200), items: 2 }),
  },
  {
    type: "account_closure_viewed",
    stream: "clickstream",
    share: 15,
    triggers: true,
    props: () => ({ section: "account", step: "reasons" }),
  },
];

/** `name` makes the ids unlike those of any other batch. The same seed gives the same events but for ids and times. */
export function makeBatch(name: string, count: number, customers: number, seed: number): Batch {
  const random = createRandom(seed);
  const now = Date.now();
  const events: BenchEvent[] = [];
  let triggering = 0;
  let bytes = 0;
  for (let index = 0; index < count; index++) {
    const kind = pick(random);
    const customer = `c-${10_000 + number(random, customers)}`;
    const json = JSON.stringify({
      id: `${name}-${index}`,
      type: kind.type,
      customer,
      ts: now - number(random, 60_000),
      session: `s-${number(random, 1_000_000)}`,
      channel: "app",
      props: kind.props(random),
    });
    if (kind.triggers) triggering++;
    bytes += json.length;
    events.push({ stream: kind.stream, customer, json });
  }
  return { events, triggering, bytesMean: bytes / count };
}

/** To the input logs of the partitions: the fast path. */
export async function addToLogs(
  producer: Redis,
  events: readonly BenchEvent[],
  partitions: number = PARTITIONS,
): Promise<void> {
  await pipelined(producer, events, (event) => {
    const partition = partitionOf(customerKey(event.customer), partitions);
    return [partitionKeys(partition).events, "*", "s", event.stream, "d", event.json];
  });
}

/** To the named streams: the front door. */
export async function addToStreams(producer: Redis, events: readonly BenchEvent[]): Promise<void> {
  await pipelined(producer, events, (event) => [event.stream, "*", "d", event.json]);
}

const PIPELINE = 5_000;

async function pipelined(
  producer: Redis,
  events: readonly BenchEvent[],
  argsOf: (event: BenchEvent) => readonly [string, string, ...string[]],
): Promise<void> {
  for (let from = 0; from < events.length; from += PIPELINE) {
    const pipeline = producer.pipeline();
    for (const event of events.slice(from, from + PIPELINE)) pipeline.xadd(...argsOf(event));
    const replies = (await pipeline.exec()) ?? [];
    const failed = replies.find(([error]) => error !== null);
    if (failed !== undefined) throw failed[0];
  }
}

function pick(random: Random): Kind {
  let left = number(random, 1_000);
  for (const kind of KINDS) {
    if (left < kind.share) return kind;
    left -= kind.share;
  }
  throw new Error("the shares of the kinds of events do not add up to 1,000");
}

/** A whole number in [0, below). */
function number(random: Random, below: number): number {
  return Math.floor(random.next() * below);
}
