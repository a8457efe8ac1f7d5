// Random expressions, each as a marketer writes it and as standard CEL wants it, and random customers to read.
import fc from "fast-check";
import type { Props, PropValue } from "../../engine/domain/event.ts";
import { type DeclaredNames, ruleNames } from "../../engine/rulebook/cel-names.ts";
import { parseExpression } from "../../engine/rulebook/cel-parse.ts";
import { createSegmentNames, expandedSize } from "../../engine/rulebook/cel-segments.ts";
import type { RuleScope } from "../../engine/rulebook/rulebook.ts";

export const NAMES: DeclaredNames = {
  features: ["f0", "f1", "f2"],
  attributes: [
    { name: "n", type: "number" },
    { name: "s", type: "string" },
    { name: "b", type: "boolean" },
    { name: "set", type: "set" },
  ],
  models: ["m0", "m1"],
};

/** `written` mixes integers and fractions, as a rulebook may; `standard` says the same with doubles only. */
export interface Expression {
  readonly written: string;
  readonly standard: string;
}

const same = (text: string): Expression => ({ written: text, standard: text });
const join = (parts: readonly (string | Expression)[]): Expression => ({
  written: parts.map((part) => (typeof part === "string" ? part : part.written)).join(""),
  standard: parts.map((part) => (typeof part === "string" ? part : part.standard)).join(""),
});

/** In a rulebook `<` and `+` are of numbers only; standard CEL has them for texts as well, so it is told what is meant. */
const numeric = (of: Expression): Expression => ({ written: of.written, standard: `number(${of.standard})` });

/** Segments by name: as written, and as standard CEL says it where they are put in place. Each may read those before it. */
const SEGMENTS: Readonly<Record<string, Expression>> = {
  rich: { written: "features.f0 > 1 || attributes.b", standard: "number(features.f0) > 1.0 || attributes.b" },
  named: { written: 'attributes.s in ["a", "ab"]', standard: 'attributes.s in ["a", "ab"]' },
  told: same('has(context.c0) && context.c0 == "a"'),
  chosen: {
    written: "segments.rich ? segments.named : !segments.told",
    standard:
      '(number(features.f0) > 1.0 || attributes.b) ? (attributes.s in ["a", "ab"]) : !(has(context.c0) && context.c0 == "a")',
  },
};

/** What the expressions below may read, segments among it. */
export function corpusNames() {
  const known = createSegmentNames(Object.keys(SEGMENTS));
  const names = ruleNames(NAMES, known);
  for (const [name, { written }] of Object.entries(SEGMENTS)) {
    const parsed = parseExpression(written);
    if (parsed.kind === "faulty") throw new Error(`${name}: ${parsed.fault.message}`);
    known.declare(name, parsed.ast, expandedSize(parsed.ast, names));
  }
  return names;
}

const segment = fc
  .constantFrom(...Object.entries(SEGMENTS))
  .map(([name, { standard }]) => ({ written: `segments.${name}`, standard: `(${standard})` }));

const text = fc.constantFrom("a", "b", "ab", "", "é", "😀a", 'it\'s "x"').map((value) => same(JSON.stringify(value)));
const wholeNumber = fc.integer({ min: 0, max: 5 }).map((value) => ({ written: `${value}`, standard: `${value}.0` }));
const any = fc.constantFrom("c0", "c1", "c2", "missing").map((name) => same(`context.${name}`));
const present = fc
  .constantFrom(
    "features.f0",
    "features.f2",
    "attributes.s",
    "attributes.set",
    "attributes.b",
    "context.c0",
    "context.missing",
    "model.m1",
  )
  .map((name) => same(`has(${name})`));

