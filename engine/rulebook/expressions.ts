// Collects the expressions of a rulebook and builds the one function that evaluates them.
import type { ModelIndex, RuleIndex } from "../domain/ids.ts";
import { compileExpression } from "./cel-javascript.ts";
import type { NameScope } from "./cel-names.ts";
import { parseExpression } from "./cel-parse.ts";
import { CEL_RUNTIME } from "./cel-runtime.ts";
import { tooLarge } from "./cel-segments.ts";
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import type { Rule, Rulebook, RuleScope, Weight } from "./rulebook.ts";
import type { Path, Source } from "./source.ts";

/** An expression as written: its text, and where each character of it stands. */
export interface WrittenExpression {
  readonly text: string;
  readonly placeAt: (offset: number) => Place;
}

export function expressionAt(source: Source, text: string, path: Path): WrittenExpression {
  return { text, placeAt: (offset) => source.placeInText(path, offset) };
}

type Evaluators = Pick<
  Rulebook,
  "rules" | "weights" | "evaluateRules" | "evaluateModelRules" | "evaluateWeights" | "evaluateRule"
>;

export interface ExpressionTable {
  /** Adds a boolean expression. A faulty one is reported and gets an index as well: nothing is built from it. */
  readonly addRule: (id: string, written: WrittenExpression, why?: string) => RuleIndex;
  readonly addWeight: (written: WrittenExpression) => {
    readonly weight: Weight;
    readonly models: readonly ModelIndex[];
  };
  readonly rule: (index: RuleIndex) => Rule;
  /** Every name that a rule or a weight reads, such as `features.spend_30d` or `segments.young_saver`. */
  readonly reads: () => ReadonlySet<string>;
  readonly build: () => Evaluators;
}

interface Compiled {
  readonly javascript: string;
  readonly temporaries: number;
  readonly models: readonly ModelIndex[];
  readonly reads: readonly string[];
}

