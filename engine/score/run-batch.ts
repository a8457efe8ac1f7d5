// One call of ONNX Runtime: rows of float32 in, one probability for each row out.
import { type InferenceSession, Tensor } from "onnxruntime-node";
import type { ModelCard } from "./model-card.ts";

/** How the rows of a model are gathered: what fillRow needs for each, laid out once. */
export interface RowPlan {
  readonly card: ModelCard;
  /** Where each of the card's features stands in a row. */
  readonly columns: Int32Array;
  /** What stands in for a missing one, in the card's order. */
  readonly defaults: Float64Array;
}

/** `columns` left out: rows are in the card's order. */
export function planRows(card: ModelCard, columns: Int32Array = Int32Array.from(card.features.keys())): RowPlan {
  return { card, columns, defaults: Float64Array.from(card.features, (feature) => feature.default) };
}

/**
 * Writes one row of model input to `input` from `at` on. NaN (missing) becomes the card's default. False where a number is
 * beyond what a float32 can hold (badNumber tells which); it is not clamped.
 */
export function fillRow({ columns, defaults }: RowPlan, row: Float64Array, input: Float32Array, at: number): boolean {
  let zero = 0;
  for (let index = 0; index < columns.length; index++) {
    const value = row[columns[index] as number] as number;
    const cell = Math.fround(Number.isNaN(value) ? (defaults[index] as number) : value);
    input[at + index] = cell;
    zero += cell * 0; // of an infinite cell it is NaN, and stays so
  }
  return zero === 0;
}

/** Why fillRow said no to this row. */
export function badNumber({ card, columns, defaults }: RowPlan, row: Float64Array): string {
  for (const [index, { name }] of card.features.entries()) {
    const value = row[columns[index] as number] as number;
    const cell = Number.isNaN(value) ? (defaults[index] as number) : value;
    if (!Number.isFinite(Math.fround(cell))) return `feature "${name}" is ${value}: beyond float32`;
  }
  throw new Error("every number of the row fits");
}

/** Runs the `rows` rows that `input` holds; one probability for each. Rejects where the model fails or answers in another shape. */
export async function runBatch(
  session: InferenceSession,
  card: ModelCard,
  input: Float32Array,
  rows: number,
): Promise<Float32Array | Float64Array> {
  const tensor = new Tensor("float32", input, [rows, card.features.length]);
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
  if (classes === 1) return cells;
  const values = new Float64Array(rows);
  for (let row = 0; row < rows; row++) values[row] = cells[row * classes + card.output.positive] as number;
  return values;
}
