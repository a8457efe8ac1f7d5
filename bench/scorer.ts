// Rows a second through the engine's scorer, beside the runtime that it calls.
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { createRandom } from "../engine/cli/traffic/random.ts";
import type { ModelIndex } from "../engine/domain/ids.ts";
import { sourceFile } from "../engine/journal/source-file.ts";
import { loadModels, type ModelFile } from "../engine/score/load-models.ts";
import { BATCH_ROWS_MAX } from "../engine/score/score-batch.ts";
import { createScorer, type Scorer } from "../engine/score/scorer.ts";
import { alternate, roundsOf, rowOf } from "./load/rounds.ts";

export const bench: Bench = {
  name: "scorer",
  about: "rows a second through a model at the engine's batch sizes, 65,536 rows in turn, beside bare onnxruntime-node",
  run,
};

const ROWS = 65_536;
const TURN_MS = 400;
/** A machine that others use, too, is not what is measured. */
const SLOW_MS = 5_000;
/** The whole batch, and what a wave of a quiet engine has. */
const SIZES = [BATCH_ROWS_MAX, 16];

async function run(options: BenchOptions): Promise<readonly BenchRow[]> {
  const loaded = await loadModels(process.env["MODELS_DIR"] ?? sourceFile("models"));
  if (loaded.kind === "faulty") throw new Error(JSON.stringify(loaded.faults));
  const rows: BenchRow[] = [];
  for (const model of loaded.models) {
    const created = createScorer(
      [model],
      model.card.features.map(({ name }) => name),
      { slowMs: SLOW_MS },
    );
    if (created.kind === "faulty") throw new Error(JSON.stringify(created.faults));
    const matrix = drawMatrix(model, options.quick ? 4_096 : ROWS);
    for (const size of SIZES) rows.push(...(await measure(created.scorer, model, matrix, size, options)));
  }
  return rows;
}

/** `prepare` is outside the clock: each call has rows that were written just before it, as a wave writes its features. */
interface Contender {
  readonly prepare: (at: number) => void;
  readonly call: () => Promise<void>;
}

async function measure(
  scorer: Scorer,
  model: ModelFile,
  matrix: Float32Array,
  size: number,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const session = await InferenceSession.create(Buffer.from(model.bytes.model));
  const width = model.card.features.length;
  const turnMs = options.quick ? 60 : TURN_MS;
  const count = matrix.length / width;
  const cursor = { at: 0 };
  const turn = (contender: Contender) => () => rowsPerSecond(turnMs, size, count, cursor, contender);
  const engine = turn(throughScorer(scorer, matrix, size, width));
  const bare = turn(byItself(session, model, matrix, size));
  await engine(); // warm
  await bare();
  const rates = await alternate(roundsOf(options), { engine, bare });
  const words = `${model.name}, batches of ${size}`;
  return [rowOf(words, "rows/s", rates.engine, rates.bare), rowOf(`bare, ${words}`, "rows/s", rates.bare)];
}

function throughScorer(scorer: Scorer, matrix: Float32Array, size: number, width: number): Contender {
  const rows = Array.from({ length: size }, () => new Float64Array(width));
  return {
    prepare: (at) => {
      for (const [index, row] of rows.entries())
        row.set(matrix.subarray((at + index) * width, (at + index + 1) * width));
    },
    call: async () => {
      const { why } = await scorer.score(0 as ModelIndex, rows);
      if (why !== undefined) throw new Error(why);
    },
  };
}

function byItself(session: InferenceSession, { card }: ModelFile, matrix: Float32Array, size: number): Contender {
  const width = card.features.length;
  const input = new Float32Array(size * width);
  return {
    prepare: (at) => input.set(matrix.subarray(at * width, (at + size) * width)),
    call: async () => {
      await session.run({ [card.input]: new Tensor("float32", input, [size, width]) }, [card.output.name]);
    },
  };
}

async function rowsPerSecond(
  turnMs: number,
  size: number,
  count: number,
  cursor: { at: number },
  { prepare, call }: Contender,
): Promise<number> {
  let done = 0;
  let tookMs = 0;
  while (tookMs < turnMs) {
    prepare(cursor.at);
    const startedAt = performance.now();
    await call();
    tookMs += performance.now() - startedAt;
    cursor.at = (cursor.at + size) % count;
    done += size;
  }
  return (done / tookMs) * 1_000;
}

/** About the ranges that the cards' defaults lie in; nothing is missing. Row after row. */
function drawMatrix({ card }: ModelFile, count: number): Float32Array {
  const random = createRandom(17);
  const width = card.features.length;
  return Float32Array.from({ length: count * width }, (_, cell) => {
    const usual = card.features[cell % width]?.default as number;
    return usual > 1_000 ? Math.floor(random.next() * usual) : Math.floor(random.next() ** 2 * 20);
  });
}
