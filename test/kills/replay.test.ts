// Decisions that were made between SIGKILLs, under rules that use every part of the language: each is computed again from the
// journal bit for bit, by a reader that was not there; and caps, quotas, holdout and arms hold over all of them.
import { rm } from "node:fs/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createRandom } from "../../engine/cli/traffic/random.ts";
import { type Replay, replay } from "../../engine/decide/replay.ts";
import type { DecisionRecord, ItemRecord } from "../../engine/domain/decision.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { startTestRedis, type TestRedis } from "../redis.ts";
import { type EngineProcess, startEngineProcess } from "../start-engine.ts";
import { expectNothingDiffers } from "../verify/nothing-differs.ts";
import { type FullBooks, makePeople, type Person, profileOf, startFullLoad } from "./full-load.ts";
import { writeCampaign, writeFullRules } from "./full-rules.ts";
import { isInHoldout, judgeJournal } from "./journal-oracle.ts";
import { type FoundRecords, readPayloads, readRecords, recordsIn } from "./record-reader.ts";
import { readWrittenRules, type WrittenRules } from "./written-rules.ts";

const ROUNDS = process.env["NBA_LONG"] === "1" ? 60 : 2;
const DECISIONS_MIN = 500;
const PARTITIONS = 4;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);
const people = makePeople(45);

/** Of every kind that can fire within seconds; the day of a daily one begins once. */
const TRIGGERS = ["bought", "looked", "buys-much", "said-no", "today"];

let redis: TestRedis;
let client: Redis;
let rulesDir: string;
let engine: EngineProcess | undefined;
let rules: WrittenRules;
let books: FullBooks;
let found: FoundRecords;

beforeAll(
  async () => {
    console.log(`kills, replayed: NBA_SEED=${SEED}`);
    redis = await startTestRedis({ appendOnly: true });
    client = new Redis(redis.tcpUrl);
    rulesDir = await writeFullRules();
    rules = await readWrittenRules(rulesDir);
    books = await live();
    found = await readRecords(client, PARTITIONS);
  },
  180_000 + ROUNDS * 45_000,
);
afterAll(async () => {
  await engine?.stop();
  client.disconnect();
  await redis.stop();
  await rm(rulesDir, { recursive: true });
});

async function start(): Promise<EngineProcess> {
  engine = await startEngineProcess({
    REDIS_URL: redis.url,
    PARTITIONS: String(PARTITIONS),
    RULES_DIR: rulesDir,
    MODELS_DIR: `${repositoryRoot}/models`,
    NBA_LEASE_MS: "400",
  });
  return engine;
}

async function kill(): Promise<void> {
  const killed = engine;
  engine = undefined;
  await killed?.kill();
}

/** Load and kills, until there is enough to be judged; then the engine stops as it should. */
async function live(): Promise<FullBooks> {
  const { next } = createRandom(SEED);
  await introduce((await start()).url);
  const load = startFullLoad({ redisUrl: redis.tcpUrl, url: () => engine?.url, people, random: next });
  for (let round = 0; round < ROUNDS; round++) {
    const answers = load.books.answers.size + 5 + Math.floor(next() * 25);
    await vi.waitFor(() => expect(load.books.answers.size).toBeGreaterThan(answers), { timeout: 30_000, interval: 5 });
    await kill();
    const { url } = await start();
    if (round === 0) await changeRules(url);
  }
  const isEnough = async (): Promise<void> => {
    const records = (await readPayloads(client, PARTITIONS)).flatMap(recordsIn);
    expect(records.length).toBeGreaterThanOrEqual(DECISIONS_MIN);
    expect(records.map(({ trigger }) => trigger?.id)).toEqual(expect.arrayContaining(TRIGGERS));
  };
  await vi.waitFor(isEnough, { timeout: 90_000, interval: 1_000 });
  await load.stop();
  const code = await engine?.stop();
  expect(code).toBe(0);
  engine = undefined;
  return load.books;
}

