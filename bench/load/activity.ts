// What customers did before they are weighed: in the order of time, customers mixed.
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { createTraffic } from "../../engine/cli/traffic/traffic.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant, MINUTE_MS } from "../../engine/domain/time.ts";

export interface Activity {
  /** Over all customers. */
  readonly events: number;
  readonly end: Instant;
  /** Calls `fold` for each event with the number of its customer; the key of the event is left empty. */
  readonly play: (fold: (customer: number, event: CustomerEvent) => void) => void;
}

const START = Date.UTC(2025, 0, 1);
const SPREAD_DAYS = 90;
const KINDS_DRAWN = 20_000;

/** So many events for each customer, evenly over 90 days. */
export function spreadActivity(customers: number, each: number): Activity {
  const events = drawEvents(KINDS_DRAWN);
  const total = customers * each;
  const play: Activity["play"] = (fold) => {
    const random = createRandom(7);
    for (let n = 0; n < total; n++) {
      const event = events[Math.floor((n / total) * events.length)] as CustomerEvent;
      fold(Math.floor(random.next() * customers), event);
    }
  };
  return { events: total, end: (START + SPREAD_DAYS * DAY_MS) as Instant, play };
}

function drawEvents(count: number): CustomerEvent[] {
  const random = createRandom(3);
  const types = [
    "page_view",
    "page_view",
    "page_view",
    "page_view",
    "purchase",
    "login",
    "add_to_cart",
    "add_to_favourites",
  ];
  return Array.from({ length: count }, (_, index) => ({
    id: String(index),
    type: types[Math.floor(random.next() * types.length)] as string,
    key: customerKey(""),
    ts: (START + Math.floor((index / count) * SPREAD_DAYS * DAY_MS)) as Instant,
    source: "clickstream",
    props: {
      section: random.chance(0.3) ? "travel" : "shop",
      item: `i-${Math.floor(random.next() * 9_000)}`,
      amount: 20,
    },
  }));
}

/** The demo has so many customers, such a rate, and a day of so many minutes. */
const DEMO = { customers: 2_000, rate: 50, dayMs: 10 * MINUTE_MS };
/** What tells of the customer, not of what the customer did: it feeds no feature. */
const FACTS: ReadonlySet<string> = new Set(["profile_update", "consent_update"]);

/**
 * The customers of the demo over and over: their past of 85 days, then one day by its curve, stretched from ten minutes to
 * 24 hours, with as many events for each of them as in the demo.
 */
export function demoActivity(customers: number): Activity {
  const traffic = createTraffic({ ...DEMO, seed: 1, start: START });
  const numbers = new Map<string, number>();
  const stretch = (ts: number): number =>
    START + Math.max(0, ts - START) * (DAY_MS / DEMO.dayMs) + Math.min(0, ts - START);
  const events = [...traffic.opening(), ...traffic.next(START + DEMO.dayMs)]
    .filter(({ event }) => !FACTS.has(event.type))
    .map(({ stream, event }) => {
      const customer = numbers.get(event.customer) ?? numbers.size;
      numbers.set(event.customer, customer);
      const { id, type, props } = event;
      const ts = Math.round(stretch(event.ts)) as Instant;
      return { customer, event: { id, type, key: customerKey(""), ts, source: stream, props } };
    })
    .sort((a, b) => a.event.ts - b.event.ts);
  const inAll = events.reduce((sum, one) => sum + Math.ceil((customers - one.customer) / DEMO.customers), 0);
  const play: Activity["play"] = (fold) => {
    for (const { customer, event } of events) {
      for (let index = customer; index < customers; index += DEMO.customers) fold(index, event);
    }
  };
  return { events: inAll, end: (START + DAY_MS) as Instant, play };
}
