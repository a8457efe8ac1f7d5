import { CelScalar, celEnv, celFunc, celMap, isCelError, parse, plan } from "@bufbuild/cel";
import { Environment } from "@marcbachmann/cel-js";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createExpressionTable } from "../../engine/rulebook/expressions.ts";
import { createFaultLog, formatFault } from "../../engine/rulebook/fault.ts";
import { RULE_ERROR, RULE_FALSE, RULE_TRUE, type RuleScope } from "../../engine/rulebook/rulebook.ts";
import { booleanExpression, corpusNames, type Expression, numberExpression, scope, variablesOf } from "./cel-corpus.ts";

const long = process.env["NBA_LONG"] === "1";
const numRuns = long ? 5_000 : 150;
const timeout = long ? 600_000 : 60_000;
const placeAt = (offset: number) => ({ file: "x.yaml", line: 1, column: offset + 1 });

function divide(a: number, b: number): number {
  if (b === 0) throw new Error("division by zero");
  return a / b;
}

/** Compiles both kinds into one table, and evaluates them by the fused functions. */
function compiled(truths: readonly Expression[], numbers: readonly Expression[]) {
  const faults = createFaultLog();
  const table = createExpressionTable(corpusNames(), faults);
  truths.forEach(({ written }, index) => void table.addRule(`r-${index}`, { text: written, placeAt }));
  const slots = numbers.map(({ written }) => {
    const { weight } = table.addWeight({ text: written, placeAt });
    return weight.kind === "expression" ? weight.slot : -1;
  });
  expect(faults.sorted().map((fault) => formatFault(fault))).toEqual([]);
  const rulebook = table.build();
  return (read: RuleScope) => {
    const out = new Uint8Array(rulebook.verdicts).fill(9);
    const weights = new Float64Array(rulebook.weights).fill(-999);
    rulebook.evaluateRules(read, out);
    rulebook.evaluateModelRules(read, out);
    rulebook.evaluateWeights(read, weights);
    const single = rulebook.rules.map((rule) => rulebook.evaluateRule(rule.index, read));
    const fused = rulebook.rules.map(({ slot }) => out[slot] as number);
    expect(single).toEqual(fused);
    return { truths: fused, numbers: slots.map((slot) => weights[slot] as number) };
  };
}

const { DOUBLE } = CelScalar;
const bufbuild = celEnv({
  funcs: [
    celFunc("number", [DOUBLE], DOUBLE, (value) => value),
    celFunc("abs", [DOUBLE], DOUBLE, Math.abs),
    celFunc("min", [DOUBLE, DOUBLE], DOUBLE, Math.min),
    celFunc("max", [DOUBLE, DOUBLE], DOUBLE, Math.max),
    celFunc("divide", [DOUBLE, DOUBLE], DOUBLE, divide),
  ],
});

type BufbuildVariables = ReturnType<typeof bufbuildVariables>;

function bufbuildVariables(read: RuleScope) {
  const variables = Object.entries(variablesOf(read)).map(([name, fields]) => {
    return [
      name,
      celMap(
        new Map(
          Object.entries(fields).map(([key, value]) => [key, Array.isArray(value) ? [...value] : value]),
        ) as never,
      ),
    ];
  });
  return Object.fromEntries(variables);
}

/** The expression, ready to be interpreted; undefined is an error. */
function planned(expression: Expression): (variables: BufbuildVariables) => unknown {
  const run = plan(bufbuild, parse(expression.standard));
  return (variables) => {
    const result = run(variables);
    return isCelError(result) ? undefined : result;
  };
}

function byBufbuild(expression: Expression, read: RuleScope): unknown {
  return planned(expression)(bufbuildVariables(read));
}

const celJs = new Environment({ unlistedVariablesAreDyn: true })
  .registerFunction("number(double): double", (value: number) => value)
  .registerFunction("abs(double): double", Math.abs)
  .registerFunction("min(double, double): double", Math.min)
  .registerFunction("max(double, double): double", Math.max)
  .registerFunction("divide(double, double): double", divide);

function byCelJs(expression: Expression, read: RuleScope): unknown {
  try {
    return celJs.evaluate(expression.standard, variablesOf(read));
  } catch {
    return undefined;
  }
}

