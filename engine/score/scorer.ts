// Scores profiles by the loaded models: one ONNX call for each model and wave, at most 256 rows in a call.
import type { ModelScore } from "../domain/decision.ts";
import type { ModelIndex } from "../domain/ids.ts";
import type { Fault } from "../rulebook/rulebook.ts";
import type { ModelFile } from "./load-models.ts";
import { cardFault } from "./model-card.ts";
import { badNumber, fillRow, planRows, type RowPlan, runBatch } from "./run-batch.ts";

/** One model asked for one profile. `row`: every feature by FeatureIndex, NaN = missing. */
export interface ScoreRequest {
  readonly model: ModelIndex;
  readonly row: Float64Array;
}

/** Answers of one model, in the order of the rows. */
export interface Scores {
  /** In [0, 1]. */
  readonly values: Float64Array;
  /** 1 where the card's default stands in for the model. */
  readonly fallback: Uint8Array;
  /** Why the first of them is a default; undefined where none is. */
  readonly why: string | undefined;
}

/** What a decision tells of a model that answered. */
export type ScorerModel = Pick<ModelFile, "name" | "sha256">;

export interface Scorer {
  /** In the order of ModelIndex. */
  readonly models: readonly ScorerModel[];
  /** Never rejects: where the model fails, its declared default answers. */
  readonly score: (model: ModelIndex, rows: readonly Float64Array[]) => Promise<Scores>;
  /** A wave: grouped by model; answers in the order of the requests. */
  readonly scoreAll: (requests: readonly ScoreRequest[]) => Promise<readonly ModelScore[]>;
}

export interface ScorerOptions {
  /** A call that takes longer is answered by the default. Includes the turn of the loop that ONNX Runtime waits for. */
  readonly slowMs: number;
  /** Failing or slow calls in a row after which a model rests. */
  readonly strikesMax: number;
  /** How long it rests: its default answers at once. Then one call tries it, and only if that is well do others follow. */
  readonly restMs: number;
  /** Monotonic clock in ms. */
  readonly clock: () => number;
  /** Answers the rows of `input`, each with one probability, and reads it only until then: ONNX Runtime, where nothing else is given. */
  readonly run: (model: ModelFile, input: Float32Array, rows: number) => Promise<Float32Array | Float64Array>;
  /** Told once for each call. */
  readonly onCall: (model: string, rows: number, tookMs: number, why: string | undefined) => void;
}

export type CreatedScorer =
  | { readonly kind: "scorer"; readonly scorer: Scorer }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

/** Rows in one ONNX call: the call blocks the loop. */
export const BATCH_ROWS_MAX = 256;

const DEFAULTS: ScorerOptions = {
  slowMs: 100,
  strikesMax: 3,
  restMs: 1_000,
  clock: () => performance.now(),
  run: ({ session, card }, input, rows) => runBatch(session, card, input, rows),
  onCall: () => undefined,
};

/** `featureNames` by FeatureIndex, as the rulebook declares them. A model that reads another feature is a fault. */
export function createScorer(
  models: readonly ModelFile[],
  featureNames: readonly string[],
  options: Partial<ScorerOptions> = {},
): CreatedScorer {
  const settings = { ...DEFAULTS, ...options };
  const indexes = new Map(featureNames.map((name, index) => [name, index]));
  const faults: Fault[] = [];
  const entries = models.map((model) => {
    const columns = new Int32Array(model.card.features.length);
    for (const [position, { name }] of model.card.features.entries()) {
      const index = indexes.get(name);
      if (index === undefined) faults.push(missingFeature(model, position, name));
      columns[position] = index ?? -1;
    }
    return { model, plan: planRows(model.card, columns), inputs: [], strikes: 0, restsUntil: Number.NEGATIVE_INFINITY };
  });
  if (faults.length > 0) return { kind: "faulty", faults };
  const score = async (model: ModelIndex, rows: readonly Float64Array[]): Promise<Scores> => {
    const entry = entries[model];
    if (entry === undefined) throw new Error(`there is no model ${model}; ${models.length} are loaded`);
    return await scoreRows(entry, rows, settings);
  };
  const scoreAll = async (requests: readonly ScoreRequest[]): Promise<readonly ModelScore[]> => {
    const answers: ModelScore[] = new Array(requests.length);
    const byModel = new Map<ModelIndex, number[]>();
    for (const [index, request] of requests.entries()) {
      const list = byModel.get(request.model);
      if (list === undefined) byModel.set(request.model, [index]);
      else list.push(index);
    }
    for (const [model, list] of byModel) {
      const { values, fallback } = await score(
        model,
        list.map((index) => (requests[index] as ScoreRequest).row),
      );
      for (const [position, index] of list.entries()) {
        answers[index] = { model, value: values[position] as number, fallback: fallback[position] === 1 };
      }
    }
    return answers;
  };
  return { kind: "scorer", scorer: { models, score, scoreAll } };
}

