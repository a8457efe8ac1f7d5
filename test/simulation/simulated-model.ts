// The model of the simulated rulebook: its answers are ONNX Runtime's, and the time that it takes is simulated.
import type { DecisionRecord } from "../../engine/domain/decision.ts";
import { runBatch } from "../../engine/score/run-batch.ts";
import type { ScorerOptions } from "../../engine/score/scorer.ts";
import type { ModelFate } from "./faults.ts";

/** To be called within the process that asks. */
export function createSimulatedModel(fate: () => ModelFate): ScorerOptions["run"] {
  return async ({ session, card }, input, rows) => {
    const answers = await runBatch(session, card, input, rows);
    // Those that warm up ask for nobody.
    const { tookMs, isFailing } = input.every((cell) => cell === 0) ? NOTHING : fate();
    if (tookMs > 0) await new Promise<void>((resolve) => setTimeout(resolve, tookMs));
    if (isFailing) throw new Error("the model fails");
    return answers;
  };
}

const NOTHING: ModelFate = { tookMs: 0, isFailing: false };
/** As models/taste/model.yaml has it. */
const DEFAULT = 0.25;
const DISTANCE_MAX = 1e-5;

/** What is wrong with the scores that a decision tells, by the features that it was decided on. */
export function scoreFault({ id, models, degraded, input }: DecisionRecord): string | undefined {
  const [views = 0, , , buys = 0, lefts = 0] = input.profile.features;
  const expected = 1 / (1 + Math.exp(-(0.5 * views - 0.25 * buys + 0.125 * lefts)));
  for (const { name, value, fallback } of models) {
    const isRight = fallback ? value === DEFAULT : Math.abs(value - expected) < DISTANCE_MAX;
    if (!isRight) return `${id} says ${value} of ${name}, and should say ${fallback ? DEFAULT : expected}`;
    if (fallback !== degraded.includes(`model:${name}`)) return `${id} says nothing of ${name}, which did not answer`;
  }
  return undefined;
}