const truthOf = (value: unknown) => (value === true ? RULE_TRUE : value === false ? RULE_FALSE : RULE_ERROR);
const numberOf = (value: unknown) => (typeof value === "number" ? value + 0 : Number.NaN);

/** So many expressions, no two alike. */
function distinct(of: fc.Arbitrary<Expression>, count: number, seed: number): readonly Expression[] {
  const found = new Map<string, Expression>();
  for (let round = 0; found.size < count; round++) {
    for (const expression of fc.sample(of, { numRuns: count, seed: seed + 1_000 * round })) {
      if (found.size < count) found.set(expression.written, expression);
    }
  }
  return [...found.values()];
}

/** Results beside the expressions that gave them. */
function told(
  results: { readonly truths: readonly number[]; readonly numbers: readonly number[] },
  texts: readonly string[],
) {
  return [...results.truths, ...results.numbers].map((result, index) => [texts[index], result]);
}

describe("compiled rules against interpreters", () => {
  for (const [name, interpret] of [
    ["@bufbuild/cel", byBufbuild],
    ["cel-js", byCelJs],
  ] as const) {
    it(`gives what ${name} gives, errors included`, { timeout }, () => {
      const corpus = fc.tuple(
        fc.array(booleanExpression, { minLength: 1, maxLength: 5 }),
        fc.array(numberExpression, { maxLength: 3 }),
        fc.array(scope, { minLength: 1, maxLength: 4 }),
      );
      fc.assert(
        fc.property(corpus, ([truths, numbers, reads]) => {
          const evaluate = compiled(truths, numbers);
          for (const read of reads) {
            const found = evaluate(read);
            expect(found.truths).toEqual(truths.map((expression) => truthOf(interpret(expression, read))));
            expect(found.numbers.map((n) => n + 0)).toEqual(
              numbers.map((expression) => numberOf(interpret(expression, read))),
            );
          }
        }),
        { numRuns },
      );
    });
  }

  it("agrees with @bufbuild/cel on a corpus of 5,000 expressions, each read by four customers", { timeout }, () => {
    const seed = Number(process.env["NBA_SEED"] ?? 20_261_122);
    const truths = distinct(booleanExpression, 4_000, seed);
    const numbers = distinct(numberExpression, 1_000, seed + 1);
    const reads = fc.sample(scope, { numRuns: 256, seed: seed + 2 });
    console.log(
      `CEL corpus of seed ${seed}: ${truths.length + numbers.length} expressions (NBA_SEED=${seed} repeats it)`,
    );
    const counts = { agreed: 0, errors: 0 };
    for (let piece = 0; piece < 100; piece++) {
      const [some, few] = [truths.slice(piece * 40, piece * 40 + 40), numbers.slice(piece * 10, piece * 10 + 10)];
      const evaluate = compiled(some, few);
      const plans = [...some, ...few].map((expression) => planned(expression));
      for (let customer = 0; customer < 4; customer++) {
        const read = reads[(piece * 4 + customer) % reads.length] as RuleScope;
        const found = evaluate(read);
        const variables = bufbuildVariables(read);
        const oracle = plans.map((run) => run(variables));
        const wanted = {
          truths: oracle.slice(0, some.length).map(truthOf),
          numbers: oracle.slice(some.length).map(numberOf),
        };
        const said = { truths: found.truths, numbers: found.numbers.map((n) => n + 0) };
        const texts = [...some, ...few].map(({ written }) => written);
        expect(told(said, texts), `seed ${seed}, customer ${JSON.stringify(variablesOf(read))}`).toEqual(
          told(wanted, texts),
        );
        counts.agreed += texts.length;
        counts.errors += oracle.filter((value) => value === undefined).length;
      }
    }
    expect(counts.agreed).toBe(20_000);
    expect(counts.errors).toBeGreaterThan(2_000);
  });

  it("has a corpus in which every result is frequent", () => {
    const counts = [0, 0, 0];
    for (const [truth, reads] of fc.sample(
      fc.tuple(booleanExpression, fc.array(scope, { minLength: 4, maxLength: 4 })),
      { numRuns: 300, seed: 7 },
    )) {
      const evaluate = compiled([truth], []);
      for (const read of reads)
        counts[evaluate(read).truths[0] as number] = (counts[evaluate(read).truths[0] as number] as number) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(100);
  });
});