const grammar = fc.letrec<{ number: Expression; string: Expression; boolean: Expression }>((tie) => ({
  number: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    wholeNumber,
    fc.constantFrom(
      ...["features.f0", "features.f1", "features.f2", "model.m0", "model.m1", "attributes.n", "2.5"].map(same),
    ),
    any,
    fc.constant({ written: "customer.open_cases", standard: "double(customer.open_cases)" }),
    fc
      .tuple(tie("number"), fc.constantFrom("+", "-", "*"), tie("number"))
      .map(([a, op, b]) => join(["(", numeric(a), ` ${op} `, numeric(b), ")"])),
    fc.tuple(tie("number"), tie("number")).map(([a, b]) => ({
      written: `(${a.written} / ${b.written})`,
      standard: `divide(${a.standard}, ${b.standard})`,
    })),
    tie("number").map((a) => join(["-(", numeric(a), ")"])),
    tie("number").map((a) => join(["abs(", a, ")"])),
    fc
      .tuple(fc.constantFrom("min", "max"), tie("number"), tie("number"))
      .map(([name, a, b]) => join([`${name}(`, a, ", ", b, ")"])),
    fc.oneof(tie("string"), fc.constant(same("attributes.set"))).map((a) => ({
      written: `${a.written}.size()`,
      standard: `double(${a.standard}.size())`,
    })),
    fc.oneof(tie("string"), fc.constant(same("attributes.set")), any).map((a) => ({
      written: `size(${a.written})`,
      standard: `double(size(${a.standard}))`,
    })),
    fc.tuple(tie("boolean"), tie("number"), tie("number")).map(([c, a, b]) => join(["(", c, " ? ", a, " : ", b, ")"])),
  ),
  string: fc.oneof(
    { depthSize: "small" },
    text,
    fc.constant(same("attributes.s")),
    any,
    fc.tuple(tie("boolean"), text, text).map(([c, a, b]) => join(["(", c, " ? ", a, " : ", b, ")"])),
  ),
  boolean: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom(...["true", "false", "attributes.b", "customer.anonymous"].map(same)),
    any,
    present,
    segment,
    fc
      .tuple(tie("boolean"), fc.constantFrom("&&", "||"), tie("boolean"))
      .map(([a, op, b]) => join(["(", a, ` ${op} `, b, ")"])),
    tie("boolean").map((a) => join(["!(", a, ")"])),
    fc
      .tuple(tie("number"), fc.constantFrom("<", "<=", ">", ">="), tie("number"))
      .map(([a, op, b]) => join(["(", numeric(a), ` ${op} `, numeric(b), ")"])),
    fc
      .tuple(
        fc.constantFrom<"number" | "string" | "boolean">("number", "string", "boolean"),
        fc.constantFrom("==", "!="),
      )
      .chain(([type, op]) => fc.tuple(tie(type), tie(type)).map(([a, b]) => join(["(", a, ` ${op} `, b, ")"]))),
    fc.tuple(any, any).map(([a, b]) => join(["(", a, " == ", b, ")"])),
    fc.tuple(tie("number"), wholeNumber, wholeNumber).map(([a, b, c]) => join(["(", a, " in [", b, ", ", c, "])"])),
    fc.tuple(tie("string"), text, text).map(([a, b, c]) => join(["(", a, " in [", b, ", ", c, "])"])),
    fc
      .tuple(tie("string"), fc.oneof(fc.constant(same("attributes.set")), any))
      .map(([a, b]) => join(["(", a, " in ", b, ")"])),
    fc
      .tuple(tie("string"), fc.constantFrom("startsWith", "endsWith", "contains"), text)
      .map(([a, name, b]) => join([a, `.${name}(`, b, ")"])),
    fc
      .tuple(tie("boolean"), tie("boolean"), tie("boolean"))
      .map(([c, a, b]) => join(["(", c, " ? ", a, " : ", b, ")"])),
  ),
}));

export const booleanExpression = grammar.boolean;
export const numberExpression = grammar.number;

const value: fc.Arbitrary<PropValue> = fc.oneof(
  fc.constantFrom("a", "ab", "b", "😀a"),
  fc.constantFrom(0, 1, 2.5, -3),
  fc.boolean(),
  fc.constantFrom(["a"], ["a", "b"], [] as string[]),
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 3 });
const number = fc.constantFrom(0, 1, 2, 2.5, -1, 5);

/** What a rule reads. */
export const scope: fc.Arbitrary<RuleScope> = fc.record({
  features: fc
    .tuple(maybe(number), maybe(number), maybe(number))
    .map((list) => Float64Array.from(list, (n) => n ?? Number.NaN)),
  attributes: fc.tuple(
    maybe(number),
    maybe(fc.constantFrom("a", "ab", "😀a")),
    maybe(fc.boolean()),
    maybe(fc.constantFrom(["a", "b"], [])),
  ),
  context: fc
    .record({ c0: maybe(value), c1: maybe(value), c2: maybe(value) })
    .map(
      (record): Props =>
        Object.fromEntries(Object.entries(record).flatMap(([k, v]) => (v === undefined ? [] : [[k, v]]))),
    ),
  models: fc.tuple(maybe(number), maybe(number)).map((list) => Float64Array.from(list, (n) => n ?? Number.NaN)),
  openCases: fc.integer({ min: 0, max: 2 }),
  anonymous: fc.boolean(),
});

/** The same as nested records, what is missing left out: the variables of an interpreter. */
export function variablesOf(read: RuleScope): Readonly<Record<string, Readonly<Record<string, PropValue>>>> {
  const there = (entries: readonly (readonly [string, PropValue | undefined])[]): Record<string, PropValue> => {
    const kept = entries.filter((entry): entry is readonly [string, PropValue] => {
      return entry[1] !== undefined && !(typeof entry[1] === "number" && Number.isNaN(entry[1]));
    });
    return Object.fromEntries(kept);
  };
  return {
    features: there(NAMES.features.map((name, index) => [name, read.features[index]])),
    attributes: there(NAMES.attributes.map(({ name }, index) => [name, read.attributes[index]])),
    model: there(NAMES.models.map((name, index) => [name, read.models[index]])),
    context: { ...read.context },
    customer: { open_cases: read.openCases, anonymous: read.anonymous },
  };
}
