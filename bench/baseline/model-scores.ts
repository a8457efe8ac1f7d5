// Both ONNX models on many rows, one call each.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { parse } from "yaml";
import type { Propensities } from "./offer-rules.ts";

interface Card {
  readonly features: readonly { readonly name: string; readonly default: number }[];
  readonly input: string;
  readonly output: { readonly name: string; readonly positive: number };
}

export type ScoreRows = (rows: readonly Float64Array[]) => Promise<readonly Propensities[]>;

/** `names`: of the features, in the order of the rows. */
export async function loadScores(dir: string, names: readonly string[]): Promise<ScoreRows> {
  const [churn, propensity] = await Promise.all([load(dir, "churn", names), load(dir, "propensity", names)]);
  return async (rows) => {
    if (rows.length === 0) return [];
    const [left, buys] = await Promise.all([churn(rows), propensity(rows)]);
    return rows.map((_, index) => ({ churn: left[index] as number, propensity: buys[index] as number }));
  };
}

async function load(dir: string, name: string, names: readonly string[]) {
  const card = parse(await readFile(join(dir, name, "model.yaml"), "utf8")) as Card;
  const session = await InferenceSession.create(join(dir, name, "model.onnx"), { intraOpNumThreads: 1 });
  const columns = card.features.map((feature) => names.indexOf(feature.name));
  const width = columns.length;
  return async (rows: readonly Float64Array[]): Promise<Float64Array> => {
    const input = new Float32Array(rows.length * width);
    for (const [index, row] of rows.entries()) {
      for (const [at, column] of columns.entries()) {
        const value = row[column] as number;
        input[index * width + at] = Number.isNaN(value) ? (card.features[at]?.default as number) : value;
      }
    }
    const answer = await session.run({ [card.input]: new Tensor("float32", input, [rows.length, width]) }, [
      card.output.name,
    ]);
    const cells = answer[card.output.name]?.data as Float32Array;
    const classes = cells.length / rows.length;
    return Float64Array.from(rows, (_, index) => cells[index * classes + card.output.positive] as number);
  };
}
