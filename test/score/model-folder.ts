// Writes a folder of models around the fixtures, as train.py would.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Fixture = "logistic" | "root" | "forty" | "zipmap";

export interface FolderChange {
  readonly features?: readonly string[];
  readonly card?: (text: string) => string;
  readonly golden?: (golden: { features: string[]; rows: (number | null)[][]; expected: number[] }) => unknown;
}

export const DEFAULTS = [1, 2, 4] as const;

export function marginOf(row: readonly number[]): number {
  const [a, b, c] = row.map((cell, index) => (Number.isNaN(cell) ? (DEFAULTS[index] as number) : cell)) as [
    number,
    number,
    number,
  ];
  return 0.5 * a - 0.25 * b + 0.125 * c;
}

export function expectedOf(fixture: Fixture, row: readonly number[]): number {
  const margin = marginOf(row);
  return fixture === "root" ? Math.sqrt(margin) : 1 / (1 + Math.exp(-margin));
}

/** A new temporary folder with one model in it. */
export function modelFolder(fixture: Fixture, change: FolderChange = {}): string {
  const dir = mkdtempSync(join(tmpdir(), "nba-models-"));
  mkdirSync(join(dir, fixture));
  const bytes = readFileSync(new URL(`./fixtures/${fixture}.onnx`, import.meta.url));
  const names = change.features ?? ["a", "b", "c"];
  const card = [
    `name: ${fixture}`,
    "label: for tests",
    "unit: customer",
    "file: model.onnx",
    `sha256: ${createHash("sha256").update(bytes).digest("hex")}`,
    "opset: 15",
    "input: features",
    "features:",
    ...names.map((name, index) => `  - { name: ${name}, default: ${DEFAULTS[index] ?? 0} }`),
    `output: { name: probability, positive: ${fixture === "logistic" ? 1 : 0} }`,
    "calibration: { method: none, measured: not at all }",
    "default: 0.25",
    "trainedOn: { rows: 0 }",
    "metrics: { log_loss: 0.5 }",
    "limits: [made up]",
    "",
  ].join("\n");
  const rows = Array.from({ length: 40 }, (_, index): (number | null)[] => [
    index === 3 ? null : (index % 10) / 10,
    index === 4 ? null : (index % 7) / 100,
    index === 5 ? null : (index % 5) / 10,
  ]);
  // A root has no negative margins among its golden rows.
  if (fixture === "root") for (const row of rows) row.splice(0, 2, (row[0] ?? 0.5) + 0.1, 0);
  const expected = rows.map((row) =>
    expectedOf(
      fixture,
      row.map((cell) => cell ?? Number.NaN),
    ),
  );
  const golden = { features: [...names], rows, expected };
  writeFileSync(join(dir, fixture, "model.onnx"), bytes);
  writeFileSync(join(dir, fixture, "model.yaml"), change.card === undefined ? card : change.card(card));
  writeFileSync(join(dir, fixture, "golden.json"), JSON.stringify(change.golden?.(golden) ?? golden));
  return dir;
}
