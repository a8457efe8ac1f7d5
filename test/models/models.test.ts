// The models of the repository, as the engine runs them.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { featuresCommand, readFeatures } from "../../engine/cli/features-export.ts";
import type { ModelIndex } from "../../engine/domain/ids.ts";
import { DAY_MS, HOUR_MS } from "../../engine/domain/time.ts";
import { loadModels } from "../../engine/score/load-models.ts";
import { createScorer, type Scorer } from "../../engine/score/scorer.ts";
import { CDNOW, skipShared, TAOBAO } from "./shared-data.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const { features } = await readFeatures(`${ROOT}/rules`);
const NAMES = features.map(({ name }) => name);
const loaded = await loadModels(`${ROOT}/models`);
if (loaded.kind === "faulty") throw new Error(JSON.stringify(loaded.faults, undefined, 1));
const { models } = loaded;

function scorerOf(): Scorer {
  const created = createScorer(models, NAMES);
  if (created.kind === "faulty") throw new Error(JSON.stringify(created.faults));
  return created.scorer;
}

function rowOf(values: Readonly<Record<string, number>>): Float64Array {
  return Float64Array.from(NAMES, (name) => values[name] ?? Number.NaN);
}

async function answer(name: string, values: Readonly<Record<string, number>>): Promise<number> {
  const index = models.findIndex((model) => model.name === name) as ModelIndex;
  const { values: scores, fallback } = await scorerOf().score(index, [rowOf(values)]);
  expect([...fallback]).toEqual([0]);
  return scores[0] as number;
}

/** Other versions of the packages give other bytes: see models/README.md for what to install. */
function hasToolsOf(model: string): boolean {
  const versions = ["sklearn", "numpy", "onnx"].map((name) => `${name}.__version__`).join(", ");
  const program = `import sklearn, numpy, onnx; print("scikit-learn %s, numpy %s, onnx %s" % (${versions}))`;
  const { stdout } = spawnSync("/usr/bin/python3", ["-c", program], { encoding: "utf8" });
  return readFileSync(`${ROOT}/models/${model}/model.yaml`, "utf8").includes(`tools: "${(stdout ?? "").trim()}"`);
}

