// What a model file may hold (onnx.proto3 of ONNX 1.18): operators that compute numbers from numbers. No data in other files, no
// functions, no graphs within nodes (so no loops), no operators of other domains. Fields that are not known here are not taken.
import { type Field, fieldsOf, NotProtobuf } from "./protobuf.ts";

const NODES_MAX = 10_000;
const TENSORS_MAX = 100_000;

const OPERATORS: Readonly<Record<string, ReadonlySet<string>>> = {
  "": words(`Abs Add And ArgMax ArgMin BatchNormalization Cast Ceil Celu Clip Concat Constant Div Dropout Elu Equal Erf Exp
    Flatten Floor Gather GatherElements Gelu Gemm Greater GreaterOrEqual HardSigmoid HardSwish Identity IsInf IsNaN
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max Mean Min Mish Mod Mul Neg Not Or PRelu Pow
    Reciprocal ReduceL1 ReduceL2 ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu
    Reshape Round Selu Shape Sigmoid Sign Slice Softmax Softplus Softsign Split Sqrt Squeeze Sub Sum Tanh ThresholdedRelu
    Transpose Unsqueeze Where Xor`),
  "ai.onnx.ml": words(`ArrayFeatureExtractor Binarizer FeatureVectorizer Imputer LabelEncoder LinearClassifier
    LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble TreeEnsembleClassifier
    TreeEnsembleRegressor ZipMap`),
};

/** What is wrong with the contents of an .onnx file, in words; undefined: nothing. Never throws. */
export function onnxFault(bytes: Uint8Array): string | undefined {
  const seen: Seen = { nodes: 0, tensors: 0 };
  try {
    walkModel(bytes, seen);
  } catch (error) {
    if (error instanceof NotAllowed) return error.message;
    if (error instanceof NotProtobuf) return `is no ONNX model: ${error.message}`;
    throw error;
  }
  return seen.nodes === 0 ? "is no ONNX model: it has no operator" : undefined;
}

interface Seen {
  nodes: number;
  tensors: number;
}

class NotAllowed extends Error {}

const plain = (...numbers: readonly number[]): ReadonlySet<number> => new Set(numbers);
/** Fields that hold numbers, names and types only. */
const PLAIN = {
  model: plain(1, 2, 3, 4, 5, 6, 14),
  graph: plain(2, 10, 11, 12, 13, 14, 16),
  node: plain(1, 2, 3, 6, 9),
  attribute: plain(1, 2, 3, 4, 7, 8, 9, 13, 20),
  tensor: plain(1, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16),
  sparse: plain(3),
} as const;

function walkModel(message: Uint8Array, seen: Seen): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 8) walkOpset(within(field));
    else if (field.number === 7) walkGraph(within(field), seen);
    else if (field.number === 20) throw new NotAllowed("carries instructions for training: export it for inference");
    else if (field.number === 25) throw new NotAllowed("defines functions of its own: export it with operators only");
    else expectPlain("model", field);
  }
}

function walkOpset(message: Uint8Array): void {
  for (const field of fieldsOf(message)) if (field.number === 1) domainOf(textOf(field));
}

function walkGraph(message: Uint8Array, seen: Seen): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 1) walkNode(within(field), seen);
    else if (field.number === 5) walkTensor(within(field), seen);
    else if (field.number === 15) walkSparse(within(field), seen);
    else expectPlain("graph", field);
  }
}

function walkNode(message: Uint8Array, seen: Seen): void {
  if (++seen.nodes > NODES_MAX) throw new NotAllowed(`has more than ${NODES_MAX} operators`);
  const types: string[] = [];
  const domains: string[] = [];
  for (const field of fieldsOf(message)) {
    if (field.number === 4) types.push(textOf(field));
    else if (field.number === 7) domains.push(textOf(field));
    else if (field.number === 5) walkAttribute(within(field), seen);
    else expectPlain("node", field);
  }
  const [type = "", ...more] = types;
  const [domain = "", ...others] = domains;
  if (more.length > 0 || others.length > 0) throw new NotAllowed("has an operator with two names");
  if (OPERATORS[domainOf(domain)]?.has(type) !== true)
    throw new NotAllowed(
      `uses the operator ${JSON.stringify(type.slice(0, 64))}, which is not among those that are taken`,
    );
}

function walkAttribute(message: Uint8Array, seen: Seen): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 5 || field.number === 10) walkTensor(within(field), seen);
    else if (field.number === 22 || field.number === 23) walkSparse(within(field), seen);
    else if (field.number === 6 || field.number === 11)
      throw new NotAllowed("has a graph within an operator (If, Loop, Scan): branches and loops are not taken");
    else expectPlain("attribute", field);
  }
}

function walkSparse(message: Uint8Array, seen: Seen): void {
  for (const field of fieldsOf(message)) {
    if (field.number === 1 || field.number === 2) walkTensor(within(field), seen);
    else expectPlain("sparse", field);
  }
}

function walkTensor(message: Uint8Array, seen: Seen): void {
  if (++seen.tensors > TENSORS_MAX) throw new NotAllowed(`has more than ${TENSORS_MAX} tensors`);
  for (const field of fieldsOf(message)) {
    // data_location: 0 is "in this file".
    if (field.number === 13 || (field.number === 14 && field.varint !== 0n))
      throw new NotAllowed("keeps data in another file: export it as one file");
    if (field.number !== 14) expectPlain("tensor", field);
  }
}

function domainOf(name: string): string {
  const domain = name === "ai.onnx" ? "" : name;
  if (Object.hasOwn(OPERATORS, domain)) return domain;
  throw new NotAllowed(
    `uses operators of the domain ${JSON.stringify(name.slice(0, 64))}; ai.onnx and ai.onnx.ml are taken`,
  );
}

function expectPlain(kind: keyof typeof PLAIN, { number }: Field): void {
  if (!PLAIN[kind].has(number)) throw new NotAllowed(`has a field ${number} in a ${kind}, which is not known here`);
}

function within({ number, bytes }: Field): Uint8Array {
  if (bytes === undefined) throw new NotProtobuf(`field ${number} is a number where a message is expected`);
  return bytes;
}

function textOf(field: Field): string {
  return Buffer.from(within(field)).toString("utf8");
}

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
