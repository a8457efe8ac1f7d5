import fc from "fast-check";
import { expect, test } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { dayCurve } from "../../engine/cli/traffic/crowd.ts";
import { answerTo } from "../../engine/cli/traffic/customers.ts";
import { PERSONAS } from "../../engine/cli/traffic/personas.ts";
import { createDueQueue } from "../../engine/cli/traffic/queue.ts";
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { createTraffic } from "../../engine/cli/traffic/traffic.ts";
import type { TrafficEvent } from "../../engine/cli/traffic/traffic-event.ts";
import { decodeEventBytes } from "../../engine/ingest/decode-event.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

const START = 1_795_000_000_000;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

function traffic(seed = 7, customers = 400) {
  return createTraffic({ seed, customers, start: START });
}

test("the same seed gives the same events, however often it is asked", () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.integer({ min: 1, max: 5_000 }), { maxLength: 40 }), (seed, gaps) => {
      const [once, often] = [traffic(seed, 60), traffic(seed, 60)];
      const end = START + gaps.reduce((sum, gap) => sum + gap, 0) + 1;
      const inSteps: TrafficEvent[] = [];
      let now = START;
      for (const gap of gaps) {
        now += gap;
        inSteps.push(...often.next(now));
      }
      inSteps.push(...often.next(end));
      expect(inSteps).toEqual(once.next(end));
      expect(often.opening()).toEqual(once.opening());
    }),
    { numRuns: 20 },
  );
});

test("another seed gives other events", () => {
  expect(traffic(1).next(START + MINUTE_MS)).not.toEqual(traffic(2).next(START + MINUTE_MS));
});

test("ids are unique, of the past too, and differ from start to start", () => {
  const one = traffic();
  const ids = [...one.opening(), ...one.next(START + 5 * MINUTE_MS)].map(({ event }) => event.id);
  expect(new Set(ids).size).toBe(ids.length);
  const later = createTraffic({ seed: 7, customers: 400, start: START + 1 });
  const again = new Set(later.next(START + MINUTE_MS).map(({ event }) => event.id));
  expect(ids.filter((id) => again.has(id))).toEqual([]);
});

test("events come in order of time, never before they are due", () => {
  const one = traffic();
  let last = START;
  for (let now = START; now < START + 2 * MINUTE_MS; now += 250)
    for (const { event } of one.next(now)) {
      expect(event.ts).toBeGreaterThanOrEqual(last);
      expect(event.ts).toBeLessThanOrEqual(now);
      last = event.ts;
    }
  expect(last).toBeGreaterThan(START + MINUTE_MS);
});

test.each([20, 50, 200])("over a day of the curve the mean rate is near %i events a second", (rate) => {
  const one = createTraffic({ seed: 3, customers: 2_000, start: START, rate });
  const events = one.next(START + 10 * MINUTE_MS).length / 600;
  expect(events).toBeGreaterThan(rate * 0.85);
  expect(events).toBeLessThan(rate * 1.15);
});

test("the day curve has mean 1 and stays within its stated bounds", () => {
  const points = Array.from({ length: 2_400 }, (_, index) => dayCurve(index * 100, 240_000));
  expect(points.reduce((sum, point) => sum + point, 0) / points.length).toBeCloseTo(1, 3);
  expect(Math.min(...points)).toBeGreaterThanOrEqual(0.5);
  expect(Math.max(...points)).toBeLessThanOrEqual(1.5);
});

test("every event passes the schema of the streams", () => {
  const one = traffic();
  const all = [...one.opening(), ...one.next(START + 10 * MINUTE_MS)];
  expect(all.length).toBeGreaterThan(20_000);
  const wrong = all.filter(({ stream, event }) => {
    const decoded = decodeEventBytes(Buffer.from(JSON.stringify(event)), stream);
    return !("key" in decoded) || decoded.key !== event.customer;
  });
  expect(wrong).toEqual([]);
});

test("the past is at most 90 days old, begins with the attributes of each customer, and asks for nothing", () => {
  const opening = traffic().opening();
  const first = new Map<string, string>();
  for (const { event } of opening) if (!first.has(event.customer)) first.set(event.customer, event.type);
  expect(first.size).toBe(400);
  expect(new Set(first.values())).toEqual(new Set(["profile_update"]));
  for (const { event, asks, callFor } of opening) {
    expect(START - event.ts).toBeLessThan(90 * DAY_MS);
    expect(event.ts).toBeLessThanOrEqual(START);
    expect(asks ?? callFor).toBeUndefined();
  }
});

