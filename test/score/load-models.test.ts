import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { knownModels, loadModels } from "../../engine/score/load-models.ts";
import { createScorer } from "../../engine/score/scorer.ts";
import { type Fixture, type FolderChange, modelFolder } from "./model-folder.ts";

async function faultsOf(fixture: Fixture, change: FolderChange): Promise<string[]> {
  const loaded = await loadModels(modelFolder(fixture, change));
  if (loaded.kind === "loaded") return [];
  return loaded.faults.map((fault) => `${fault.file}:${fault.line}:${fault.column}: ${fault.message}`);
}

describe("loading a folder of models", () => {
  it("loads a model that agrees with its golden rows, missing features included", async () => {
    const loaded = await loadModels(modelFolder("logistic"));
    if (loaded.kind === "faulty") throw new Error(JSON.stringify(loaded.faults));
    expect(knownModels(loaded.models)).toEqual([{ name: "logistic", sha256: loaded.models[0]?.card.sha256 }]);
    expect(loaded.models[0]?.goldenDistance).toBeLessThan(1e-6);
  });

  it("finds nothing wrong with a folder without models, and says where a folder is missing", async () => {
    const dir = mkdtempSync(join(tmpdir(), "nba-models-"));
    writeFileSync(join(dir, "README.md"), "no model");
    expect(await loadModels(dir)).toEqual({ kind: "loaded", models: [] });
    const missing = await loadModels(join(dir, "nowhere"));
    expect(missing).toMatchObject({ kind: "faulty", faults: [{ file: join(dir, "nowhere") }] });
  });

  it("refuses a folder without a card", async () => {
    const dir = mkdtempSync(join(tmpdir(), "nba-models-"));
    mkdirSync(join(dir, "empty"));
    const loaded = await loadModels(dir);
    expect(loaded).toMatchObject({ kind: "faulty", faults: [{ file: "empty/model.yaml", line: 1, column: 1 }] });
  });

  const table: readonly [string, Fixture, FolderChange, RegExp][] = [
    [
      "another sha256",
      "logistic",
      { card: (text) => text.replace(/sha256: ..../, "sha256: 0000") },
      /^logistic\/model\.yaml:5:1: model\.onnx has sha256 [0-9a-f]{64}, not the one written here$/,
    ],
    [
      "fewer features than the model",
      "logistic",
      { features: ["a", "b"] },
      /^logistic\/model\.yaml:8:1: the card lists 2 features, the model takes 3$/,
    ],
    [
      "a list of maps as output",
      "zipmap",
      {},
      /^zipmap\/model\.yaml:\d+:11: output "probability" is no tensor \(a ZipMap\?\)/,
    ],
    [
      "an output that is not there",
      "logistic",
      { card: (text) => text.replace("name: probability", "name: label") },
      /12:11: the model has no output "label"; it has "probability"$/,
    ],
    [
      "a class that is not there",
      "logistic",
      { card: (text) => text.replace("positive: 1", "positive: 2") },
      /model\.onnx fails on its golden rows: output "probability" has shape \[40, 2\]/,
    ],
    [
      "another input",
      "logistic",
      { card: (text) => text.replace("input: features", "input: x") },
      /7:1: the model has the inputs "features"; exactly one, "x", is expected$/,
    ],
    [
      "another name than its folder",
      "logistic",
      { card: (text) => text.replace("name: logistic", "name: churn") },
      /1:1: name is "churn", but the folder is "logistic"$/,
    ],
    [
      "an unknown field",
      "logistic",
      { card: (text) => text.replace("opset: 15", "opset: 15\nthreshold: 0.5") },
      /7:1: unknown field "threshold": a model card has name, label,/,
    ],
    [
      "a missing field",
      "logistic",
      { card: (text) => text.replace("opset: 15\n", "") },
      /1:1: the card must have required properties opset$/,
    ],
    [
      "a default that is no probability",
      "logistic",
      { card: (text) => text.replace("default: 0.25", "default: 1.5") },
      /14:1: "default" must be <= 1, found 1\.5$/,
    ],
    ["a feature listed twice", "logistic", { features: ["a", "b", "a"] }, /11:5: feature "a" is listed twice$/],
    ["no YAML", "logistic", { card: () => "name: [" }, /^logistic\/model\.yaml:1:8: /],
    [
      "an alias without its anchor",
      "logistic",
      { card: (text) => text.replace("opset: 15", "opset: *o") },
      /^logistic\/model\.yaml:6:8: "\*o" stands for nothing: /,
    ],
    [
      "one golden row moved by 0.001",
      "logistic",
      {
        golden: (golden) => ({
          ...golden,
          expected: golden.expected.map((value, index) => (index === 7 ? value + 0.001 : value)),
        }),
      },
      /^logistic\/golden\.json:1:1: row 7: the model answers 0\.\d+, the file says 0\.\d+$/,
    ],
    [
      "too few golden rows",
      "logistic",
      { golden: (golden) => ({ ...golden, rows: golden.rows.slice(0, 31), expected: golden.expected.slice(0, 31) }) },
      /at least 32 rows is expected$/,
    ],
    [
      "golden rows of other features",
      "logistic",
      { golden: (golden) => ({ ...golden, features: ["a", "c", "b"] }) },
      /its features are a, c, b; the card has a, b, c$/,
    ],
    [
      "NaN on a golden row",
      "root",
      { golden: (golden) => ({ ...golden, rows: golden.rows.map((row, index) => (index === 2 ? [-5, 0, 0] : row)) }) },
      /row 2: the model answers NaN/,
    ],
  ];
  it.each(table)("refuses %s", async (_, fixture, change, message) => {
    const faults = await faultsOf(fixture, change);
    expect(faults).toHaveLength(1);
    expect(faults[0]).toMatch(message);
  });

  it("refuses a card of 100,000 brackets", async () => {
    const [first] = await faultsOf("logistic", { card: () => "[".repeat(100_000) });
    expect(first).toMatch(/^logistic\/model\.yaml:1:\d+: /);
  });

  it("refuses bytes that are no model", async () => {
    const dir = modelFolder("logistic");
    writeFileSync(join(dir, "logistic", "model.onnx"), "not a model");
    const card = join(dir, "logistic", "model.yaml");
    const sha256 = createHash("sha256").update("not a model").digest("hex");
    writeFileSync(card, readFileSync(card, "utf8").replace(/sha256: .*/, `sha256: ${sha256}`));
    const loaded = await loadModels(dir);
    expect(loaded).toMatchObject({
      kind: "faulty",
      faults: [{ line: 4, message: expect.stringContaining("model.onnx is no ONNX model: ") }],
    });
  });

  it("refuses a model that reads a feature which the rulebook does not declare, at its line", async () => {
    const loaded = await loadModels(modelFolder("logistic"));
    if (loaded.kind === "faulty") throw new Error("should load");
    const created = createScorer(loaded.models, ["c", "a", "other"]);
    expect(created).toEqual({
      kind: "faulty",
      faults: [
        {
          file: "logistic/model.yaml",
          line: 10,
          column: 5,
          message: 'model "logistic" reads feature "b", which rules/features.yaml does not declare',
        },
      ],
    });
  });
});