interface Entry {
  readonly model: ModelFile;
  /** Its columns are by FeatureIndex. */
  readonly plan: RowPlan;
  /** Of whole batches, not in use by a call just now: a typed array costs more than filling a few rows of it. */
  readonly inputs: Float32Array[];
  strikes: number;
  restsUntil: number;
}

async function scoreRows(entry: Entry, rows: readonly Float64Array[], options: ScorerOptions): Promise<Scores> {
  const values = new Float64Array(rows.length).fill(entry.model.card.default);
  const fallback = new Uint8Array(rows.length).fill(1);
  let why: string | undefined;
  for (let from = 0; from < rows.length; from += BATCH_ROWS_MAX) {
    const to = Math.min(from + BATCH_ROWS_MAX, rows.length);
    const startedAt = options.clock();
    if (startedAt < entry.restsUntil) {
      why ??= `model "${entry.model.name}" rests after ${options.strikesMax} failing or slow calls in a row`;
      continue;
    }
    const isTrial = entry.strikes >= options.strikesMax;
    if (isTrial) entry.restsUntil = Number.POSITIVE_INFINITY; // it rests on for all others until this one is back
    const problem = await scoreBatch(entry, rows, from, to, values, fallback, startedAt, options);
    const endedAt = options.clock();
    judge(entry, problem, isTrial ? endedAt : entry.restsUntil, endedAt + options.restMs, options.strikesMax);
    options.onCall(entry.model.name, to - from, endedAt - startedAt, problem?.why);
    why ??= problem?.why;
  }
  return { values, fallback, why };
}

/** `unasked`: no row could be put to the model, so nothing was learned of it. */
type Problem = { readonly kind: "row" | "call" | "unasked"; readonly why: string };

/** Once it has its strikes each further one sends it to rest again, until a call is well. */
function judge(
  entry: Entry,
  problem: Problem | undefined,
  unaskedRestsUntil: number,
  struckRestsUntil: number,
  strikesMax: number,
): void {
  switch (problem?.kind) {
    case "call":
      entry.strikes++;
      if (entry.strikes >= strikesMax) entry.restsUntil = struckRestsUntil;
      return;
    case "unasked":
      entry.restsUntil = unaskedRestsUntil;
      return;
    case "row":
    case undefined:
      entry.strikes = 0;
      entry.restsUntil = Number.NEGATIVE_INFINITY;
  }
}

/** Fills values[from, to). One row that the model cannot answer falls back alone: a customer never spoils another's score. */
async function scoreBatch(
  entry: Entry,
  rows: readonly Float64Array[],
  from: number,
  to: number,
  values: Float64Array,
  fallback: Uint8Array,
  startedAt: number,
  options: ScorerOptions,
): Promise<Problem | undefined> {
  const { model, plan, inputs } = entry;
  const width = plan.columns.length;
  // Not shared between calls: the native call reads it a turn of the loop later.
  const input = inputs.pop() ?? new Float32Array(BATCH_ROWS_MAX * width);
  /** Where the rows that were put to the model stand; undefined while that is all of them. */
  let placed: number[] | undefined;
  let count = 0;
  let problem: Problem | undefined;
  for (let row = from; row < to; row++) {
    const cells = rows[row] as Float64Array;
    if (fillRow(plan, cells, input, count * width)) {
      placed?.push(row);
      count++;
    } else {
      placed ??= Array.from({ length: count }, (_, index) => from + index);
      problem ??= { kind: "row", why: badNumber(plan, cells) };
    }
  }
  let answers: Float32Array | Float64Array;
  try {
    if (count === 0) return problem && { ...problem, kind: "unasked" };
    answers = await options.run(model, input.subarray(0, count * width), count);
  } catch (error) {
    return {
      kind: "call",
      why: `model "${model.name}" failed: ${error instanceof Error ? error.message : String(error)}`,
    };
  } finally {
    inputs.push(input);
  }
  const tookMs = options.clock() - startedAt;
  if (tookMs > options.slowMs) {
    return { kind: "call", why: `model "${model.name}" took ${tookMs.toFixed(1)} ms, more than ${options.slowMs}` };
  }
  for (let index = 0; index < count; index++) {
    const value = answers[index] as number;
    const row = placed === undefined ? from + index : (placed[index] as number);
    if (value >= 0 && value <= 1) {
      values[row] = value + 0; // -0 becomes 0: the journal knows no other, and a replay must find the same
      fallback[row] = 0;
    } else problem ??= { kind: "row", why: `model "${model.name}" answered ${value}, which is no probability` };
  }
  return problem;
}

function missingFeature(model: ModelFile, position: number, name: string): Fault {
  const message = `model "${model.name}" reads feature "${name}", which rules/features.yaml does not declare`;
  return cardFault(model.bytes.card, `${model.name}/model.yaml`, ["features", position], message);
}