test("what the rules of the demo wait for does happen, and attributes have the names that rules declare", async () => {
  const files = await readRulebookFolder(`${repositoryRoot}/rules`);
  const one = traffic();
  const live = one.next(START + 10 * MINUTE_MS);
  const types = new Set(live.map(({ event }) => event.type));
  const awaited = [...(files["triggers.yaml"] ?? "").matchAll(/on: \[([^\]]+)\]/g)].flatMap((match) =>
    (match[1] ?? "").split(",").map((type) => type.trim()),
  );
  expect(awaited.length).toBeGreaterThan(4);
  expect(awaited.filter((type) => !types.has(type))).toEqual([]);
  const declared = (files["features.yaml"] ?? "").split("\nfeatures:")[0] ?? "";
  const told = Object.keys(one.opening()[0]?.event.props ?? {});
  expect(told.length).toBeGreaterThan(8);
  expect(told.filter((name) => !declared.includes(`name: ${name},`))).toEqual([]);
});

test("calls come every few seconds, the first one for the desk, about a third of all for it", () => {
  const calls = traffic()
    .next(START + 20 * MINUTE_MS)
    .filter(({ callFor }) => callFor !== undefined);
  expect(calls.find(({ callFor }) => callFor === "desk")).toBe(calls[0]);
  expect((calls[0]?.event.ts ?? 0) - START).toBeLessThan(6_000);
  expect(calls.length).toBeGreaterThan(20 * 60 * 0.12);
  const share = calls.filter(({ callFor }) => callFor === "desk").length / calls.length;
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.47);
});

test("in a churn wave a batch of customers looks at closing the account and is not heard of again", () => {
  const one = traffic();
  const before = one.next(START + MINUTE_MS - 1);
  const wave = one.next(START + 2 * MINUTE_MS);
  const closers = (events: readonly TrafficEvent[]) =>
    new Set(events.filter(({ event }) => event.type === "account_closure_viewed").map(({ event }) => event.customer));
  const left = [...closers(wave)].filter((customer) => one.person(customer)?.quiet === true);
  expect(left.length).toBeGreaterThanOrEqual(8);
  expect(closers(before).size).toBeLessThan(left.length);
  const after = one.next(START + 9 * MINUTE_MS).filter(({ event }) => event.ts > START + 4 * MINUTE_MS);
  const visits = new Set(after.filter(({ event }) => event.type === "page_view").map(({ event }) => event.customer));
  expect(left.filter((customer) => visits.has(customer))).toEqual([]);
});

test("acceptance differs by action, and by who is asked", () => {
  const random = createRandom(5);
  const people = [
    ...new Map(
      traffic()
        .opening()
        .map(({ event }) => [event.customer, event.customer]),
    ).keys(),
  ];
  const one = traffic();
  const accepted = (action: string, persona?: string): number => {
    const asked = people
      .flatMap((id) => one.person(id) ?? [])
      .filter((person) => !persona || person.persona === persona);
    const tries = Array.from({ length: 4_000 }, (_, index) => asked[index % asked.length]);
    const yes = tries.filter((person) => person && answerTo(random, person, action, "app").includes("accepted"));
    return yes.length / tries.length;
  };
  expect(accepted("help-declined-card")).toBeGreaterThan(accepted("savings-plan") * 2);
  expect(accepted("savings-plan")).toBeGreaterThan(accepted("personal-loan"));
  expect(accepted("travel-insurance", "traveller")).toBeGreaterThan(accepted("travel-insurance", "struggling") * 2);
  const unknown = Array.from({ length: 12 }, (_, index) => accepted(`something-new-${index}`));
  expect(Math.max(...unknown)).toBeGreaterThan(Math.min(...unknown) * 1.5);
});

test("every persona occurs", () => {
  const one = traffic();
  const seen = new Set(one.opening().map(({ event }) => one.person(event.customer)?.persona));
  expect([...seen].sort()).toEqual([...PERSONAS].sort());
});

test("the queue gives what is due, earliest first, equals in order of adding", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 30 })), fc.integer({ min: 0, max: 30 }), (times, now) => {
      const queue = createDueQueue<number>();
      times.forEach((at, index) => {
        queue.add(at, index);
      });
      const taken: number[] = [];
      for (let due = queue.take(now); due !== undefined; due = queue.take(now)) taken.push(due.item);
      const wanted = times.map((at, index) => ({ at, index })).filter(({ at }) => at <= now);
      wanted.sort((a, b) => a.at - b.at || a.index - b.index);
      expect(taken).toEqual(wanted.map(({ index }) => index));
    }),
  );
});
