// S1 S2 S5: a run whose session is lost again and again ends with the same profiles as one that never was, and both as a
// count that knows nothing of the engine.
import fc from "fast-check";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import { decodeBase } from "../../engine/journal/base.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type RunningLoop, startLoop } from "../start-loop.ts";
import {
  askFor,
  connect,
  cutConnections,
  decided,
  event,
  home,
  journalOf,
  lookAt,
  outcomeOf,
  PARTITIONS,
  until,
} from "./harness.ts";

let redis: TestRedis;
let client: Redis;

beforeAll(async () => {
  redis = await startTestRedis();
  client = connect(redis);
});
afterAll(async () => {
  client.disconnect();
  await redis.stop();
});
beforeEach(() => client.flushall());

type Act =
  | { readonly kind: "purchase"; readonly who: number; readonly amount: number }
  | { readonly kind: "again" }
  | { readonly kind: "broken" }
  | { readonly kind: "update"; readonly who: number; readonly tier: string }
  | { readonly kind: "ask"; readonly who: number }
  | { readonly kind: "answer"; readonly outcome: string }
  | { readonly kind: "interrupt" };

const CUSTOMERS = 12;
const who = fc.nat({ max: CUSTOMERS - 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constant("purchase" as const), who, amount: fc.integer({ min: 1, max: 120 }) }),
  },
  { weight: 3, arbitrary: fc.constant({ kind: "again" as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: "broken" as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("update" as const), who, tier: fc.string({ maxLength: 8 }) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("ask" as const), who }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("answer" as const),
      outcome: fc.constantFrom("presented", "accepted", "declined"),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "interrupt" as const }) },
);

const TINY = {
  recoveryEntriesMax: 24,
  profilesMax: 6,
  profilesPerCommitMax: 2,
  writeBackAfterMs: 40,
  entriesPerStepMax: 4,
  entriesPerReadMax: 3,
};

interface Result {
  readonly profiles: Record<string, unknown>;
  readonly naive: Record<string, { readonly codes: Record<string, string> }>;
  readonly counts: Record<string, number>;
  readonly sent: Record<string, number>;
  readonly dead: number;
  readonly triggers: readonly string[];
  readonly trigged: readonly string[];
  readonly evidence: string;
}