describe("the models of the repository", () => {
  it("are churn and propensity, reading features that the rules declare", () => {
    expect(models.map(({ name }) => name)).toEqual(["churn", "propensity"]);
    expect(createScorer(models, NAMES).kind).toBe("scorer");
  });

  it.each(["churn", "propensity"])("%s reproduces the probabilities of sklearn to 1e-5", async (name) => {
    const golden = JSON.parse(readFileSync(`${ROOT}/models/${name}/golden.json`, "utf8")) as {
      readonly features: readonly string[];
      readonly rows: readonly (readonly (number | null)[])[];
      readonly expected: readonly number[];
    };
    expect(golden.rows.length).toBeGreaterThanOrEqual(32);
    expect(Math.max(...golden.expected) - Math.min(...golden.expected)).toBeGreaterThan(0.3);
    const rows = golden.rows.map((row) =>
      rowOf(Object.fromEntries(golden.features.map((feature, index) => [feature, row[index] ?? Number.NaN]))),
    );
    const index = models.findIndex((model) => model.name === name) as ModelIndex;
    const { values, why } = await scorerOf().score(index, rows);
    expect(why).toBeUndefined();
    const off = golden.expected.map((expected, row) => Math.abs(expected - (values[row] as number)));
    expect(Math.max(...off)).toBeLessThan(1e-5);
  });

  it.each([
    ["churn", "log_loss_minus_purchase_recency_only_95"],
    ["propensity", "log_loss_minus_all_recencies_only_95"],
  ])("%s was measured to lose less than recency alone: the interval is below 0", (name, metric) => {
    const card = models.find((model) => model.name === name)?.card;
    const interval = card?.metrics[metric] as readonly number[];
    expect(interval).toHaveLength(2);
    expect(interval[0]).toBeLessThan(interval[1] as number);
    expect(interval[1]).toBeLessThan(0);
    expect(card?.limits.length).toBeGreaterThanOrEqual(4);
  });

  it.each([
    ["churn", "purchase_recency"],
    ["propensity", "all_recencies"],
  ])("README.md quotes of %s what its card measured", (name, recency) => {
    const metrics = models.find((model) => model.name === name)?.card.metrics ?? {};
    const [low, high] = metrics[`log_loss_minus_${recency}_only_95`] as number[] as [number, number];
    const text = (metric: string, digits: number): string => (metrics[metric] as number).toFixed(digits);
    const quoted = [
      `${text("log_loss", 4)}, ${text(`${recency}_only_log_loss`, 4)}`,
      `${text(`log_loss_minus_${recency}_only`, 4)} (${low.toFixed(4)} to ${high.toFixed(4)})`,
      `${text("auc", 3)}, ${text(`${recency}_only_auc`, 3)}`,
    ];
    const readme = readFileSync(`${ROOT}/models/README.md`, "utf8").split("\n");
    const row = readme.find((line) => line.startsWith(`| ${name} |`)) ?? "";
    expect(row.endsWith(`| ${quoted.join(" | ")} |`), `${row} ends with ${quoted.join(" | ")}`).toBe(true);
  });

  it("churn rises with silence and falls with purchases", async () => {
    const buyer = {
      purchase_recency: 5 * DAY_MS,
      purchases_30d: 2,
      purchases_90d: 4,
      purchases_half_30d: 2.2,
      purchases_half_180d: 5,
      purchases_all: 8,
      spend_half_180d: 150,
      spend_last: 30,
    };
    const silent = {
      ...buyer,
      purchase_recency: 200 * DAY_MS,
      purchases_30d: 0,
      purchases_90d: 0,
      purchases_half_30d: 0.05,
      purchases_half_180d: 2,
    };
    const [active, gone, never] = await Promise.all([
      answer("churn", buyer),
      answer("churn", silent),
      answer("churn", {}),
    ]);
    expect(active).toBeLessThan(0.5);
    expect(gone).toBeGreaterThan(active + 0.2);
    expect(never).toBeGreaterThan(0.8);
  });

  it("propensity rises with activity", async () => {
    const busy = {
      view_recency: HOUR_MS / 4,
      cart_recency: HOUR_MS,
      purchase_recency: 20 * HOUR_MS,
      views_1h: 8,
      views_24h: 40,
      views_7d: 120,
      views_half_6h: 25,
      items_24h: 30,
      carts_24h: 5,
      carts_7d: 12,
      favourites_24h: 2,
      favourites_7d: 4,
      purchases_24h: 1,
      purchases_7d: 4,
      purchases_all: 5,
      cart_rate_7d: 0.1,
    };
    const [active, nothing] = await Promise.all([answer("propensity", busy), answer("propensity", {})]);
    expect(active).toBeGreaterThan(2 * nothing);
  });

  const skipTraining =
    process.env["NBA_LONG"] !== "1" || skipShared || !hasToolsOf("churn") || !hasToolsOf("propensity");
  it.skipIf(skipTraining).each([
    ["churn", CDNOW, "cdnow", "--at weekly --warm-up 90d --label none:purchase:90d"],
    ["propensity", TAOBAO, "taobao", "--at every:6h --warm-up 75d --label any:purchase:24h"],
  ])("%s trained again gives the same bytes", { timeout: 1_200_000 }, async (name, file, mapping, how) => {
    const dir = mkdtempSync(join(tmpdir(), "nba-train-"));
    cpSync(`${ROOT}/models`, dir, { recursive: true });
    const rows = join(dir, "rows.csv");
    const args = ["export", file, "--mapping", mapping, "--rules", `${ROOT}/rules`, "--out", rows, ...how.split(" ")];
    await featuresCommand().parseAsync(args, { from: "user" });
    execFileSync("/usr/bin/python3", [`${dir}/${name}/train.py`, rows]);
    for (const one of ["model.onnx", "model.yaml", "golden.json"]) {
      expect(readFileSync(`${dir}/${name}/${one}`).equals(readFileSync(`${ROOT}/models/${name}/${one}`)), one).toBe(
        true,
      );
    }
  });
});
