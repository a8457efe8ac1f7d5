// Collects the expressions of a rulebook and builds the one function that evaluates them.
import type { ModelIndex, RuleIndex, VerdictSlot } from "../domain/ids.ts";
import { compileExpression } from "./cel-javascript.ts";
import type { NameScope } from "./cel-names.ts";
import { parseExpression } from "./cel-parse.ts";
import { CEL_RUNTIME } from "./cel-runtime.ts";
import { tooLarge } from "./cel-segments.ts";
import type { FaultLog } from "./fault.ts";
import { declare, type FusedCode, fuse, LOCALS } from "./fused-code.ts";
import type { Place } from "./place.ts";
import type { Rule, Rulebook, RuleScope, Weight } from "./rulebook.ts";
import type { Path, Source } from "./source.ts";
import { finish, type Steps } from "./steps.ts";

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
  "rules" | "verdicts" | "weights" | "evaluateRules" | "evaluateModelRules" | "evaluateWeights" | "evaluateRule"
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
  /** The same in a few pieces. */
  readonly buildInSteps: () => Steps<Evaluators>;
}

interface Compiled {
  readonly javascript: string;
  readonly temporaries: number;
  readonly models: readonly ModelIndex[];
  readonly reads: readonly string[];
}

export function createExpressionTable(names: NameScope, faults: FaultLog): ExpressionTable {
  const rules: Rule[] = [];
  /** By meaning: rules that compile to the same share a verdict. */
  const slots = new Map<string, VerdictSlot>();
  const weightSlots = new Map<string, number>();
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
  function* buildInSteps(): Steps<Evaluators> {
    const ofRules = rules.map(({ slot }) => slot);
    const generated = yield* generate(truths, ofRules, numbers);
    return { rules, verdicts: slots.size, weights: numbers.length, ...generated };
  }
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
      const slot = slots.get(compiled.javascript) ?? (slots.size as VerdictSlot);
      slots.set(compiled.javascript, slot);
      rules.push({
        index,
        slot,
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
      const slot = weightSlots.get(compiled.javascript) ?? numbers.push(compiled) - 1;
      weightSlots.set(compiled.javascript, slot);
      const weight: Weight = { kind: "expression", slot, place: written.placeAt(0) };
      return { weight, models: compiled.models };
    },
    rule: (index) => rules[index] as Rule,
    reads: () => new Set([...truths, ...numbers].flatMap((compiled) => compiled.reads)),
    build: () => finish(buildInSteps()),
    buildInSteps,
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

type Single = (scope: RuleScope) => 0 | 1 | 2;
const SINGLES_TOGETHER = 64;

type Together = Pick<Evaluators, "evaluateRules" | "evaluateModelRules" | "evaluateWeights">;

function* generate(
  truths: readonly Compiled[],
  slots: readonly VerdictSlot[],
  numbers: readonly Compiled[],
): Steps<Together & Pick<Evaluators, "evaluateRule">> {
  const bySlot: Compiled[] = [];
  for (const [rule, slot] of slots.entries()) bySlot[slot] = truths[rule] as Compiled;
  const verdicts = bySlot.map((compiled, index) => ({ ...compiled, index }));
  const { source, columns } = fuse({
    evaluateRules: verdicts.filter(({ models }) => models.length === 0),
    evaluateModelRules: verdicts.filter(({ models }) => models.length > 0),
    evaluateWeights: numbers.map((compiled, index) => ({ ...compiled, index })),
  });
  yield;
  const together = toCode(`${source}\nreturn {evaluateRules,evaluateModelRules,evaluateWeights};`, columns) as Together;
  yield;
  const singleOf = singles(bySlot);
  return { ...together, evaluateRule: (rule, scope) => singleOf(slots[rule] as VerdictSlot)(scope) };
}

/**
 * One by one rules are only asked for to explain: their code is made when one of its neighbours is first asked for. That of
 * thousands at once would hold up every decision.
 */
function singles(bySlot: readonly Compiled[]): (slot: VerdictSlot) => Single {
  const made: (readonly Single[] | undefined)[] = [];
  return (slot) => {
    const group = Math.floor(slot / SINGLES_TOGETHER);
    made[group] ??= toSingles(bySlot.slice(group * SINGLES_TOGETHER, (group + 1) * SINGLES_TOGETHER));
    return made[group][slot % SINGLES_TOGETHER] as Single;
  };
}

function toSingles(some: readonly Compiled[]): readonly Single[] {
  const single = some.map(
    ({ javascript, temporaries }) => `(s)=>{${LOCALS}${declare(temporaries)}return ${javascript};}`,
  );
  return toCode(`return [${single.join(",\n")}];`, []) as readonly Single[];
}

/** Text becomes code here, in event-filter.ts and in score/gather-rows.ts, and nowhere else: literals by JSON.stringify, indexes and names of our own. */
function toCode(body: string, columns: FusedCode["columns"]): unknown {
  const source = `"use strict";\nconst {${Object.keys(CEL_RUNTIME).join(",")}}=runtime;\n${body}`;
  return new Function("runtime", "columns", source)(CEL_RUNTIME, columns);
}
