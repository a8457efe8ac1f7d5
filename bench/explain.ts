// What it costs that every decision can be explained: decided and encoded for the journal with all that a replay needs, beside
// the same without. Reasons for what is dropped are part of deciding and are made in both.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { type Decider, decide } from "../engine/decide/decide.ts";
import { recordOf, slateRecords } from "../engine/decide/record.ts";
import { superseded } from "../engine/decide/sticky.ts";
import type { DecisionInput, DecisionRecord } from "../engine/domain/decision.ts";
import type { Position } from "../engine/domain/ids.ts";
import type { Instant } from "../engine/domain/time.ts";
import { encodeCommit } from "../engine/journal/commit-record.ts";
import { microseconds, requestFor } from "./decide.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { drawActions, rulebookOf } from "./load/generated-rules.ts";
import { makeInputs } from "./load/profiles.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "explain",
  about: "one decision, decided and encoded for the journal with everything that explains it, beside the same without",
  run,
};

const PROFILES = 65_536;
const TURN_MS = 700;
const NO_BYTES = new Float64Array(0);

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const delivered = await deliveredFiles();
  const rows: BenchRow[] = [];
  for (const count of [100, 2_500]) {
    const { decider, ...rules } = compileRules(rulebookOf(drawActions(count, count), delivered));
    const request = requestFor(rules.rulebook);
    const now = Date.now() as Instant;
    const profiles = options.quick ? 2_048 : PROFILES;
    const inputs = makeInputs({ decider, ...rules }, { count: profiles, seed: count, contacts: 20, now, request });
    const turnMs = options.quick ? 100 : TURN_MS;
    const cursor = { at: 0 };
    const on = (input: DecisionInput): number => bytesOf(explained(decider, input));
    const off = (input: DecisionInput): number => bytesOf(bare(decider, input));
    for (const warm of [on, off]) microseconds(turnMs, inputs, cursor, warm);
    const us = await alternate(roundsOf(options), {
      on: () => microseconds(turnMs, inputs, cursor, on),
      off: () => microseconds(turnMs, inputs, cursor, off),
    });
    const words = `${count} actions, ${rules.rulebook.treatments.length} treatments`;
    const sample = inputs.slice(0, 512);
    const mean = (bytes: (input: DecisionInput) => number): number =>
      sample.reduce((sum, input) => sum + bytes(input), 0) / sample.length;
    rows.push(
      rowOf(`explained, ${words}`, "us of CPU", us.on, us.off),
      rowOf(`without, ${words}`, "us of CPU", us.off),
      rowOf(`explained, ${words}`, "bytes", [mean(on)], [mean(off)]),
    );
    options.say(`${words}: done`);
  }
  return rows;
}

const NOTHING = { models: [], degraded: [] };

function explained(decider: Decider, input: DecisionInput): DecisionRecord {
  return recordOf(decider, input, decide(decider, input, []), NOTHING);
}

/** What the channels and the profile need of a decision, and no more: it could not be computed again. */
function bare(decider: Decider, input: DecisionInput): DecisionRecord {
  const decision = decide(decider, input, []);
  const { profile, request, now } = input;
  const { contacts, arms, pressure, kind } = decision;
  return {
    id: input.id,
    key: profile.key,
    kind,
    direction: request.direction,
    slates: slateRecords(decider.prepared, decision.slates),
    now,
    rulebook: decider.rulebook.hash,
    ...NOTHING,
    withheld: [],
    arms,
    spent: [],
    pressure,
    contacts,
    superseded: superseded(decider.prepared, profile, decision, now),
    input: {
      profile: { key: profile.key, features: NO_BYTES, attributes: [], contacts: [], consents: [], openCases: [] },
      request,
      evidence: [],
      quotas: [],
      draw: 0,
    },
    droppedDigest: "",
  };
}

function bytesOf(record: DecisionRecord): number {
  const { now } = record;
  return encodeCommit({ position: "0-0" as Position, now, decisions: [record], withdrawals: [], learned: [] }).length;
}
