// One call of ONNX Runtime: rows of float32 in, one probability for each row out.
import { type InferenceSession, Tensor } from "onnxruntime-node";
import type { ModelCard } from "./model-card.ts";

/**
 * Writes one row of model input to `input` from `at` on. `columns` tells where each of the card's features stands in
 * `features`; undefined: in the card's order. NaN (missing) becomes the card's default. Returns what is wrong with a
 * number that no float32 can hold; it is not clamped.
 */
export function fillRow(
  card: ModelCard,
  features: Float64Array,
  columns: Int32Array | undefined,
  input: Float32Array,
  at: number,
): string | undefined {
  const wanted = card.features;
  for (let index = 0; index < wanted.length; index++) {
    const value = features[columns === undefined ? index : (columns[index] as number)] as number;
    const cell = Number.isNaN(value) ? (wanted[index]?.default as number) : value;
    input[at + index] = cell;
    if (!Number.isFinite(input[at + index])) return `feature "${wanted[index]?.name}" is ${value}: beyond float32`;
  }
  return undefined;
}

/** Runs the first `rows` rows of `input`. Rejects where the model fails or answers in another shape. */
export async function runBatch(
  session: InferenceSession,
  card: ModelCard,
  input: Float32Array,
  rows: number,
): Promise<Float64Array> {
  const width = card.features.length;
  const tensor = new Tensor("float32", input.subarray(0, rows * width), [rows, width]);
  const answer = await session.run({ [card.input]: tensor }, [card.output.name]);
  const output = answer[card.output.name];
  const cells = output?.data;
  if (output === undefined || !(cells instanceof Float32Array || cells instanceof Float64Array)) {
    throw new Error(`output "${card.output.name}" is no float tensor`);
  }
  const classes = cells.length / rows;
  if (output.dims[0] !== rows || !Number.isInteger(classes) || card.output.positive >= classes) {
    throw new Error(
      `output "${card.output.name}" has shape [${output.dims.join(", ")}] for ${rows} rows and positive class ${card.output.positive}`,
    );
  }
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = cells[row * classes + card.output.positive] as number;
  return values;
}
