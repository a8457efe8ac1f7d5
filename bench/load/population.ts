// Customers that are there before the clock runs: attributes for all, and for 30 % of them as many contacts as the cap allows.
import type { Redis } from "ioredis";
import { keyOf } from "../baseline/customer.ts";
import { OUTREACH_MAX } from "./bank-rules.ts";
import { type EngineUnderTest, PARTITIONS, untilCounted } from "./engine-under-test.ts";
import { addToLogs, type BenchEvent } from "./events.ts";

const AT_CAP = 0.3;

export interface Person {
  readonly customer: string;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly contacts: number;
}

/** Customer number `index` of those that events are made for (bench/load/events.ts). */
export function person(index: number): Person {
  return {
    customer: `c-${10_000 + index}`,
    attributes: {
      first_name: "Ada",
      age: 18 + ((index * 7) % 60),
      tenure_months: (index * 13) % 120,
      arrears: false,
      balance: 900,
    },
    contacts: (index * 0.618_033_988_75) % 1 < AT_CAP ? OUTREACH_MAX : 0,
  };
}

/** Through the engine, as everything that it knows. */
export async function introduceToEngine(
  under: EngineUnderTest,
  customers: number,
  partitions: number = PARTITIONS,
): Promise<void> {
  const ts = Date.now() - 60_000;
  const before = await under.counts();
  let count = 0;
  for (let from = 0; from < customers; from += CHUNK) {
    const events = introductions(from, Math.min(from + CHUNK, customers), ts);
    await addToLogs(under.producer, events, partitions);
    count += events.length;
  }
  await untilCounted(under, before, count, 0);
}

/** What tells an engine of the customers with these numbers, `to` excluded. */
export function introductions(from: number, to: number, ts: number): readonly BenchEvent[] {
  const events: BenchEvent[] = [];
  for (let index = from; index < to; index++) {
    const { customer, attributes, contacts } = person(index);
    events.push(introduction(customer, "profile_update", "0", ts, attributes));
    for (let n = 0; n < contacts; n++) {
      events.push(introduction(customer, "contact", String(n), ts, { channel: "push", direction: "outbound" }));
    }
  }
  return events;
}

/** Into the hashes of the baseline. */
export async function introduceToBaseline(redis: Redis, customers: number): Promise<void> {
  const now = Date.now();
  for (let from = 0; from < customers; from += CHUNK) {
    const pipeline = redis.pipeline();
    for (let index = from; index < Math.min(from + CHUNK, customers); index++) {
      const { customer, attributes, contacts } = person(index);
      const times = JSON.stringify(Array.from({ length: contacts }, () => now - 60_000));
      pipeline.hset(keyOf(customer), "attributes", JSON.stringify(attributes), "contacts", times);
    }
    const failed = ((await pipeline.exec()) ?? []).find(([error]) => error !== null);
    if (failed !== undefined) throw failed[0];
  }
}

const CHUNK = 10_000;

function introduction(customer: string, type: string, id: string, ts: number, props: object): BenchEvent {
  const event = { id: `${type}-${customer}-${id}`, type, customer, ts, props };
  return { stream: "clickstream", customer, json: JSON.stringify(event) };
}
