// The very steps of the loop over the journal in memory of the sandbox: no Redis, no sockets, no models.
import type { Decider } from "../../engine/decide/decide.ts";
import { customerKey, type ModelIndex, type PartitionIndex, type Position } from "../../engine/domain/ids.ts";
import { partitionOf } from "../../engine/domain/partition-of.ts";
import type { Instant } from "../../engine/domain/time.ts";
import { type CommitRecord, encodeCommit } from "../../engine/journal/commit-record.ts";
import type { RawEntry } from "../../engine/journal/journal.ts";
import { createMetrics } from "../../engine/observe/metrics.ts";
import { createLoopMeter, type LoopMeter } from "../../engine/partition/loop-meter.ts";
import { runStep, type StepOutput } from "../../engine/partition/step.ts";
import { activeRulebookOf } from "../../engine/sandbox/active-rulebook-of.ts";
import { type Lab, openLab } from "../../engine/sandbox/lab.ts";
import type { Scorer } from "../../engine/score/scorer.ts";
import type { Rules } from "./delivered-rules.ts";
import { PARTITIONS } from "./engine-under-test.ts";
import type { BenchEvent } from "./events.ts";

/** As many as the loop takes at most. */
const ENTRIES_PER_STEP = 1_024;
const WRITE_BACK = { entriesMax: 8_000, agedOrdinal: 0, agedMax: 0, profilesMax: 512, flush: false };

export interface SteppingOptions {
  readonly startsAt: Instant;
  /** Left out: metrics as the engine has them. */
  readonly meter?: LoopMeter;
  /** What is put between a rulebook and those who ask it. Left out: nothing. */
  readonly decider?: (decider: Decider) => Decider;
  /** Left out: as the journal keeps it. */
  readonly encode?: (record: CommitRecord) => Buffer;
}

export interface Stepping {
  /** Folds, decides and packs all of them; resolves with the bytes that went into the journal. */
  readonly take: (entries: readonly Placed[]) => Promise<number>;
}

export interface Placed {
  readonly partition: PartitionIndex;
  readonly raw: RawEntry;
}

export async function openStepping(rules: Rules, options: SteppingOptions): Promise<Stepping> {
  const { startsAt, encode = encodeCommit, decider = (given) => given } = options;
  const active = activeRulebookOf(rules.rulebook, evenScorer(rules.rulebook.models));
  const rulebook = { ...active, decider: decider(active.decider) };
  const lab = await openLab({ rulebook, startsAt, partitions: PARTITIONS });
  const meter = options.meter ?? createLoopMeter(createMetrics({ version: "bench", node: process.version }));
  const take = async (entries: readonly Placed[]): Promise<number> => {
    let bytes = 0;
    for (let from = 0; from < entries.length; from += ENTRIES_PER_STEP) {
      const output = await runStep(lab.stepping, {
        entries: byPartition(entries.slice(from, from + ENTRIES_PER_STEP)),
        asks: [],
        looks: [],
        clock: () => startsAt,
        isFlushing: false,
        stages: meter.stages,
        writeBack: () => WRITE_BACK,
        isRound: true,
        encode,
        onEntry: meter.onEntry,
      });
      bytes += await commit(lab, output, meter);
    }
    return bytes;
  };
  return { take };
}

/** As XREAD gives them. */
export function placed(events: readonly BenchEvent[], now: Instant): readonly Placed[] {
  return events.map(({ customer, stream, json }, nth) => ({
    partition: partitionOf(customerKey(customer), PARTITIONS),
    raw: { position: `${now}-${nth}` as Position, fields: ["s", stream, "d", json].map((text) => Buffer.from(text)) },
  }));
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
async function commit(lab: Lab, { closed }: StepOutput, meter: LoopMeter): Promise<number> {
  let bytes = 0;
  for (const one of closed) {
    const { partition, commit: draft } = one;
    bytes += draft.payload.length;
    await lab.journal.commit(partition.token, draft);
    partition.committed = draft.seq;
    partition.outbox.length = 0;
    meter.onCommitted(one, 0);
  }
  return bytes;
}
