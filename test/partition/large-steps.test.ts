// The fast path beside its plain twin: many entries and asks in one step, in waves, over several partitions and letting go of
// the thread wherever it may, beside the same one at a time, each in a step of its own.
import { expect, it } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { type CustomerKey, customerKey, type PartitionIndex } from "../../engine/domain/ids.ts";
import { HOUR_MS, type Instant } from "../../engine/domain/time.ts";
import { encodeEvent } from "../../engine/ingest/log-entry.ts";
import type { RawEntry } from "../../engine/journal/journal.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import type { WaitingAsk } from "../../engine/partition/asks.ts";
import { createBreath } from "../../engine/partition/breath.ts";
import { askId } from "../../engine/partition/questions.ts";
import { sha256 } from "../../engine/partition/rulebook-library.ts";
import { runStep } from "../../engine/partition/step.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import { activeRulebookOf } from "../../engine/sandbox/active-rulebook-of.ts";
import { createGivenScorer } from "../../engine/sandbox/given-scorer.ts";
import { homeOf, type Lab, openLab, settle, stepOnce } from "../../engine/sandbox/lab.ts";
import { seeded } from "../kills/seeded.ts";

const BEGIN = Date.UTC(2026, 2, 2, 9) as Instant;
const PARTITIONS = 3;
const CUSTOMERS = 12;
const ROUNDS = process.env["NBA_LONG"] === "1" ? 400 : 40;
const SEED = Number(process.env["NBA_SEED"] ?? Date.now() % 1_000_000);

interface Round {
  readonly events: readonly { readonly key: CustomerKey; readonly id: string; readonly amount: number }[];
  readonly asks: readonly { readonly key: CustomerKey; readonly name: string }[];
}

function drawRound(random: () => number, round: number): Round {
  const anyone = (): CustomerKey => customerKey(`c-${Math.floor(random() * CUSTOMERS)}`);
  const count = (most: number): number => Math.floor(random() * most);
  return {
    // A large one triggers; some customers have several in one step, and ask in it, too.
    events: Array.from({ length: count(24) }, (_, n) => {
      return { key: anyone(), id: `e-${round}-${n}`, amount: random() < 0.3 ? 150 : 10 };
    }),
    asks: Array.from({ length: count(16) }, (_, n) => ({ key: anyone(), name: `a-${round}-${n}` })),
  };
}

async function newLab(): Promise<Lab> {
  const files = await readRulebookFolder(`${repositoryRoot}/test/fixtures/rules-small`);
  const compiled = compileRulebook({ files, models: [], sha256 });
  if (compiled.kind === "faulty") throw new Error(JSON.stringify(compiled.faults));
  const rulebook = activeRulebookOf(
    compiled.rulebook,
    createGivenScorer([], () => undefined, undefined),
  );
  return await openLab({ rulebook, startsAt: BEGIN, partitions: PARTITIONS, delivers: false });
}

function waitingFor(lab: Lab, { key, name }: Round["asks"][number]): WaitingAsk {
  const partition = homeOf(lab, key);
  const ask = {
    key,
    channel: "app",
    placements: [{ name: "app-home" }],
    context: {},
    deadlineMs: 0,
    idempotencyKey: name,
  };
  const forEver = { isAwaited: () => true, isSettled: () => false, remainingMs: () => Number.POSITIVE_INFINITY };
  return { ask, partition, id: askId(partition, ask), settle: () => undefined, ...forEver };
}

async function append(lab: Lab, { events }: Round): Promise<void> {
  for (const { key, id, amount } of events) {
    const event = { id, type: "purchase", key, ts: lab.now, source: "transactions", props: { amount } };
    await lab.journal.append(homeOf(lab, key), encodeEvent(event));
  }
}

async function oneByOne(lab: Lab, round: Round): Promise<readonly DecisionRecord[]> {
  await append(lab, round);
  const decisions = [...(await settle(lab)).decisions];
  for (const ask of round.asks) {
    await stepOnce(lab, ask.key, undefined, [waitingFor(lab, ask)]);
    decisions.push(...(await settle(lab)).decisions);
  }
  return decisions;
}

async function allAtOnce(lab: Lab, round: Round): Promise<readonly DecisionRecord[]> {
  await append(lab, round);
  const entries = new Map<PartitionIndex, RawEntry[]>();
  for (let next = lab.journal.take(); next !== undefined; next = lab.journal.take()) {
    const before = entries.get(next.partition);
    if (before === undefined) entries.set(next.partition, [next.raw]);
    else before.push(next.raw);
  }
  const output = await runStep(lab.stepping, {
    entries,
    asks: round.asks.map((ask) => waitingFor(lab, ask)),
    looks: [],
    clock: () => lab.now,
    isFlushing: false,
    stages: { lap: () => undefined, onDropped: () => undefined },
    writeBack: () => {
      return { entriesMax: Number.POSITIVE_INFINITY, profilesMax: 0, agedOrdinal: 0, agedMax: 0, flush: false };
    },
    isRound: true,
    breathe: createBreath(0),
    onEntry: () => undefined,
  });
  expect(output.refused).toEqual([]);
  for (const { partition, commit } of output.closed) {
    expect(await lab.journal.commit(partition.token, commit)).toEqual({ kind: "ok" });
    partition.committed = commit.seq;
  }
  return output.closed.flatMap(({ draft }) => draft.decisions);
}

/** In which order customers are decided says nothing; in which order one customer's decisions fall does. */
function byCustomer(records: readonly DecisionRecord[]): Record<string, readonly DecisionRecord[]> {
  const told: Record<string, DecisionRecord[]> = {};
  for (const record of records) {
    const before = told[record.key];
    if (before === undefined) told[record.key] = [record];
    else before.push(record);
  }
  return told;
}

function profiles(lab: Lab): readonly unknown[] {
  return Array.from({ length: CUSTOMERS }, (_, n) => {
    const key = customerKey(`c-${n}`);
    const { store, active } = lab.stepping.partitions[homeOf(lab, key)] as Lab["stepping"]["partitions"][number];
    if (!store.has(key)) return undefined;
    const features = new Float64Array(active.rulebook.features.length);
    store.features(key, lab.now, features);
    return { features: [...features], state: store.state(key) };
  });
}

it(`one large step decides what many small ones do, and leaves the same profiles, ${ROUNDS} times (NBA_SEED=${SEED})`, async () => {
  const random = seeded(SEED);
  const [plain, fast] = [await newLab(), await newLab()];
  let decided = 0;
  let several = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const drawn = drawRound(random, round);
    const expected = byCustomer(await oneByOne(plain, drawn));
    expect(byCustomer(await allAtOnce(fast, drawn))).toEqual(expected);
    expect(profiles(fast)).toEqual(profiles(plain));
    for (const { length } of Object.values(expected)) {
      decided += length;
      if (length > 1) several++;
    }
    plain.now = fast.now = (fast.now + 5 * HOUR_MS) as Instant;
  }
  expect(decided).toBeGreaterThan(ROUNDS);
  expect(several, "customers with several decisions in one step").toBeGreaterThan(0);
});
