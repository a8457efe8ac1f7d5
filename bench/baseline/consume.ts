// The loop of the baseline: XREADGROUP, features in hashes, models, rules, decisions in a stream, XACK. A batch costs three
// round trips; the next one is read while this one is worked on.
import { randomUUID } from "node:crypto";
import type { Redis } from "ioredis";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { addContact, type Customer, changesOf, fieldsOf, fold, keyOf, readCustomers } from "./customer.ts";
import type { ScoreRows } from "./model-scores.ts";
import type { OfferRules, Propensities } from "./offer-rules.ts";
import type { Windows } from "./panes.ts";

export const EVENTS_STREAM = "events";
export const DECISIONS_STREAM = "decisions";
const GROUP = "baseline";
const BATCH = 1_000;
const TRIGGERS = new Set(["call_started", "checkout_abandoned", "account_closure_viewed"]);

export interface Consumer {
  readonly redis: Redis;
  /** A connection of its own: a blocking read would hold up what is written. */
  readonly reader: Redis;
  readonly windows: Windows;
  readonly names: readonly string[];
  readonly score: ScoreRows;
  readonly rules: OfferRules;
  readonly onDecision: (customer: string, decision: string) => void;
  readonly counts: { folded: number; decisions: number };
}

interface Trigger {
  readonly customer: Customer;
  readonly row: Float64Array;
}

type Entry = [id: string, fields: string[]];

/** Runs until the connection ends. */
export async function consume(consumer: Consumer): Promise<never> {
  const { redis } = consumer;
  await redis.xgroup("CREATE", EVENTS_STREAM, GROUP, "0", "MKSTREAM");
  let next = read(consumer.reader);
  for (;;) {
    const entries = await next;
    next = read(consumer.reader);
    next.catch(() => undefined); // rejects again where it is waited for
    if (entries.length > 0) await work(consumer, entries);
  }
}

async function read(reader: Redis): Promise<readonly Entry[]> {
  const reply = await reader.xreadgroup(
    "GROUP",
    GROUP,
    "one",
    "COUNT",
    BATCH,
    "BLOCK",
    1_000,
    "STREAMS",
    EVENTS_STREAM,
    ">",
  );
  return ((reply as [string, Entry[]][] | null)?.[0]?.[1] ?? []) as readonly Entry[];
}

async function work(consumer: Consumer, entries: readonly Entry[]): Promise<void> {
  const { redis, windows, counts } = consumer;
  const now = Date.now();
  const events = entries.map(([, fields]) => JSON.parse(fields[1] as string) as CustomerEvent & { customer: string });
  const customers = await readCustomers(redis, wantedBy(events));
  const triggers: Trigger[] = [];
  for (const event of events) {
    const customer = customers.get(event.customer) as Customer;
    fold(customer, event, windows);
    if (TRIGGERS.has(event.type)) triggers.push({ customer, row: windows.read(customer.tracks, now) });
  }
  const decisions = await decideAll(consumer, triggers, now);
  const pipeline = redis.pipeline();
  for (const customer of customers.values()) {
    const changes = changesOf(customer);
    if (changes !== undefined) pipeline.hset(keyOf(customer.id), ...changes);
  }
  for (const { json } of decisions) pipeline.xadd(DECISIONS_STREAM, "*", "d", json);
  pipeline.xack(EVENTS_STREAM, GROUP, ...entries.map(([id]) => id));
  const failed = ((await pipeline.exec()) ?? []).find(([error]) => error !== null);
  if (failed !== undefined) throw failed[0];
  for (const { customer, json } of decisions) consumer.onDecision(customer, json);
  counts.folded += entries.length;
  counts.decisions += decisions.length;
}

/** Only of a customer for whom something is decided is the whole hash read. */
function wantedBy(events: readonly { readonly customer: string; readonly type: string }[]) {
  const wanted = new Map<string, string[] | "all">();
  for (const { customer, type } of events) {
    const known = wanted.get(customer);
    if (known === "all") continue;
    if (TRIGGERS.has(type)) wanted.set(customer, "all");
    else if (known === undefined) wanted.set(customer, [...fieldsOf(type)]);
    else known.push(...fieldsOf(type).filter((field) => !known.includes(field)));
  }
  return wanted;
}

async function decideAll({ score, rules, names }: Consumer, triggers: readonly Trigger[], now: number) {
  const open = triggers.filter(({ customer }) => rules.mayContact(customer, "outbound", now));
  const scores = await score(open.map(({ row }) => row));
  const decisions = triggers
    .filter((trigger) => !open.includes(trigger))
    .map(({ customer }) => ({ customer: customer.id, json: decisionJson(customer.id, [], now) }));
  for (const [index, { customer, row }] of open.entries()) {
    // Again: the one before it in this batch may have been for the same customer.
    const may = rules.mayContact(customer, "outbound", now);
    const choices = may
      ? await rules.choose(customer.attributes, factsOf(row, names), scores[index] as Propensities, "outbound", 1)
      : [];
    if (choices.length > 0) addContact(customer, now);
    decisions.push({ customer: customer.id, json: decisionJson(customer.id, choices, now) });
  }
  return decisions;
}

export function factsOf(row: Float64Array, names: readonly string[]): Record<string, number> {
  const facts: Record<string, number> = {};
  for (let index = 0; index < names.length; index++) facts[names[index] as string] = row[index] as number;
  return facts;
}

export function decisionJson(customer: string, items: readonly object[], now: number): string {
  return JSON.stringify({ id: randomUUID(), customer, now, items });
}