export function createExpressionTable(names: NameScope, faults: FaultLog): ExpressionTable {
  const rules: Rule[] = [];
  const ids = new Map<string, Place>();
  const truths: Compiled[] = [];
  const numbers: Compiled[] = [];
  const known = new Map<string, Compiled>();
  const compile = (written: WrittenExpression, want: "boolean" | "number"): Compiled => {
    const key = `${want}:${written.text}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const fresh = compileWritten(written, want, names, faults);
    if (fresh === undefined)
      return { javascript: want === "boolean" ? "2" : "NaN", temporaries: 0, models: [], reads: [] };
    known.set(key, fresh);
    return fresh;
  };
  return {
    addRule: (id, written, why) => {
      const place = written.placeAt(0);
      const earlier = ids.get(id);
      if (earlier !== undefined) {
        faults.add(place, `rule id ${JSON.stringify(id)} is taken at ${earlier.file}:${earlier.line}: choose another`);
      }
      ids.set(id, place);
      const compiled = compile(written, "boolean");
      const index = rules.length as RuleIndex;
      rules.push({
        index,
        id,
        text: written.text,
        ...(why === undefined ? {} : { why }),
        place,
        needsModels: compiled.models,
        reads: compiled.reads,
      });
      truths.push(compiled);
      return index;
    },
    addWeight: (written) => {
      const compiled = compile(written, "number");
      numbers.push(compiled);
      const weight: Weight = { kind: "expression", slot: numbers.length - 1, place: written.placeAt(0) };
      return { weight, models: compiled.models };
    },
    rule: (index) => rules[index] as Rule,
    reads: () => new Set([...truths, ...numbers].flatMap((compiled) => compiled.reads)),
    build: () => ({ rules, weights: numbers.length, ...generate(truths, numbers) }),
  };
}

function compileWritten(
  written: WrittenExpression,
  want: "boolean" | "number",
  names: NameScope,
  faults: FaultLog,
): Compiled | undefined {
  const parsed = parseExpression(written.text);
  if (parsed.kind === "faulty") {
    faults.add(written.placeAt(parsed.fault.at), parsed.fault.message);
    return undefined;
  }
  const large = tooLarge(parsed.ast, names);
  if (large !== undefined) {
    faults.add(written.placeAt(0), large);
    return undefined;
  }
  const { faults: wrong, javascript, temporaries, reads, models } = compileExpression(parsed.ast, names, want);
  for (const fault of wrong) faults.add(written.placeAt(fault.at), fault.message);
  if (wrong.length > 0) return undefined;
  return { javascript, temporaries, reads, models: models as readonly number[] as readonly ModelIndex[] };
}

/** V8 does not optimise a function of more than 60 KB of bytecode: the body of the fused one is cut into pieces. */
const EXPRESSIONS_PER_PIECE = 128;

const LOCALS = "const F=s.features,A=s.attributes,C=s.context,M=s.models;";

function generate(
  truths: readonly Compiled[],
  numbers: readonly Compiled[],
): Pick<Evaluators, "evaluateRules" | "evaluateModelRules" | "evaluateWeights" | "evaluateRule"> {
  const numbered = truths.map((compiled, index) => ({ compiled, index }));
  const free = numbered.filter(({ compiled }) => compiled.models.length === 0);
  const scored = numbered.filter(({ compiled }) => compiled.models.length > 0);
  const weights = numbers.map((compiled, index) => ({ compiled, index }));
  const singles = new Map<string, number>();
  for (const { javascript } of truths) if (!singles.has(javascript)) singles.set(javascript, singles.size);
  const temporariesOf = new Map(truths.map((compiled) => [compiled.javascript, compiled.temporaries]));
  const single = [...singles.keys()].map((javascript) => {
    return `(s)=>{${LOCALS}${declare(temporariesOf.get(javascript) ?? 0)}return ${javascript};}`;
  });
  const source = [
    '"use strict";',
    `const {${Object.keys(CEL_RUNTIME).join(",")}}=runtime;`,
    fused("evaluateRules", free),
    fused("evaluateModelRules", scored),
    fused("evaluateWeights", weights),
    `const single=[${single.join(",\n")}];`,
    "return {evaluateRules,evaluateModelRules,evaluateWeights,single};",
  ].join("\n");
  // The only place where text becomes code: literals by JSON.stringify, indexes and names of our own.
  const built = new Function("runtime", source)(CEL_RUNTIME) as Pick<
    Evaluators,
    "evaluateRules" | "evaluateModelRules" | "evaluateWeights"
  > & { readonly single: readonly ((scope: RuleScope) => 0 | 1 | 2)[] };
  const singleOf = truths.map(({ javascript }) => built.single[singles.get(javascript) as number]);
  return {
    evaluateRules: built.evaluateRules,
    evaluateModelRules: built.evaluateModelRules,
    evaluateWeights: built.evaluateWeights,
    evaluateRule: (rule, scope) => (singleOf[rule] as (scope: RuleScope) => 0 | 1 | 2)(scope),
  };
}

/** One function over all expressions: each distinct one is evaluated once and copied to the others of the same text. */
function fused(name: string, expressions: readonly { readonly compiled: Compiled; readonly index: number }[]): string {
  const distinct = new Map<string, { temporaries: number; indexes: number[] }>();
  for (const { compiled, index } of expressions) {
    const known = distinct.get(compiled.javascript);
    if (known === undefined) distinct.set(compiled.javascript, { temporaries: compiled.temporaries, indexes: [index] });
    else known.indexes.push(index);
  }
  const all = [...distinct];
  const pieces: string[] = [];
  for (let from = 0; from < all.length; from += EXPRESSIONS_PER_PIECE) {
    const part = all.slice(from, from + EXPRESSIONS_PER_PIECE);
    const temporaries = Math.max(...part.map(([, { temporaries: count }]) => count));
    const lines = part.map(
      ([javascript, { indexes }]) => `${indexes.map((index) => `out[${index}]`).join("=")}=${javascript};`,
    );
    pieces.push(`function ${name}${pieces.length}(s,out){${LOCALS}${declare(temporaries)}\n${lines.join("\n")}\n}`);
  }
  const calls = pieces.map((_, index) => `${name}${index}(s,out);`).join("");
  return `${pieces.join("\n")}\nfunction ${name}(s,out){${calls}}`;
}

function declare(temporaries: number): string {
  if (temporaries === 0) return "";
  return `let ${Array.from({ length: temporaries }, (_, index) => `t${index}`).join(",")};`;
}
