// Reads the folder of models: each file once, checked against its card, probed with its golden rows.
import { createHash } from "node:crypto";
import { open, readdir } from "node:fs/promises";
import { join } from "node:path";
import { InferenceSession } from "onnxruntime-node";
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Fault, KnownModel } from "../rulebook/rulebook.ts";
import { cardFault, type ModelCard, parseModelCard } from "./model-card.ts";
import { onnxFault } from "./onnx-contents.ts";
import { badNumber, fillRow, planRows, runBatch } from "./run-batch.ts";

/** Files as they are kept in Redis by hash: the card, the model and its golden rows. */
export interface ModelBytes {
  /** Name of the folder. */
  readonly name: string;
  readonly card: string;
  readonly model: Uint8Array;
  readonly golden: string;
}

/** A model that was probed and agrees with its golden rows. */
export interface ModelFile {
  readonly name: string;
  readonly sha256: string;
  readonly card: ModelCard;
  readonly bytes: ModelBytes;
  readonly session: InferenceSession;
  /** Largest distance between its answers and the golden ones. */
  readonly goldenDistance: number;
}

export type LoadedModels =
  | { readonly kind: "loaded"; readonly models: readonly ModelFile[] }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

const GOLDEN_DISTANCE_MAX = 1e-5;
const GOLDEN_ROWS_MIN = 32;
const MODEL_BYTES_MAX = 64 * 1024 * 1024;

const GoldenSchema = Type.Object({
  features: Type.Array(Type.String()),
  /** null: the feature is missing. */
  rows: Type.Array(Type.Array(Type.Union([Type.Number(), Type.Null()])), { minItems: GOLDEN_ROWS_MIN }),
  expected: Type.Array(Type.Number({ minimum: 0, maximum: 1 })),
});
type Golden = Static<typeof GoldenSchema>;
const goldenCheck = Compile(GoldenSchema);

/** One folder for each model below `dir`, sorted by name. All faults at once; a folder without models is no fault. */
export async function loadModels(dir: string): Promise<LoadedModels> {
  let names: string[];
  try {
    const entries = await readdir(dir, { withFileTypes: true });
    names = entries.filter((entry) => entry.isDirectory() && !/^[._]/.test(entry.name)).map((entry) => entry.name);
  } catch (error) {
    return faulty([atTop(dir, `the folder of models cannot be read: ${reasonOf(error)}`)]);
  }
  const faults: Fault[] = [];
  const models: ModelFile[] = [];
  for (const name of names.sort()) {
    const read = await readModel(dir, name);
    const loaded = "fault" in read ? faulty([read.fault]) : await openModel(read);
    if (loaded.kind === "loaded") models.push(...loaded.models);
    else faults.push(...loaded.faults);
  }
  return faults.length === 0 ? { kind: "loaded", models } : faulty(faults);
}

/** Opens one model from bytes that were read once, so that what is checked is what runs. */
export async function openModel(bytes: ModelBytes): Promise<LoadedModels> {
  const file = `${bytes.name}/model.yaml`;
  const parsed = parseModelCard(bytes.card, file);
  if (parsed.kind === "faulty") return parsed;
  const { card } = parsed;
  const fault = (path: readonly (string | number)[], message: string): LoadedModels =>
    faulty([cardFault(bytes.card, file, path, message)]);
  if (card.name !== bytes.name) return fault(["name"], `name is "${card.name}", but the folder is "${bytes.name}"`);
  const sha256 = createHash("sha256").update(bytes.model).digest("hex");
  if (sha256 !== card.sha256) return fault(["sha256"], `${card.file} has sha256 ${sha256}, not the one written here`);
  const contents = onnxFault(bytes.model);
  if (contents !== undefined) return fault(["file"], `${card.file} ${contents}`);
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(bytes.model, SESSION_OPTIONS);
  } catch (error) {
    return fault(["file"], `${card.file} is no model that ONNX Runtime can load: ${reasonOf(error)}`);
  }
  const shape = shapeFault(card, session);
  if (shape !== undefined) return fault(shape.path, shape.message);
  const golden = parseGolden(bytes.golden, card);
  if (typeof golden === "string") return faulty([atTop(`${bytes.name}/golden.json`, golden)]);
  try {
    const distance = await probe(session, card, golden);
    if (typeof distance === "string") return faulty([atTop(`${bytes.name}/golden.json`, distance)]);
    return { kind: "loaded", models: [{ name: card.name, sha256, card, bytes, session, goldenDistance: distance }] };
  } catch (error) {
    return fault(["file"], `${card.file} fails on its golden rows: ${reasonOf(error)}`);
  }
}

/** What the rulebook compiler must know, in the order of ModelIndex. */
export function knownModels(models: readonly ModelFile[]): readonly KnownModel[] {
  return models.map(({ name, sha256 }) => ({ name, sha256 }));
}

/** One thread and no spinning: the loop of the partition is the only user of its core. */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ["cpu"],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: "sequential",
  logSeverityLevel: 3,
  extra: { session: { intra_op: { allow_spinning: "0" } } },
};

