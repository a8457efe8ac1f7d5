// Rows a second through the engine's scorer, beside the runtime that it calls.
import { InferenceSession, Tensor } from "onnxruntime-node";
import type { Bench, BenchOptions, BenchRow } from "../engine/cli/bench.ts";
import { createRandom } from "../engine/cli/traffic/random.ts";
import type { ModelIndex } from "../engine/domain/ids.ts";
import { sourceFile } from "../engine/journal/source-file.ts";
import { loadModels, type ModelFile } from "../engine/score/load-models.ts";
import { BATCH_ROWS_MAX, createScorer, type Scorer } from "../engine/score/scorer.ts";
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
    const drawn = drawRows(model, options.quick ? 4_096 : ROWS);
    for (const size of SIZES) rows.push(...(await measure(created.scorer, model, drawn, size, options)));
  }
  return rows;
}

async function measure(
  scorer: Scorer,
  model: ModelFile,
  rows: readonly Float64Array[],
  size: number,
  options: BenchOptions,
): Promise<readonly BenchRow[]> {
  const session = await InferenceSession.create(Buffer.from(model.bytes.model));
  const width = model.card.features.length;
  const matrix = Float32Array.from(rows.flatMap((row) => [...row]));
  const turnMs = options.quick ? 60 : TURN_MS;
  const cursor = { at: 0 };
  const engine = async (at: number): Promise<void> => {
    const { why } = await scorer.score(0 as ModelIndex, rows.slice(at, at + size));
    if (why !== undefined) throw new Error(why);
  };
  const bare = async (at: number): Promise<void> => {
    const tensor = new Tensor("float32", matrix.subarray(at * width, (at + size) * width), [size, width]);
    await session.run({ [model.card.input]: tensor }, [model.card.output.name]);
  };
  const turn = (call: (at: number) => Promise<void>) => () => rowsPerSecond(turnMs, size, rows.length, cursor, call);
  await turn(engine)(); // warm
  await turn(bare)();
  const rates = await alternate(roundsOf(options), { engine: turn(engine), bare: turn(bare) });
  const words = `${model.name}, batches of ${size}`;
  return [rowOf(words, "rows/s", rates.engine, rates.bare), rowOf(`bare, ${words}`, "rows/s", rates.bare)];
}

async function rowsPerSecond(
  turnMs: number,
  size: number,
  count: number,
  cursor: { at: number },
  call: (at: number) => Promise<void>,
): Promise<number> {
  const startedAt = performance.now();
  let done = 0;
  let tookMs = 0;
  while (tookMs < turnMs) {
    await call(cursor.at);
    cursor.at = (cursor.at + size) % count;
    done += size;
    tookMs = performance.now() - startedAt;
  }
  return (done / tookMs) * 1_000;
}

/** About the ranges that the cards' defaults lie in; nothing is missing. */
function drawRows({ card }: ModelFile, count: number): readonly Float64Array[] {
  const random = createRandom(17);
  return Array.from({ length: count }, () =>
    Float64Array.from(card.features, ({ default: usual }) =>
      usual > 1_000 ? Math.floor(random.next() * usual) : Math.floor(random.next() ** 2 * 20),
    ),
  );
}
