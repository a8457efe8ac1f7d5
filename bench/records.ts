// What it costs an event that the engine counts what it does and that every decision can be explained: the steps of the loop
// with metrics and whole records, beside the same steps with neither.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import type { Decider } from "../engine/decide/decide.ts";
import type { DecisionRecord } from "../engine/domain/decision.ts";
import { type CandidateRows, DropWriter } from "../engine/domain/drop-list.ts";
import type { Instant } from "../engine/domain/time.ts";
import { type CommitRecord, encodeCommit } from "../engine/journal/commit-record.ts";
import type { LoopMeter } from "../engine/partition/loop-meter.ts";
import { bankFiles, drawOffers } from "./load/bank-rules.ts";
import { cpuOf } from "./load/cpu-time.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { makeBatch } from "./load/events.ts";
import { introductions } from "./load/population.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";
import { openStepping, placed, type Stepping } from "./load/stepping.ts";

export const bench: Bench = {
  name: "records",
  about:
    "events a second of CPU with metrics and with all that explains a decision in the journal, beside the same with neither; 100 actions, 5 % of events trigger",
  run,
};

const OFFERS = 100;
const CUSTOMERS = 65_536;
const EVENTS = 100_000;

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rules = compileRules(bankFiles(drawOffers(OFFERS, 1), await deliveredFiles()));
  const startsAt = Date.now() as Instant;
  const on = await openStepping(rules, { startsAt });
  const unmetered = await openStepping(rules, { startsAt, meter: NO_METER });
  const off = await openStepping(rules, { startsAt, meter: NO_METER, decider: withoutDrops, encode: withoutInputs });
  const known = placed(introductions(0, CUSTOMERS, startsAt - 60_000), startsAt);
  const count = options.quick ? 10_000 : EVENTS;
  const bytes = { on: 0, off: 0 };
  const turn = async (stepping: Stepping, name: string, seed: number): Promise<readonly [number, number]> => {
    const entries = placed(makeBatch(name, count, CUSTOMERS, seed).events, startsAt);
    let packed = 0;
    const us = await cpuOf(count, async () => {
      packed = await stepping.take(entries);
    });
    return [1e6 / us, packed];
  };
  for (const stepping of [on, unmetered, off]) {
    await stepping.take(known);
    await turn(stepping, "warm", 1_000);
  }
  const rates = await alternate(roundsOf(options), {
    on: async (round) => {
      const [rate, packed] = await turn(on, `r${round}`, round);
      bytes.on += packed / count;
      return rate;
    },
    unmetered: async (round) => (await turn(unmetered, `r${round}`, round))[0],
    off: async (round) => {
      const [rate, packed] = await turn(off, `r${round}`, round);
      bytes.off += packed / count;
      return rate;
    },
  });
  const rounds = roundsOf(options);
  return [
    rowOf("metrics and explain records on, of both off", "events a second of CPU", rates.on, rates.off),
    rowOf("metrics on, of metrics off; records on", "events a second of CPU", rates.on, rates.unmetered),
    rowOf("both off", "events a second of CPU", rates.off),
    rowOf("journal with all that explains", "bytes an event", [bytes.on / rounds], [bytes.off / rounds]),
  ];
}

const NO_METER: LoopMeter = {
  stages: { start: () => undefined, lap: () => undefined, onDropped: () => undefined },
  onEntry: () => undefined,
  onCommitted: () => undefined,
};

/** Reasons are found by deciding and cost it what they cost; nobody counts them, digests them or looks for their evidence. */
function withoutDrops(decider: Decider): Decider {
  const rows: CandidateRows = decider.prepared.table;
  const dropped = new DropWriter().take(rows);
  return {
    ...decider,
    choose: (input, qualified, scores) => Object.assign(decider.choose(input, qualified, scores), { dropped }),
  };
}

const NO_FEATURES = new Float64Array(0);

/** What channels and profiles need of a decision, and no more: it could not be computed again. In place: a copy would cost, too. */
function withoutInputs(record: CommitRecord): Buffer {
  for (const decision of record.decisions) leaveOutInputs(decision);
  return encodeCommit(record);
}

function leaveOutInputs(record: DecisionRecord): void {
  const { request, draw } = record.input;
  const profile = { key: record.key, features: NO_FEATURES, attributes: [], contacts: [], consents: [], openCases: [] };
  Object.assign(record, { droppedDigest: "", input: { profile, request, evidence: [], quotas: [], draw } });
}
