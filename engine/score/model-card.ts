// models/NAME/model.yaml: what a model expects, what it answers, and what is known of it. Written by train.py.
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { keyAt, type Path, startAt } from "../rulebook/place-table.ts";
import { readText } from "../rulebook/read-text.ts";
import type { Reading } from "../rulebook/reading.ts";
import type { Fault } from "../rulebook/rulebook.ts";

const STRICT = { additionalProperties: false };
const SCALAR = Type.Union([Type.String(), Type.Number()]);

const ModelCardSchema = Type.Object(
  {
    /** Name of the folder, and of `model.NAME` in rules. */
    name: Type.String({ pattern: "^[a-z][a-z0-9_]{0,63}$" }),
    label: Type.String({ minLength: 1 }),
    /** One row for each customer. */
    unit: Type.Literal("customer"),
    /** Beside model.yaml. */
    file: Type.String({ pattern: "^[A-Za-z0-9_.-]+\\.onnx$" }),
    /** Of the file, hex. */
    sha256: Type.String({ pattern: "^[0-9a-f]{64}$" }),
    opset: Type.Integer({ minimum: 1 }),
    /** Name of the input: a float32 tensor of shape [rows, features]. */
    input: Type.String({ minLength: 1 }),
    /** In the order of the input's columns. `default` stands in where the feature is missing. */
    features: Type.Array(
      Type.Object(
        { name: Type.String({ minLength: 1 }), default: Type.Number(), why: Type.Optional(Type.String()) },
        STRICT,
      ),
      { minItems: 1, maxItems: 1024 },
    ),
    /** A float tensor of shape [rows, classes] or [rows]; `positive` is the column of the probability. */
    output: Type.Object({ name: Type.String({ minLength: 1 }), positive: Type.Integer({ minimum: 0 }) }, STRICT),
    calibration: Type.Object({ method: Type.String(), measured: Type.String() }, STRICT),
    /** Used when the model fails or is too slow. */
    default: Type.Number({ minimum: 0, maximum: 1 }),
    trainedOn: Type.Record(Type.String(), SCALAR),
    metrics: Type.Record(Type.String(), Type.Union([SCALAR, Type.Array(Type.Number())])),
    /** What the data cannot show, in words. */
    limits: Type.Array(Type.String(), { minItems: 1 }),
  },
  STRICT,
);

export type ModelCard = Static<typeof ModelCardSchema>;

export type ParsedCard =
  | { readonly kind: "card"; readonly card: ModelCard }
  | { readonly kind: "faulty"; readonly faults: readonly Fault[] };

const schemaCheck = Compile(ModelCardSchema);

/** Parses and checks the text of a model.yaml. `file` is only named in faults. */
export function parseModelCard(text: string, file: string): ParsedCard {
  const reading = readText(text);
  if (reading.kind === "unread") return { kind: "faulty", faults: reading.faults.map((fault) => ({ file, ...fault })) };
  const { value } = reading;
  const faultAt = (path: Path, message: string): Fault => placed(reading, file, path, message);
  if (!schemaCheck.Check(value)) {
    const faults = schemaCheck.Errors(value).flatMap((error) => {
      const path = pathOf(error.instancePath, value);
      if (error.keyword === "boolean") return [faultAt(path, `unknown field "${path.at(-1)}": ${knownFields(path)}`)];
      if (error.keyword === "additionalProperties") return [];
      const where = path.length === 0 ? "the card" : `"${path.join(".")}"`;
      return [faultAt(path, `${where} ${error.message}${quoted(value, path)}`)];
    });
    return { kind: "faulty", faults };
  }
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [index, feature] of value.features.entries()) {
    if (seen.has(feature.name)) faults.push(faultAt(["features", index], `feature "${feature.name}" is listed twice`));
    seen.add(feature.name);
    if (!Number.isFinite(Math.fround(feature.default))) {
      const message = `the default of feature "${feature.name}" must be a finite float32`;
      faults.push(faultAt(["features", index, "default"], message));
    }
  }
  return faults.length === 0 ? { kind: "card", card: value } : { kind: "faulty", faults };
}

/** Where a field of a card that parsed is written, for faults that only the model file shows. */
export function cardFault(text: string, file: string, path: Path, message: string): Fault {
  const reading = readText(text);
  return reading.kind === "unread" ? { file, line: 1, column: 1, message } : placed(reading, file, path, message);
}

/** At the name of a field, at an item of a list; where neither is written, at what it is missing in. */
function placed({ value, places }: Extract<Reading, { kind: "read" }>, file: string, path: Path, message: string) {
  const last = path.at(-1);
  const at = typeof last === "string" ? keyAt(places, value, path.slice(0, -1), last) : startAt(places, value, path);
  return { file, ...at, message };
}

function knownFields(path: Path): string {
  if (path.length === 1) return `a model card has ${Object.keys(ModelCardSchema.properties).join(", ")}`;
  return "see another model.yaml for what may stand here";
}

function pathOf(pointer: string, root: unknown): Path {
  if (pointer === "") return [];
  let value = root;
  return pointer
    .slice(1)
    .split("/")
    .map((part) => {
      const step = Array.isArray(value) ? Number(part) : part.replaceAll("~1", "/").replaceAll("~0", "~");
      value = (value as Readonly<Record<string | number, unknown>> | null | undefined)?.[step];
      return step;
    });
}

function quoted(value: unknown, path: Path): string {
  let at: unknown = value;
  for (const part of path)
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  return typeof at === "string" || typeof at === "number" || typeof at === "boolean"
    ? `, found ${JSON.stringify(at).slice(0, 80)}`
    : "";
}
