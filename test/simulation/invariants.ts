// What must hold of logs and journals at the end of a run, whatever happened in it. Counted anew from what was written.
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import { streamOf } from "./journals.ts";
import type { Observer } from "./observer.ts";
import type { RedisServer } from "./redis-server.ts";
import { scoreFault } from "./simulated-model.ts";
import type { Acknowledged } from "./traffic.ts";

/** As rules/contact-policy.yaml has them. */
const CAPS = [
  { channel: "push", max: 2, windowMs: 15_000, isDelivered: true },
  // What came to nothing gives its place back: what the gateway was handed is counted.
  { channel: "mail", max: 1, windowMs: 3_000, isDelivered: true },
];
/** As rules/quotas.yaml has it. */
const MAILS_MAX = 14;
const INDEXES = Array.from({ length: PARTITIONS }, (_, index) => index);

export function checkJournals(server: RedisServer, { violate, commits: commitsOf }: Observer): void {
  const decisions: DecisionRecord[] = [];
  for (const partition of INDEXES) {
    const commits = commitsOf(partition);
    let previous = 0;
    for (const { seq, after } of commits) {
      if (after !== previous)
        violate(`S2: commit ${seq} of partition ${partition} comes after ${after}, and not ${previous}`);
      previous = seq;
    }
    decisions.push(...commits.flatMap((commit) => commit.decisions));
  }
  checkOnce(decisions, violate);
  for (const fault of decisions.flatMap((decision) => scoreFault(decision) ?? [])) violate(`score: ${fault}`);
  checkCaps(decisions, deliveredOf(server), violate);
  const spent = decisions.flatMap((record) => record.spent).filter(({ quota }) => quota === "mails");
  const units = spent.reduce((sum, each) => sum + each.units, 0);
  if (units > MAILS_MAX) violate(`S3: ${units} units were spent of a quota of ${MAILS_MAX}`);
}

function checkOnce(decisions: readonly DecisionRecord[], violate: (what: string) => void): void {
  const ids = new Set<string>();
  const triggers = new Set<string>();
  for (const { id, key, trigger } of decisions) {
    if (ids.has(id)) violate(`S2: the decision ${id} is in the journal twice`);
    ids.add(id);
    if (trigger === undefined) continue;
    const name = [trigger.id, key, trigger.source, trigger.event, trigger.hold?.again === true].join(" ");
    if (triggers.has(name)) violate(`S2: ${name} was decided twice`);
    triggers.add(name);
  }
}

function deliveredOf(server: RedisServer): ReadonlySet<string> {
  const entries = CAPS.flatMap(({ channel }) => streamOf(server, `nba:channel:${channel}`)?.entries ?? []);
  const codes = entries.map(({ fields }) => {
    const text = Buffer.from(fields[1] as string, "latin1").toString("utf8");
    return (JSON.parse(text) as { readonly trackingCode: string }).trackingCode;
  });
  return new Set(codes);
}

/** By the contacts of each key: those made before a join under another key are left out, so it counts too few at most. */
function checkCaps(
  decisions: readonly DecisionRecord[],
  delivered: ReadonlySet<string>,
  violate: (what: string) => void,
): void {
  for (const { channel, max, windowMs, isDelivered } of CAPS) {
    const times = new Map<string, number[]>();
    for (const record of decisions) {
      const items = [...record.slates, ...record.withheld].flatMap((slate) => slate.items);
      const made = items.filter(
        (item) => item.channel === channel && !item.kept && (!isDelivered || delivered.has(item.trackingCode)),
      );
      const list = times.get(record.key) ?? [];
      times.set(record.key, list);
      for (const _ of made) list.push(record.now);
    }
    for (const [key, list] of times) {
      list.sort((a, b) => a - b);
      list.forEach((at, index) => {
        const after = list[index + max];
        if (after !== undefined && after - at < windowMs) {
          violate(`S3: ${max + 1} contacts of ${key} on ${channel} within ${after - at} ms`);
        }
      });
    }
  }
}

export function checkLogs(acknowledged: readonly Acknowledged[], { violate, events }: Observer): void {
  /** Where in its log an event came first. */
  const places = new Map<string, number>();
  for (const partition of INDEXES) {
    for (const { id } of events(partition)) if (!places.has(id)) places.set(id, places.size);
  }
  const last = new Map<string, Acknowledged>();
  const known = new Set<string>();
  for (const each of acknowledged) {
    const { id, key, stream } = each;
    const place = places.get(id);
    if (place === undefined) violate(`S1: ${id} was acknowledged and is in no input log`);
    // What is sent again may come by another way first.
    if (place === undefined || stream === undefined || known.has(id)) continue;
    known.add(id);
    const before = last.get(`${stream} ${key}`);
    if (before !== undefined && place < (places.get(before.id) as number)) {
      violate(`order: ${id} of ${key} came before ${before.id} on ${stream}, and stands after it in the log`);
    }
    last.set(`${stream} ${key}`, each);
  }
}

/** What one customer must have come to by now. */
export interface Expected {
  readonly views: number;
  readonly spend: number;
}

/** Each event once, by its id and source, under every key that was ever the customer's. */
export function expectedOf({ events }: Pick<Observer, "events">, keys: ReadonlySet<string>): Expected {
  const seen = new Set<string>();
  let views = 0;
  let spend = 0;
  for (const partition of INDEXES) {
    for (const { id, type, source, key, props } of events(partition)) {
      if (!keys.has(key) || seen.has(`${source} ${id}`)) continue;
      seen.add(`${source} ${id}`);
      if (type === "page_view") views++;
      if (type === "purchase") spend += Number(props["amount"]);
    }
  }
  return { views, spend };
}

export function isMoved(server: RedisServer): boolean {
  return ["clickstream", "transactions", "outcomes"].every(
    (name) => (streamOf(server, name)?.entries.length ?? 0) === 0,
  );
}
