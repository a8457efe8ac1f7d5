// A scorer whose answers somebody gives: for tests of rules, where what a model says of a customer is part of the example.
import type { ModelScore } from "../domain/decision.ts";
import type { ModelIndex } from "../domain/ids.ts";
import type { Scorer, ScorerModel, Scores } from "../score/scorer.ts";

/**
 * `given` by name of the model, in [0, 1]; undefined: the real one answers, and where there is none the model has no answer
 * (NaN, told as a fallback), which fails the rules that read it.
 */
export function createGivenScorer(
  models: readonly ScorerModel[],
  given: (model: string) => number | undefined,
  real: Scorer | undefined,
): Scorer {
  const score = async (model: ModelIndex, rows: readonly Float64Array[]): Promise<Scores> => {
    const name = models[model]?.name;
    if (name === undefined) throw new Error(`there is no model ${model}; ${models.length} are known`);
    const value = given(name);
    if (value !== undefined) {
      const values = new Float64Array(rows.length).fill(value);
      return { values, fallback: new Uint8Array(rows.length), why: undefined };
    }
    const index = real?.models.findIndex((one) => one.name === name) ?? -1;
    if (real !== undefined && index >= 0) return await real.score(index as ModelIndex, rows);
    const why = `model "${name}" has no answer here`;
    return {
      values: new Float64Array(rows.length).fill(Number.NaN),
      fallback: new Uint8Array(rows.length).fill(1),
      why,
    };
  };
  return {
    models,
    score,
    scoreAll: async (requests) => {
      const answers: ModelScore[] = [];
      for (const { model, row } of requests) {
        const { values, fallback } = await score(model, [row]);
        answers.push({ model, value: values[0] as number, fallback: fallback[0] === 1 });
      }
      return answers;
    },
  };
}
