// One call of a model: rows gathered, put to it, its answers taken.
import type { AnswerRoom } from "./answer-room.ts";
import type { GatherRows } from "./gather-rows.ts";
import type { ModelFile } from "./load-models.ts";
import { badNumber, type RowPlan } from "./run-batch.ts";

/** Rows in one ONNX call: the call blocks the loop. */
export const BATCH_ROWS_MAX = 256;

export interface AskedModel {
  readonly model: ModelFile;
  /** Its columns are by FeatureIndex. */
  readonly plan: RowPlan;
  readonly gather: GatherRows;
  /** Of whole batches, not in use by a call just now: a typed array costs more than filling a few rows of it. */
  readonly inputs: Float32Array[];
}

export interface CallOptions {
  /** A call that takes longer is answered by the default. Includes the turn of the loop that ONNX Runtime waits for. */
  readonly slowMs: number;
  /** Monotonic clock in ms. */
  readonly clock: () => number;
  /** Answers the rows of `input`, each with one probability, and reads it only until then: ONNX Runtime, where nothing else is given. */
  readonly run: (model: ModelFile, input: Float32Array, rows: number) => Promise<Float32Array | Float64Array>;
}

/** `unasked`: no row could be put to the model, so nothing was learned of it. */
export type Problem = { readonly kind: "row" | "call" | "unasked"; readonly why: string };

/**
 * Answers rows[from, to) in the room, and flags those that have to fall back. One row that the model cannot answer falls
 * back alone: a customer never spoils another's score.
 */
export async function scoreBatch(
  asked: AskedModel,
  rows: readonly Float64Array[],
  from: number,
  to: number,
  room: AnswerRoom,
  startedAt: number,
  options: CallOptions,
): Promise<Problem | undefined> {
  const { model, plan, inputs } = asked;
  // Not shared between calls: the native call reads it a turn of the loop later.
  const input = inputs.pop() ?? new Float32Array(BATCH_ROWS_MAX * plan.columns.length);
  const unfit = placeRows(asked, rows, from, to, input);
  const count = to - from - unfit.length;
  const first = unfit.length === 0 ? undefined : badNumber(plan, rows[unfit[0] as number] as Float64Array);
  for (const row of unfit) room.fallback[row] = 1;
  let answers: Float32Array | Float64Array;
  try {
    if (first !== undefined && count === 0) return { kind: "unasked", why: first };
    answers = await options.run(model, input.subarray(0, count * plan.columns.length), count);
  } catch (error) {
    room.fallback.fill(1, from, to);
    const why = `model "${model.name}" failed: ${error instanceof Error ? error.message : String(error)}`;
    return { kind: "call", why };
  } finally {
    inputs.push(input);
  }
  const tookMs = options.clock() - startedAt;
  if (tookMs > options.slowMs) {
    room.fallback.fill(1, from, to);
    return { kind: "call", why: `model "${model.name}" took ${tookMs.toFixed(1)} ms, more than ${options.slowMs}` };
  }
  const wrong = takeAnswers(answers, count, unfit, from, room);
  if (first !== undefined) return { kind: "row", why: first };
  if (wrong === count) return undefined;
  return { kind: "row", why: `model "${model.name}" answered ${answers[wrong]}, which is no probability` };
}

/** Side by side in `input`, all but those with a number that no float32 holds: these are returned, in order. */
function placeRows(
  { plan, gather }: AskedModel,
  rows: readonly Float64Array[],
  from: number,
  to: number,
  input: Float32Array,
): readonly number[] {
  let stopped = gather(rows, from, to, input, 0);
  if (stopped === to) return NONE;
  const unfit: number[] = [];
  while (stopped < to) {
    unfit.push(stopped);
    stopped = gather(rows, stopped + 1, to, input, (stopped + 1 - from - unfit.length) * plan.columns.length);
  }
  return unfit;
}

const NONE: readonly number[] = [];

/**
 * The answers of the rows from `from` on that are not `unfit`. Returns the index of the first that is no probability; `count`
 * where all are. No part of scoreBatch: a loop that a function runs which awaits is slower.
 */
function takeAnswers(
  answers: Float32Array | Float64Array,
  count: number,
  unfit: readonly number[],
  from: number,
  { values, fallback }: AnswerRoom,
): number {
  let wrong = count;
  let row = from;
  let skipped = 0;
  for (let index = 0; index < count; index++, row++) {
    for (; skipped < unfit.length && unfit[skipped] === row; skipped++) row++;
    const value = answers[index] as number;
    if (value >= 0 && value <= 1) {
      values[row] = value + 0; // -0 becomes 0: the journal knows no other, and a replay must find the same
      continue;
    }
    fallback[row] = 1;
    if (wrong === count) wrong = index;
  }
  return wrong;
}
