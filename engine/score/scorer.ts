// Scores profiles by the loaded models: one ONNX call for each model and wave, at most 256 rows in a call.
import type { ModelScore } from "../domain/decision.ts";
import type { ModelIndex } from "../domain/ids.ts";
import type { Fault } from "../rulebook/rulebook.ts";
import { type AnswerRoom, createAnswerRooms } from "./answer-room.ts";
import { compileGather } from "./gather-rows.ts";
import type { ModelFile } from "./load-models.ts";
import { cardFault } from "./model-card.ts";
import { planRows, runBatch } from "./run-batch.ts";
import { type AskedModel, BATCH_ROWS_MAX, type CallOptions, type Problem, scoreBatch } from "./score-batch.ts";

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

export interface ScorerOptions extends CallOptions {
  /** Failing or slow calls in a row after which a model rests. */
  readonly strikesMax: number;
  /** How long it rests: its default answers at once. Then one call tries it, and only if that is well do others follow. */
  readonly restMs: number;
  /** Told once for each call. */
  readonly onCall: (model: string, rows: number, tookMs: number, why: string | undefined) => void;
}

export type CreatedScorer =
  | { readonly kind: "scorer"; readonly scorer: Scorer }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

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
    const plan = planRows(model.card, columns);
    return { model, plan, gather: compileGather(plan), inputs: [], strikes: 0, restsUntil: Number.NEGATIVE_INFINITY };
  });
  if (faults.length > 0) return { kind: "faulty", faults };
  const roomFor = createAnswerRooms();
  const score = (model: ModelIndex, rows: readonly Float64Array[]): Promise<Scores> => {
    const entry = entries[model];
    if (entry === undefined) throw new Error(`there is no model ${model}; ${models.length} are loaded`);
    return scoreRows(entry, rows, roomFor(rows.length), settings);
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

interface Entry extends AskedModel {
  strikes: number;
  restsUntil: number;
}

async function scoreRows(
  entry: Entry,
  rows: readonly Float64Array[],
  room: AnswerRoom,
  options: ScorerOptions,
): Promise<Scores> {
  const { card, name } = entry.model;
  const { values, fallback } = room;
  let why: string | undefined;
  for (let from = 0; from < rows.length; from += BATCH_ROWS_MAX) {
    const to = Math.min(from + BATCH_ROWS_MAX, rows.length);
    const startedAt = options.clock();
    if (startedAt < entry.restsUntil) {
      why ??= `model "${name}" rests after ${options.strikesMax} failing or slow calls in a row`;
      fallback.fill(1, from, to);
      continue;
    }
    const isTrial = entry.strikes >= options.strikesMax;
    if (isTrial) entry.restsUntil = Number.POSITIVE_INFINITY; // it rests on for all others until this one is back
    const problem = await scoreBatch(entry, rows, from, to, room, startedAt, options);
    const endedAt = options.clock();
    judge(entry, problem, isTrial ? endedAt : entry.restsUntil, endedAt + options.restMs, options.strikesMax);
    options.onCall(name, to - from, endedAt - startedAt, problem?.why);
    why ??= problem?.why;
  }
  if (why !== undefined)
    for (let row = 0; row < rows.length; row++) if (fallback[row] === 1) values[row] = card.default;
  return { values, fallback, why };
}

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

function missingFeature(model: ModelFile, position: number, name: string): Fault {
  const message = `model "${model.name}" reads feature "${name}", which rules/features.yaml does not declare`;
  return cardFault(model.bytes.card, `${model.name}/model.yaml`, ["features", position], message);
}
