// What one event costs the engine's own thread, without Redis, sockets and models: decoded, folded, 5 % decided, and packed
// into the commits of 64 partitions. The very steps of the loop, over the journal in memory of the sandbox.
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { customerKey, type ModelIndex, type PartitionIndex, type Position } from "../engine/domain/ids.ts";
import { partitionOf } from "../engine/domain/partition-of.ts";
import type { Instant } from "../engine/domain/time.ts";
import { encodeCommit } from "../engine/journal/commit-record.ts";
import type { RawEntry } from "../engine/journal/journal.ts";
import { createMetrics } from "../engine/observe/metrics.ts";
import { createLoopMeter } from "../engine/partition/loop-meter.ts";
import { runStep, type StepOutput } from "../engine/partition/step.ts";
import { activeRulebookOf } from "../engine/sandbox/active-rulebook-of.ts";
import { type Lab, openLab } from "../engine/sandbox/lab.ts";
import type { Scorer } from "../engine/score/scorer.ts";
import { compileRules, deliveredFiles } from "./load/delivered-rules.ts";
import { PARTITIONS } from "./load/engine-under-test.ts";
import { type BenchEvent, makeBatch } from "./load/events.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "step",
  about:
    "CPU of one event: decoded, folded, 5 % decided, packed for the journal; no Redis, no models; beside JSON.parse of it",
  run,
};

const CUSTOMERS = 20_000;
const EVENTS = 200_000;
/** As many as the loop takes at most. */
const ENTRIES_PER_STEP = 1_024;
const WRITE_BACK = { entriesMax: 8_000, profilesMax: 512, flush: false };

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const rules = compileRules(await deliveredFiles());
  const startsAt = Date.now() as Instant;
  const lab = await openLab({
    rulebook: activeRulebookOf(rules.rulebook, evenScorer(rules.rulebook.models)),
    startsAt,
    partitions: PARTITIONS,
  });
  const { stages, onEntry } = createLoopMeter(createMetrics({ version: "bench", node: process.version }));
  const count = options.quick ? 20_000 : EVENTS;
  let bytes = 0;
  let packed = 0;
  const steps = async (entries: readonly Placed[]): Promise<void> => {
    for (let from = 0; from < entries.length; from += ENTRIES_PER_STEP) {
      const output = await runStep(lab.stepping, {
        entries: byPartition(entries.slice(from, from + ENTRIES_PER_STEP)),
        asks: [],
        looks: [],
        clock: () => startsAt,
        isFlushing: false,
        stages,
        writeBack: () => WRITE_BACK,
        encode: encodeCommit,
        onEntry,
      });
      packed += await commit(lab, output);
    }
  };
  const batchOf = (name: string, seed: number): readonly Placed[] =>
    placed(makeBatch(name, count, CUSTOMERS, seed).events, startsAt);
  await steps(batchOf("warm", 1_000));
  packed = 0;
  const us = await alternate(roundsOf(options), {
    step: async (round) => {
      const entries = batchOf(`s${round}`, round);
      return await cpuOf(count, () => steps(entries));
    },
    parse: async (round) => {
      const entries = batchOf(`p${round}`, round);
      return await cpuOf(count, () => {
        for (const { raw } of entries) bytes += Object.keys(JSON.parse(String(raw.fields[3]))).length;
      });
    },
  });
  if (bytes === 0) throw new Error("nothing was parsed");
  return [
    rowOf("a step of the loop", "us of CPU an event", us.step, us.parse),
    rowOf("JSON.parse of the same entries", "us of CPU an event", us.parse),
    rowOf("journal of it", "bytes an event", [packed / count / roundsOf(options)]),
  ];
}

/** All that a step may ask of models, without a model. */
function evenScorer(models: readonly { readonly name: string }[]): Scorer {
  return {
    models: models.map(({ name }) => ({ name, sha256: "" })),
    score: async (_model, rows) => ({
      values: new Float64Array(rows.length).fill(0.5),
      fallback: new Uint8Array(rows.length),
      why: undefined,
    }),
    scoreAll: async (requests) =>
      requests.map(({ model }: { readonly model: ModelIndex }, at) => ({
        model,
        value: (at % 97) / 97,
        fallback: false,
      })),
  };
}

interface Placed {
  readonly partition: PartitionIndex;
  readonly raw: RawEntry;
}

/** As XREAD gives them. */
function placed(events: readonly BenchEvent[], now: Instant): readonly Placed[] {
  return events.map(({ customer, stream, json }, nth) => ({
    partition: partitionOf(customerKey(customer), PARTITIONS),
    raw: { position: `${now}-${nth}` as Position, fields: ["s", stream, "d", json].map((text) => Buffer.from(text)) },
  }));
}

function byPartition(entries: readonly Placed[]): Map<PartitionIndex, RawEntry[]> {
  const lists = new Map<PartitionIndex, RawEntry[]>();
  for (const { partition, raw } of entries) {
    const list = lists.get(partition);
    if (list === undefined) lists.set(partition, [raw]);
    else list.push(raw);
  }
  return lists;
}

/** Bytes that go into the journal. */
async function commit(lab: Lab, { closed }: StepOutput): Promise<number> {
  let bytes = 0;
  for (const { partition, commit: draft } of closed) {
    bytes += draft.payload.length;
    await lab.journal.commit(partition.token, draft);
    partition.committed = draft.seq;
    partition.outbox.length = 0;
  }
  return bytes;
}

async function cpuOf(count: number, work: () => Promise<void> | void): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / count;
}
