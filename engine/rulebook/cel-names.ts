// The names that an expression may read, and the JavaScript that reads them.
import type { ASTNode } from "./cel-parse.ts";
import { type ExpressionSize, NO_SEGMENTS, type SegmentNames } from "./cel-segments.ts";
import type { AttributeType } from "./rulebook.ts";
import { suggest } from "./suggest.ts";

/** Type of an expression. `any`: known only when it is evaluated. */
export type CelType = "number" | "string" | "boolean" | "set" | "any";

/** How one name is read. */
export interface NameRead {
  /** As written, e.g. `features.spend_30d`. */
  readonly name: string;
  readonly type: CelType;
  /** JavaScript that gives the value in the representation of cel-runtime.ts, an error where it is missing. */
  readonly javascript: string;
  /** JavaScript that gives 1 where the value is there, else 0. */
  readonly present: string;
  /** For `model.NAME`. */
  readonly model: number | undefined;
  /** For `segments.NAME`: the expression that stands in its place. */
  readonly inPlace?: ASTNode | undefined;
}

/** Names below their roots: `features.NAME`. */
export interface NameScope {
  readonly roots: readonly string[];
  /** The read, or what is wrong. */
  readonly resolve: (root: string, field: string) => NameRead | { readonly wrong: string };
  /** Of what `root.field` stands for: more than one node for a segment. */
  readonly sizeOf: (root: string, field: string) => ExpressionSize;
}

export interface DeclaredNames {
  /** In order of index. */
  readonly features: readonly string[];
  readonly attributes: readonly { readonly name: string; readonly type: AttributeType }[];
  readonly models: readonly string[];
}

/** Locals of generated code: s = RuleScope, and its parts F, A, C, M. */
export function ruleNames(declared: DeclaredNames, segments: SegmentNames = NO_SEGMENTS): NameScope {
  const features = indexOf(declared.features);
  const attributes = indexOf(declared.attributes.map((attribute) => attribute.name));
  const models = indexOf(declared.models);
  const readIndexed = (
    root: string,
    local: string,
    noun: string,
    indexes: ReadonlyMap<string, number>,
    name: string,
  ) => {
    const index = indexes.get(name);
    if (index === undefined)
      return { wrong: `unknown ${noun} ${JSON.stringify(name)}${suggest(name, indexes.keys())}` };
    const javascript = `${local}[${index}]`;
    const model = root === "model" ? index : undefined;
    return { name: `${root}.${name}`, type: "number" as const, javascript, present: presentNumber(javascript), model };
  };
  const readAttribute = (name: string): NameRead | { readonly wrong: string } => {
    const index = attributes.get(name);
    const type = index === undefined ? undefined : declared.attributes[index]?.type;
    if (type === undefined) {
      return { wrong: `unknown attribute ${JSON.stringify(name)}${suggest(name, attributes.keys())}` };
    }
    const raw = `A[${index}]`;
    return {
      name: `attributes.${name}`,
      type,
      javascript: `${ATTRIBUTE_READERS[type]}(${raw})`,
      present: presentAny(raw),
      model: undefined,
    };
  };
  return {
    roots: ["features", "attributes", "context", "model", "customer", "segments"],
    sizeOf: (root, field) => (root === "segments" ? segments.sizeOf(field) : { nodes: 1, depth: 1 }),
    resolve: (root, field) => {
      if (root === "features") return readIndexed("features", "F", "feature", features, field);
      if (root === "model") return readIndexed("model", "M", "model", models, field);
      if (root === "attributes") return readAttribute(field);
      if (root === "context") return readProp("context", "C", field);
      if (root === "segments") return readSegment(segments, field);
      return readCustomer(field);
    },
  };
}

const ATTRIBUTE_READERS: Readonly<Record<AttributeType, string>> = {
  number: "num",
  string: "str",
  boolean: "bool",
  set: "set",
};

function readCustomer(field: string): NameRead | { readonly wrong: string } {
  const name = `customer.${field}`;
  if (field === "open_cases")
    return { name, type: "number", javascript: "s.openCases", present: "1", model: undefined };
  if (field === "anonymous") {
    return { name, type: "boolean", javascript: "(s.anonymous?1:0)", present: "1", model: undefined };
  }
  return { wrong: `unknown field ${JSON.stringify(name)}${suggest(field, ["open_cases", "anonymous"])}` };
}

function readSegment(segments: SegmentNames, field: string): NameRead | { readonly wrong: string } {
  const found = segments.find(field);
  if ("wrong" in found) return found;
  const name = `segments.${field}`;
  return { name, type: "boolean", javascript: "2", present: "1", model: undefined, inPlace: found.ast };
}

/** Names of an event filter: `event.type` ... Locals: e = CustomerEvent, P = its props. `event.props.X` has the root `event.props`. */
export function eventNames(): NameScope {
  const fields = ["type", "channel", "source", "props"];
  return {
    roots: ["event"],
    sizeOf: () => ({ nodes: 1, depth: 1 }),
    resolve: (root, field) => {
      if (root === "event.props") return readProp("event.props", "P", field);
      if (field === "props") return { wrong: "event.props is read by name: event.props.NAME" };
      if (!fields.includes(field)) {
        return { wrong: `unknown field ${JSON.stringify(`event.${field}`)}${suggest(field, fields)}` };
      }
      const javascript = `e.${field}`;
      return { name: `event.${field}`, type: "string", javascript, present: presentAny(javascript), model: undefined };
    },
  };
}

function readProp(root: string, local: string, field: string): NameRead {
  const javascript = `own(${local},${JSON.stringify(field)})`;
  return { name: `${root}.${field}`, type: "any", javascript, present: presentAny(javascript), model: undefined };
}

function presentNumber(javascript: string): string {
  return `(${javascript}===${javascript}?1:0)`;
}

function presentAny(javascript: string): string {
  return `(${javascript}!==undefined?1:0)`;
}

function indexOf(names: readonly string[]): ReadonlyMap<string, number> {
  return new Map(names.map((name, index) => [name, index]));
}