async function play(acts: readonly Act[], isInterrupted: boolean): Promise<Result> {
  await client.flushall();
  let running = await startLoop(redis.url, TINY);
  const books = new Map<
    string,
    { count: number; spend: number; tier: string | undefined; codes: Map<string, string> }
  >();
  const bookOf = (name: string) => {
    const book = books.get(name) ?? { count: 0, spend: 0, tier: undefined, codes: new Map<string, string>() };
    books.set(name, book);
    return book;
  };
  const sent = { folded: 0, duplicate: 0, dead: 0 };
  const triggers: string[] = [];
  let last: ReturnType<typeof event> | undefined;
  let open: { name: string; code: string } | undefined;
  const now = Date.now();
  const put = (what: ReturnType<typeof event>) =>
    client.xadd(`nba:{${home(what.key)}}:events`, "*", ...encodeEvent(what));
  for (const [n, one] of acts.entries()) {
    switch (one.kind) {
      case "purchase": {
        const name = `c-${one.who}`;
        last = event(`p-${n}`, "purchase", name, { amount: one.amount }, now + n);
        await put(last);
        const book = bookOf(name);
        book.count++;
        book.spend += one.amount;
        sent.folded++;
        if (one.amount >= 100) triggers.push(last.id);
        break;
      }
      case "again":
        if (last === undefined) break;
        await put(last);
        sent.duplicate++;
        break;
      case "broken":
        await client.xadd("nba:{1}:events", "*", "s", "http", "d", "{broken");
        sent.dead++;
        break;
      case "update": {
        const name = `c-${one.who}`;
        await put(event(`u-${n}`, "profile_update", name, { tier: one.tier }, now + n));
        bookOf(name).tier = one.tier;
        sent.folded++;
        break;
      }
      case "ask": {
        const name = `c-${one.who}`;
        const record = decided(await askUntilDecided(running, name, `k-${n}`));
        for (const { trackingCode } of record.contacts) bookOf(name).codes.set(trackingCode, "pending");
        const code = record.contacts[0]?.trackingCode;
        if (code !== undefined) open = { name, code };
        break;
      }
      case "answer": {
        if (open === undefined) break;
        await put(outcomeOf(open.name, open.code, one.outcome, now + n));
        const codes = bookOf(open.name).codes;
        const before = codes.get(open.code) as string;
        if (moves(before, one.outcome)) codes.set(open.code, one.outcome);
        sent.folded++;
        break;
      }
      case "interrupt":
        if (!isInterrupted) break;
        if (n % 3 === 0) {
          await running.stop();
          running = await startLoop(redis.url, TINY);
        } else await cutConnections(client, running);
    }
  }
  const profiles: Record<string, unknown> = {};
  for (const name of books.keys())
    await until(async () => (await lookAt(running, name)).features["purchases_24h"] === books.get(name)?.count);
  await running.stop();
  running = await startLoop(redis.url, TINY);
  for (const name of books.keys()) {
    const { features, attributes, contacts } = await lookAt(running, name);
    const asked = contacts.filter(({ inbound }) => inbound);
    profiles[name] = {
      count: features["purchases_24h"],
      spend: features["spend_all"],
      tier: attributes["tier"],
      codes: Object.fromEntries(asked.map(({ trackingCode, outcome }) => [trackingCode, outcome])),
    };
    const pushes = contacts.filter(({ inbound }) => !inbound).length;
    expect(pushes, "the cap of two pushes a day").toBeLessThanOrEqual(2);
  }
  await running.stop();
  const counts = { folded: 0, duplicate: 0, dead: 0 };
  let dead = 0;
  const trigged: string[] = [];
  const evidence: Record<number, [number, number]> = {};
  for (let index = 0; index < PARTITIONS; index++) {
    const bytes = await client.hgetBuffer(`nba:{${index}}:checkpoint`, "base");
    if (bytes === null) continue;
    const base = decodeBase(bytes);
    counts.folded += base.counts.folded;
    counts.duplicate += base.counts.duplicate;
    counts.dead += base.counts.dead;
    for (const [treatment, trials, positives] of base.learned) {
      const [t, p] = evidence[treatment] ?? [0, 0];
      evidence[treatment] = [t + trials, p + positives];
    }
    dead += await client.xlen(`nba:{${index}}:dead`);
    const journal = await journalOf(client, index);
    const ids = journal.flatMap(({ decisions }) => decisions.map(({ id }) => id));
    expect(new Set(ids).size, "a decision was journalled twice").toBe(ids.length);
    trigged.push(...journal.flatMap(({ decisions }) => decisions.flatMap(({ trigger }) => trigger?.event ?? [])));
  }
  const total = Object.values(evidence).reduce(([t, p], [trials, positives]) => [t + trials, p + positives], [0, 0]);
  return {
    profiles,
    naive: Object.fromEntries(
      [...books].map(([name, book]) => [name, { ...book, codes: Object.fromEntries(book.codes) }]),
    ),
    counts,
    sent,
    dead,
    triggers: triggers.sort(),
    trigged: trigged.sort(),
    evidence: `${total}`,
  };
}

/** Only the moves of this test's outcomes: the whole machine is tested where it lives. */
function moves(before: string, outcome: string): boolean {
  if (before === "pending") return true;
  if (before === "presented") return outcome !== "presented";
  return before === "declined" && outcome === "accepted";
}

async function askUntilDecided({ loop }: RunningLoop, name: string, idempotencyKey: string) {
  for (;;) {
    const answer = await loop.engine.ask(askFor(name, { idempotencyKey, requestHash: "same" }));
    if (answer.kind === "decided") return answer;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("recovery", () => {
  it("S1 S2 S5: interrupted at random or never, the books and the profiles agree", { timeout: 600_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 30, maxLength: 90 }), async (acts) => {
        for (const isInterrupted of [true, false]) {
          const result = await play(acts, isInterrupted);
          expect(result.profiles).toEqual(result.naive);
          expect(result.counts).toEqual(result.sent);
          const outcomes = Object.values(result.naive).flatMap(({ codes }) => Object.values(codes));
          const trials = outcomes.filter((outcome) => outcome !== "pending").length;
          const positives = outcomes.filter((outcome) => outcome === "accepted").length;
          expect(result.evidence).toBe(`${trials},${positives}`);
          expect(result.dead, "each dead letter once").toBe(result.sent["dead"]);
          expect(result.trigged, "each trigger decided once").toEqual(result.triggers);
        }
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 60 : 3, endOnFailure: true },
    );
  });
});
