import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelIndex } from "../../engine/domain/ids.ts";
import { loadModels } from "../../engine/score/load-models.ts";
import { createScorer, type Scorer, type ScorerOptions } from "../../engine/score/scorer.ts";
import { expectedOf, type Fixture, modelFolder } from "./model-folder.ts";

const FIRST = 0 as ModelIndex;
// Another order than the model's, and one feature that it does not read.
const NAMES = ["c", "unread", "a", "b"];

/** However busy the machine is, a call is not slow unless a test says what is. */
const NEVER_SLOW = { slowMs: 60_000 };

async function scorerOf(fixture: Fixture, options: Partial<ScorerOptions> = {}): Promise<Scorer> {
  const loaded = await loadModels(modelFolder(fixture));
  if (loaded.kind === "faulty") throw new Error(JSON.stringify(loaded.faults));
  const created = createScorer(loaded.models, NAMES, { ...NEVER_SLOW, ...options });
  if (created.kind === "faulty") throw new Error(JSON.stringify(created.faults));
  return created.scorer;
}

function rowOf(a: number, b: number, c: number): Float64Array {
  return Float64Array.of(c, Number.NaN, a, b);
}

describe("scoring by a real ONNX model", () => {
  it.each([0, 1, 255, 256, 257, 1000])(
    "answers a batch of %i rows in order, in calls of at most 256",
    async (count) => {
      const calls: number[] = [];
      const scorer = await scorerOf("logistic", { onCall: (_, rows) => calls.push(rows) });
      const inputs = Array.from(
        { length: count },
        (_, index) => [index / 100, (index % 13) / 3, -(index % 7)] as const,
      );
      const { values, fallback, why } = await scorer.score(
        FIRST,
        inputs.map(([a, b, c]) => rowOf(a, b, c)),
      );
      expect(why).toBeUndefined();
      expect(fallback.every((flag) => flag === 0)).toBe(true);
      for (const [index, input] of inputs.entries())
        expect(values[index]).toBeCloseTo(expectedOf("logistic", input), 5);
      expect(calls.reduce((sum, rows) => sum + rows, 0)).toBe(count);
      expect(Math.max(0, ...calls)).toBeLessThanOrEqual(256);
      expect(calls).toHaveLength(Math.ceil(count / 256));
    },
  );

  it("answers a row alike alone, in a batch, and beside calls under way", async () => {
    const scorer = await scorerOf("logistic");
    const cell = fc.oneof(fc.double({ min: -50, max: 50, noNaN: true }), fc.constant(Number.NaN));
    const rows = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(rows, async (inputs) => {
        const features = inputs.map(([a, b, c]) => rowOf(a, b, c));
        const [together, ...alone] = await Promise.all([
          scorer.score(FIRST, features),
          ...features.map((row) => scorer.score(FIRST, [row])),
        ]);
        for (const [index, input] of inputs.entries()) {
          expect(together.values[index]).toBeCloseTo(expectedOf("logistic", input), 5);
          expect(alone[index]?.values[0]).toBeCloseTo(together.values[index] as number, 6);
        }
      }),
      { numRuns: process.env["NBA_LONG"] === "1" ? 500 : 30 },
    );
  });

  it("falls back for the row that the model answers with NaN or a number above 1, and for no other", async () => {
    const scorer = await scorerOf("root");
    const { values, fallback, why } = await scorer.score(FIRST, [rowOf(0.5, 0, 0), rowOf(-1, 0, 0), rowOf(8, 0, 0)]);
    expect([...fallback]).toEqual([0, 1, 1]);
    expect([...values]).toEqual([expect.closeTo(0.5, 5), 0.25, 0.25]);
    expect(why).toBe('model "root" answered NaN, which is no probability');
  });

  it("falls back for a number that no float32 holds, without asking the model", async () => {
    const scorer = await scorerOf("logistic");
    const { values, fallback, why } = await scorer.score(FIRST, [
      rowOf(1e39, 0, 0),
      rowOf(0, 0, 0),
      rowOf(Infinity, 0, 0),
    ]);
    expect([...fallback]).toEqual([1, 0, 1]);
    expect(values[1]).toBeCloseTo(0.5, 5);
    expect(why).toBe('feature "a" is 1e+39: beyond float32');
  });

  it("falls back for all rows of a call that fails, rests after three, and tries again", async () => {
    let now = 0;
    const calls: (string | undefined)[] = [];
    const scorer = await scorerOf("forty", { clock: () => now, onCall: (_, __, ___, why) => calls.push(why) });
    const row = rowOf(0, 0, 0);
    const forty = Array.from({ length: 40 }, () => row);
    for (let call = 0; call < 3; call++) {
      const scores = await scorer.score(FIRST, [row, row]);
      expect([...scores.values]).toEqual([0.25, 0.25]);
      expect([...scores.fallback]).toEqual([1, 1]);
      expect(scores.why).toMatch(/^model "forty" failed: /);
    }
    const resting = await scorer.score(FIRST, forty);
    expect(resting.fallback.every((flag) => flag === 1)).toBe(true);
    expect(resting.why).toBe('model "forty" rests after 3 failing or slow calls in a row');
    expect(calls).toHaveLength(3);
    now += 1_000;
    const again = await scorer.score(FIRST, forty);
    expect(again.why).toBeUndefined();
    expect(again.values[0]).toBeCloseTo(0.5, 5);
  });

  it("tries a model that has rested with one call, and one that fails sends it to rest again", async () => {
    let now = 0;
    const calls: (string | undefined)[] = [];
    const scorer = await scorerOf("forty", { clock: () => now, onCall: (_, __, ___, why) => calls.push(why) });
    const two = [rowOf(0, 0, 0), rowOf(0, 0, 0)];
    const forty = Array.from({ length: 40 }, () => rowOf(0, 0, 0));
    for (let call = 0; call < 3; call++) await scorer.score(FIRST, two);
    for (let rest = 1; rest <= 3; rest++) {
      now += 1_000;
      const [trial, beside] = await Promise.all([scorer.score(FIRST, two), scorer.score(FIRST, forty)]);
      expect(trial.why).toMatch(/^model "forty" failed: /);
      expect(beside.why).toMatch(/ rests after 3 failing or slow calls in a row$/);
      expect((await scorer.score(FIRST, forty)).why).toBe(beside.why);
      expect(calls).toHaveLength(3 + rest);
    }
    now += 1_000;
    const none = await scorer.score(FIRST, [rowOf(1e39, 0, 0)]); // never put to the model: nothing is learned of it
    expect(none.why).toBe('feature "a" is 1e+39: beyond float32');
    expect((await scorer.score(FIRST, two)).why).toMatch(/^model "forty" failed: /);
    now += 1_000;
    expect((await scorer.score(FIRST, forty)).why).toBeUndefined();
    // Well again: three strikes are needed anew.
    for (let call = 0; call < 2; call++) await scorer.score(FIRST, two);
    expect((await scorer.score(FIRST, forty)).why).toBeUndefined();
  });

  it("falls back where the call took longer than the bound", async () => {
    let now = 0;
    const scorer = await scorerOf("logistic", { slowMs: 5, clock: () => (now += 6) });
    const scores = await scorer.score(FIRST, [rowOf(0, 0, 0)]);
    expect([...scores.values]).toEqual([0.25]);
    expect(scores.why).toBe('model "logistic" took 6.0 ms, more than 5');
  });

  it("scores a wave by one call for each model", async () => {
    const loaded = await Promise.all(["logistic", "root"].map((name) => loadModels(modelFolder(name as Fixture))));
    const models = loaded.flatMap((one) => (one.kind === "loaded" ? one.models : []));
    const calls: string[] = [];
    const created = createScorer(models, NAMES, { onCall: (model, rows) => calls.push(`${model} ${rows}`) });
    if (created.kind === "faulty") throw new Error("should be created");
    const second = 1 as ModelIndex;
    const answers = await created.scorer.scoreAll([
      { model: second, row: rowOf(0.5, 0, 0) },
      { model: FIRST, row: rowOf(0, 0, 0) },
      { model: second, row: rowOf(-1, 0, 0) },
    ]);
    expect(answers).toEqual([
      { model: 1, value: expect.closeTo(0.5, 5), fallback: false },
      { model: 0, value: expect.closeTo(0.5, 5), fallback: false },
      { model: 1, value: 0.25, fallback: true },
    ]);
    expect(calls).toEqual(["root 2", "logistic 1"]);
  });
});
