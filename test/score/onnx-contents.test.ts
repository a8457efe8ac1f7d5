import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { loadModels } from "../../engine/score/load-models.ts";
import { onnxFault } from "../../engine/score/onnx-contents.ts";
import { modelFolder } from "./model-folder.ts";

const RUNS = process.env["NBA_LONG"] === "1" ? 20_000 : 500;
const fixtures = new URL("./fixtures/", import.meta.url);
const files = readdirSync(fixtures).filter((name) => name.endsWith(".onnx"));
const delivered = ["churn", "propensity"].map((name) => new URL(`../../models/${name}/model.onnx`, import.meta.url));
const logistic = readFileSync(new URL("logistic.onnx", fixtures));

/** A field of the wire format: text and bytes length-delimited, numbers as varints. */
function field(number: number, value: string | Uint8Array | number): Buffer {
  if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes = Buffer.from(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let left = value; ; left = Math.floor(left / 128)) {
    bytes.push(left < 128 ? left : (left % 128) + 128);
    if (left < 128) return Buffer.from(bytes);
  }
}

const message = (...fields: readonly Buffer[]): Buffer => Buffer.concat(fields);
const node = (...fields: readonly Buffer[]): Buffer => field(7, field(1, message(field(4, "Add"), ...fields)));
const attribute = (...fields: readonly Buffer[]): Buffer => node(field(5, message(...fields)));
const external = field(14, 1);

describe("ACC-11 the contents of a model file", () => {
  it.each(files.map((name) => [name]))("%s is taken", (name) => {
    expect(onnxFault(readFileSync(new URL(name, fixtures)))).toBeUndefined();
  });

  it("the delivered models are taken", () => {
    for (const file of delivered) expect(onnxFault(readFileSync(file))).toBeUndefined();
  });

  const inAnotherFile = "keeps data in another file: export it as one file";
  it.each<[string, Buffer, string]>([
    ["an initializer elsewhere", field(7, field(5, external)), inAnotherFile],
    ["a path alone", field(7, field(5, field(13, field(1, "location")))), inAnotherFile],
    ["an attribute elsewhere", attribute(field(5, external)), inAnotherFile],
    ["one of several tensors elsewhere", attribute(field(10, message()), field(10, external)), inAnotherFile],
    ["sparse values elsewhere", field(7, field(15, field(1, external))), inAnotherFile],
    ["sparse indices of an attribute elsewhere", attribute(field(22, field(2, external))), inAnotherFile],
    ["a location beyond 32 bits", field(7, field(5, field(14, 2 ** 32 + 1))), inAnotherFile],
    [
      "a loop",
      node(field(5, field(6, message()))),
      "has a graph within an operator (If, Loop, Scan): branches and loops are not taken",
    ],
    [
      "branches",
      node(field(5, field(11, message()))),
      "has a graph within an operator (If, Loop, Scan): branches and loops are not taken",
    ],
    ["functions", field(25, field(1, "f")), "defines functions of its own: export it with operators only"],
    ["training", field(20, message()), "carries instructions for training: export it for inference"],
    [
      "an operator that is not taken",
      field(7, field(1, field(4, "RandomNormal"))),
      'uses the operator "RandomNormal", which is not among those that are taken',
    ],
    [
      "an operator without a name",
      field(7, field(1, message())),
      'uses the operator "", which is not among those that are taken',
    ],
    ["two names of one operator", node(field(4, "Loop")), "has an operator with two names"],
    [
      "an operator of its own domain",
      node(field(7, "com.evil")),
      'uses operators of the domain "com.evil"; ai.onnx and ai.onnx.ml are taken',
    ],
    [
      "an import of another domain",
      field(8, field(1, "com.microsoft")),
      'uses operators of the domain "com.microsoft"; ai.onnx and ai.onnx.ml are taken',
    ],
    [
      "an operator of the other domain",
      node(field(7, "ai.onnx.ml")),
      'uses the operator "Add", which is not among those that are taken',
    ],
    [
      "a domain that every object has",
      node(field(7, "constructor")),
      'uses operators of the domain "constructor"; ai.onnx and ai.onnx.ml are taken',
    ],
    ["an unknown field", field(26, "x"), "has a field 26 in a model, which is not known here"],
    ["a number for a graph", field(7, 1), "is no ONNX model: field 7 is a number where a message is expected"],
    ["a group", Buffer.from([0x0b]), "is no ONNX model: a field has a type that is not in use"],
    ["a length beyond the end", Buffer.from([0x3a, 0xff, 0x01]), "is no ONNX model: a field is longer than the bytes"],
    ["an endless number", Buffer.alloc(11, 0xff), "is no ONNX model: a number is too long"],
  ])("%s is refused, also behind a good model", (_, bytes, expected) => {
    expect(onnxFault(bytes)).toBe(expected);
    // Messages that follow one another are one: a second graph is merged into the first.
    expect(onnxFault(Buffer.concat([logistic, bytes]))).toBe(expected);
  });

  it("nothing is no model", () => {
    expect(onnxFault(new Uint8Array())).toBe("is no ONNX model: it has no operator");
  });

  it("no bytes make it throw", () => {
    const model = fc.constantFrom(...files.map((name) => readFileSync(new URL(name, fixtures))));
    const change = fc.record({ at: fc.nat(1_000), byte: fc.nat(255) });
    fc.assert(
      fc.property(model, fc.array(change, { maxLength: 4 }), fc.nat(1_000), (bytes, changes, cut) => {
        const mutant = Buffer.from(bytes);
        for (const { at, byte } of changes) mutant[at % mutant.length] = byte;
        onnxFault(mutant);
        onnxFault(mutant.subarray(0, cut % mutant.length));
      }),
      { numRuns: RUNS },
    );
  });
});

it("ACC-11 a folder with such a model is refused, at the line of its file, before ONNX Runtime sees it", async () => {
  const dir = modelFolder("logistic");
  const bytes = Buffer.concat([logistic, field(7, field(5, external))]);
  writeFileSync(join(dir, "logistic", "model.onnx"), bytes);
  const card = join(dir, "logistic", "model.yaml");
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  writeFileSync(card, readFileSync(card, "utf8").replace(/sha256: .*/, `sha256: ${sha256}`));
  const loaded = await loadModels(dir);
  const text = "model.onnx keeps data in another file: export it as one file";
  expect(loaded).toMatchObject({ kind: "faulty", faults: [{ file: "logistic/model.yaml", line: 4, message: text }] });
});