/** Before anything is decided: arms and time zones are to be those of the whole run. */
async function introduce(url: string): Promise<void> {
  const known = people.filter(({ key }) => !key.startsWith("anon:"));
  const told = known.map((person, n) => {
    return { id: `p-${n}`, type: "profile_update", customer: person.key, ts: Date.now(), props: profileOf(person, n) };
  });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${url}/v1/events`, { method: "POST", headers, body: JSON.stringify(told) });
  expect(await answer.json()).toMatchObject({ accepted: known.length });
  const lookAt = async ({ key }: Person): Promise<void> => {
    const look = (await (await fetch(`${url}/v1/customers/${key}`)).json()) as { attributes?: object };
    expect(look.attributes).toHaveProperty("age");
  };
  await vi.waitFor(() => Promise.all(known.map(lookAt)), { timeout: 20_000, interval: 100 });
}

/** A campaign is put in: it walks over the customers that are known, and a second rulebook decides from now on. */
async function changeRules(url: string): Promise<void> {
  await writeCampaign(rulesDir, Date.now());
  const answer = await fetch(`${url}/v1/rulebook:reload`, { method: "POST" });
  expect(answer.ok, await answer.text()).toBe(true);
}

function replayed(record: DecisionRecord): Replay {
  const known = found.deciders.get(record.rulebook);
  if (known === undefined) throw new Error(`Redis holds no rulebook ${record.rulebook}`);
  return replay(known.decider, record);
}

/**
 * Tracking codes of what the load, or the engine where an answer came too late, has reported as not delivered, and of what was
 * withdrawn from the desk, whose screens take it away (RSV-5).
 */
function released(): ReadonlySet<string> {
  const onDesk = new Set<string>();
  for (const { slates, withheld } of found.records) {
    for (const { trackingCode, treatment } of [...slates, ...withheld].flatMap(({ items }) => items))
      if (rules.treatments.get(treatment)?.channel === "desk") onDesk.add(trackingCode);
  }
  const takenAway = [...found.withdrawn].filter((code) => onDesk.has(code));
  return new Set([...books.notDelivered, ...found.notDelivered, ...takenAway]);
}

function firstItem({ slates }: DecisionRecord): ItemRecord | undefined {
  return slates.flatMap(({ items }) => items)[0];
}

describe("the journal of a run with kills in it", () => {
  test("every decision is computed again bit for bit, under the rulebook of its hash", () => {
    expect(found.records.length).toBeGreaterThanOrEqual(DECISIONS_MIN);
    expect(new Set(found.records.map(({ id }) => id)).size, "a decision stands there twice").toBe(found.records.length);
    const failed = found.records.flatMap((record) => {
      const { reproduced, differences } = replayed(record);
      return reproduced ? [] : [`${record.id} of ${record.key}: ${differences.slice(0, 3).join("; ")}`];
    });
    expect(failed).toEqual([]);
  });

  test("it shows two rulebooks and their variants, triggers of every kind that can fire, withheld offers, spending, and models that answered", () => {
    const { records, deciders } = found;
    const rulebooks = [...new Set(records.map(({ rulebook }) => rulebook))].map((hash) => deciders.get(hash)?.variant);
    expect(rulebooks.sort(), "two rulebooks, each with its variant").toEqual(["bold", "bold", undefined, undefined]);
    for (const record of records) {
      const isBold = record.arms.some(({ experiment, arm }) => experiment === "whole-book" && arm === "bold");
      expect(deciders.get(record.rulebook)?.variant, `${record.id} of ${record.key}`).toBe(isBold ? "bold" : undefined);
    }
    expect(records.map(({ trigger }) => trigger?.id)).toEqual(expect.arrayContaining(TRIGGERS));
    expect(records.some(({ models }) => models.some(({ fallback }) => !fallback))).toBe(true);
    expect(records.some(({ slates }) => slates.some(({ items }) => items.some(({ kept }) => kept)))).toBe(true);
  });

  test("what was answered is what was journalled", () => {
    const journalled = new Map(found.records.map((record) => [record.id as string, record]));
    for (const [id, { key, treatments }] of books.answers) {
      const record = journalled.get(id);
      expect(record?.key, `${id} was answered`).toBe(key);
      const items = record?.slates.flatMap((slate) => slate.items) ?? [];
      expect(items.map(({ treatment }) => treatment)).toEqual(treatments);
    }
    expect(books.outcomes, "outcomes must have been reported").toBeGreaterThan(0);
  });

  test("caps by window and by calendar day, quotas, holdout and arms hold, by an oracle that reads the YAML itself", () => {
    const { faults, reached, spent, shadows } = judgeJournal(rules, found.records, people, released());
    expect(faults).toEqual([]);
    expect(reached, "a cap must have been reached").toContain("group-a-day");
    expect(shadows, "offers must have been withheld").toBeGreaterThan(0);
    expect(spent.get("gold-cards"), "gold cards must have been spent").toBeGreaterThan(0);
    const units = (account: string): number | undefined => found.granted.get(`nba:{quota:${account}:total`);
    expect(units("gold-cards}:contacts"), "what was not spent is given back").toBe(spent.get("gold-cards"));
    expect(units("desk-budget}:cost"), "in millionths").toBe((spent.get("desk-budget") ?? 0) * 1_000_000);
  });

  test("nothing but what is exempt has reached a customer of the holdout", () => {
    const shown = [
      ...found.sent,
      ...[...books.answers.values()].flatMap(({ key, treatments }) =>
        treatments.map((treatment) => ({ customer: key, treatment })),
      ),
    ];
    const heldOut = shown.filter(({ customer }) => isInHoldout(rules.holdout, customer));
    expect(heldOut.filter(({ treatment }) => rules.treatments.get(treatment)?.exempt !== true)).toEqual([]);
    expect(people.some(({ key }) => isInHoldout(rules.holdout, key))).toBe(true);
    expect(shown.length - heldOut.length).toBeGreaterThan(0);
  });
});

test("nothing that Redis holds differs from what its streams say", { timeout: 60_000 + ROUNDS * 10_000 }, async () => {
  expect(await expectNothingDiffers(redis.url)).toBeGreaterThan(people.length / 2);
});

describe("the oracle", () => {
  const judged = (change: (record: DecisionRecord) => DecisionRecord | undefined): readonly string[] => {
    for (const [index, record] of found.records.entries()) {
      const changed = change(record);
      if (changed === undefined) continue;
      return judgeJournal(rules, found.records.with(index, changed), people, released()).faults;
    }
    throw new Error("no record is of that kind");
  };

  test("sees one contact too many", () => {
    const limited = judged((record) => {
      const { treatment, trackingCode } = firstItem(record) ?? {};
      const isOfCards = treatment !== undefined && rules.treatments.get(treatment)?.group === "cards";
      const own = record.contacts.filter((contact) => contact.trackingCode === trackingCode);
      // What was given back does not count, however often it stands there.
      const isCounted = own.length > 0 && own[0]?.shadow !== true && !released().has(trackingCode as string);
      return isOfCards && isCounted ? { ...record, contacts: [...own, ...own, ...own] } : undefined;
    });
    expect(limited).toContainEqual(expect.stringMatching(/: group-a-day has [345] of 2$/));
  });

  test("sees what is shown to the holdout, and a shadow in the open", () => {
    const shown = judged((record) =>
      record.withheld.some(({ items }) => items.length > 0)
        ? { ...record, slates: [...record.slates, ...record.withheld], withheld: [] }
        : undefined,
    );
    expect(shown).toContainEqual(expect.stringMatching(/ is shown to the holdout$/));
  });

  test("sees another arm, and units that were not noted", () => {
    const arms = judged((record) => (record.arms.length > 0 ? { ...record, arms: record.arms.slice(1) } : undefined));
    expect(arms).toEqual([expect.stringMatching(/: arms are "/)]);
    const spent = judged((record) => (record.spent.length > 0 ? { ...record, spent: [] } : undefined));
    expect(spent).toContainEqual(expect.stringMatching(/: 0 units are noted, /));
  });
});

describe("a journal entry of which one bit is flipped", () => {
  // Priorities lie in columns of the machine's own order, single numbers as MessagePack has them.
  const inColumn = (value: number): Buffer => Buffer.from(new Float64Array([value]).buffer);
  const double = (value: number): Buffer => inColumn(value).reverse();
  type Sought = string | Buffer | undefined;
  const places: readonly (readonly [string, (record: DecisionRecord) => Sought, "first" | "last"])[] = [
    ["digest of what was dropped", ({ droppedDigest }) => droppedDigest, "last"],
    ["tracking code", (record) => firstItem(record)?.trackingCode, "last"],
    ["treatment", (record) => firstItem(record)?.treatment, "last"],
    ["text", (record) => firstItem(record)?.content["title"] as string | undefined, "last"],
    ["last bit of a priority", (record) => fraction(firstItem(record)?.factors.priority, inColumn), "first"],
    ["last bit of the pressure", ({ pressure }) => fraction(pressure, double), "last"],
    ["arm", ({ arms }) => arms[0]?.experiment, "last"],
    ["quota that was spent of", ({ spent }) => spent[0]?.quota, "last"],
    ["hash of the rulebook", ({ rulebook }) => rulebook, "last"],
  ];

  /** A number that is written as a double. */
  function fraction(value: number | undefined, bytesOf: (value: number) => Buffer): Buffer | undefined {
    return value === undefined || Number.isInteger(value) ? undefined : bytesOf(value);
  }

  test.each(places)("is not reproduced: %s", (_, bytesOf, flips) => {
    const payload = found.payloads.find((one) => recordsIn(one).some((record) => bytesOf(record) !== undefined));
    const sought = recordsIn(payload as Buffer).flatMap((record) => bytesOf(record) ?? [])[0] as string | Buffer;
    const altered = Buffer.from(payload as Buffer);
    const begin = altered.indexOf(sought);
    expect(begin, "it stands in the entry as it is").toBeGreaterThan(0);
    const at = flips === "first" ? begin : begin + Buffer.byteLength(sought) - 1;
    altered.writeUInt8(altered.readUInt8(at) ^ 1, at);
    const verdicts = recordsIn(altered).map((record) => {
      const known = found.deciders.get(record.rulebook) ?? [...found.deciders.values()][0];
      return replay((known as NonNullable<typeof known>).decider, record).reproduced;
    });
    expect(verdicts.filter((reproduced) => !reproduced)).toHaveLength(1);
    expect(recordsIn(payload as Buffer).every((record) => replayed(record).reproduced)).toBe(true);
  });
});
