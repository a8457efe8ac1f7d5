// models/NAME/model.yaml: what a model expects, what it answers, and what is known of it. Written by train.py.
import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import { isMap, isNode, isPair, LineCounter, parseDocument } from "yaml";
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

type Path = readonly (string | number)[];

/** Parses and checks the text of a model.yaml. `file` is only named in faults. */
export function parseModelCard(text: string, file: string): ParsedCard {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const placed = (offset: number, message: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  if (document.errors.length > 0) {
    return { kind: "faulty", faults: document.errors.map((error) => placed(error.pos[0], firstLine(error.message))) };
  }
  const value: unknown = document.toJS({ maxAliasCount: 10 });
  const offsetOf = (path: Path): number => offset(document.contents, path);
  if (!schemaCheck.Check(value)) {
    const faults = schemaCheck.Errors(value).flatMap((error) => {
      const path = pathOf(error.instancePath);
      if (error.keyword === "boolean")
        return [placed(offsetOf(path), `unknown field "${path.at(-1)}": ${knownFields(path)}`)];
      if (error.keyword === "additionalProperties") return [];
      const where = path.length === 0 ? "the card" : `"${path.join(".")}"`;
      return [placed(offsetOf(path), `${where} ${error.message}${quoted(value, path)}`)];
    });
    return { kind: "faulty", faults };
  }
  const faults: Fault[] = [];
  const seen = new Set<string>();
  for (const [index, feature] of value.features.entries()) {
    if (seen.has(feature.name))
      faults.push(placed(offsetOf(["features", index]), `feature "${feature.name}" is listed twice`));
    seen.add(feature.name);
    if (!Number.isFinite(Math.fround(feature.default))) {
      const message = `the default of feature "${feature.name}" must be a finite float32`;
      faults.push(placed(offsetOf(["features", index, "default"]), message));
    }
  }
  return faults.length === 0 ? { kind: "card", card: value } : { kind: "faulty", faults };
}

/** Where a field of a card that parsed is written, for faults that only the model file shows. */
export function cardFault(text: string, file: string, path: Path, message: string): Fault {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const { line, col } = lines.linePos(offset(document.contents, path));
  return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
}

function knownFields(path: Path): string {
  if (path.length === 1) return `a model card has ${Object.keys(ModelCardSchema.properties).join(", ")}`;
  return "see another model.yaml for what may stand here";
}

function pathOf(pointer: string): Path {
  if (pointer === "") return [];
  const parts = pointer.slice(1).split("/");
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** Offset of the deepest node on the way to `path`: the key of a map's entry, the item of a list. */
function offset(root: unknown, path: Path): number {
  let node: unknown = root;
  let at = 0;
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isPair(item) && String(item.key) === String(part));
      if (pair === undefined) return at;
      if (isNode(pair.key) && pair.key.range) at = pair.key.range[0];
      node = pair.value;
    } else {
      const items: unknown = isNode(node) && "items" in node ? node.items : undefined;
      node = Array.isArray(items) ? items[Number(part)] : undefined;
      if (!isNode(node) || !node.range) return at;
      at = node.range[0];
    }
  }
  return at;
}

function quoted(value: unknown, path: Path): string {
  let at: unknown = value;
  for (const part of path)
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[part] : undefined;
  return typeof at === "string" || typeof at === "number" || typeof at === "boolean"
    ? `, found ${JSON.stringify(at).slice(0, 80)}`
    : "";
}

function firstLine(message: string): string {
  return (message.split("\n")[0] ?? message).replace(/ at line \d+, column \d+:?$/, "").toLowerCase();
}