async function readModel(dir: string, name: string): Promise<ModelBytes | { readonly fault: Fault }> {
  const read = async (file: string): Promise<Buffer> => {
    const handle = await open(join(dir, name, file));
    try {
      const { size } = await handle.stat();
      if (size > MODEL_BYTES_MAX) throw new Error(`larger than ${MODEL_BYTES_MAX} bytes`);
      const bytes = await handle.readFile();
      if (bytes.length !== size) throw new Error("it changed while it was read");
      return bytes;
    } finally {
      await handle.close();
    }
  };
  let file = "model.yaml";
  try {
    const card = (await read(file)).toString("utf8");
    const parsed = parseModelCard(card, `${name}/model.yaml`);
    // A card that is faulty is told by openModel; its model is not looked for.
    if (parsed.kind === "faulty") return { name, card, model: new Uint8Array(), golden: "" };
    file = parsed.card.file;
    const model = new Uint8Array(await read(file));
    file = "golden.json";
    return { name, card, model, golden: (await read(file)).toString("utf8") };
  } catch (error) {
    return {
      fault: atTop(
        `${name}/${file}`,
        `cannot be read: ${reasonOf(error)}; a model has model.yaml, its .onnx file and golden.json`,
      ),
    };
  }
}

function shapeFault(
  card: ModelCard,
  session: InferenceSession,
): { readonly path: readonly string[]; readonly message: string } | undefined {
  const inputs = session.inputMetadata;
  const [input] = inputs;
  if (inputs.length !== 1 || input === undefined || input.name !== card.input) {
    const names = inputs.map((one) => `"${one.name}"`).join(", ");
    return { path: ["input"], message: `the model has the inputs ${names}; exactly one, "${card.input}", is expected` };
  }
  if (!input.isTensor || input.type !== "float32" || input.shape.length !== 2) {
    return { path: ["input"], message: `input "${card.input}" must be a float32 tensor of shape [rows, features]` };
  }
  const [rows, columns] = input.shape;
  if (typeof rows === "number")
    return { path: ["input"], message: `the number of rows is fixed at ${rows}; it must be open` };
  if (columns !== card.features.length) {
    return {
      path: ["features"],
      message: `the card lists ${card.features.length} features, the model takes ${columns}`,
    };
  }
  const output = session.outputMetadata.find((one) => one.name === card.output.name);
  if (output === undefined) {
    const names = session.outputNames.map((name) => `"${name}"`).join(", ");
    return { path: ["output", "name"], message: `the model has no output "${card.output.name}"; it has ${names}` };
  }
  if (!output.isTensor) {
    const message = `output "${output.name}" is no tensor (a ZipMap?): write the probabilities as a float tensor [rows, classes]`;
    return { path: ["output", "name"], message };
  }
  if (output.type !== "float32" && output.type !== "float64") {
    return {
      path: ["output", "name"],
      message: `output "${output.name}" is of type ${output.type}; float32 is expected`,
    };
  }
  return undefined;
}

function parseGolden(text: string, card: ModelCard): Golden | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return `is no JSON: ${reasonOf(error)}`;
  }
  if (!goldenCheck.Check(value)) {
    const first = goldenCheck.Errors(value)[0];
    return `${first?.instancePath || "the file"} ${first?.message}; {features, rows, expected} with at least ${GOLDEN_ROWS_MIN} rows is expected`;
  }
  const names = card.features.map((feature) => feature.name);
  if (value.features.join() !== names.join())
    return `its features are ${value.features.join(", ")}; the card has ${names.join(", ")}`;
  if (value.rows.some((row) => row.length !== names.length)) return `every row must have ${names.length} numbers`;
  if (value.rows.length !== value.expected.length)
    return `${value.rows.length} rows, but ${value.expected.length} expected values`;
  return value;
}

async function probe(session: InferenceSession, card: ModelCard, golden: Golden): Promise<number | string> {
  const width = card.features.length;
  const plan = planRows(card);
  const input = new Float32Array(golden.rows.length * width);
  for (const [index, row] of golden.rows.entries()) {
    const features = Float64Array.from(row, (cell) => cell ?? Number.NaN);
    if (!fillRow(plan, features, input, index * width)) return `row ${index}: ${badNumber(plan, features)}`;
  }
  const values = await runBatch(session, card, input, golden.rows.length);
  let distance = 0;
  for (const [index, expected] of golden.expected.entries()) {
    const value = values[index] as number;
    const off = Math.abs(value - expected);
    if (!(off <= GOLDEN_DISTANCE_MAX)) return `row ${index}: the model answers ${value}, the file says ${expected}`;
    distance = Math.max(distance, off);
  }
  return distance;
}

function faulty(faults: readonly Fault[]): LoadedModels & { readonly kind: "faulty" } {
  return { kind: "faulty", faults };
}

function atTop(file: string, message: string): Fault {
  return { file, line: 1, column: 1, message };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
