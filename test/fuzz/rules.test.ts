// Rules as authors write them, broken: faults as file:line:column, never an exception.
import { describe, expect } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { parseExpression } from "../../engine/rulebook/cel-parse.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import type { RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { MODELS, SMALL, sha256 } from "../rulebook/small-rules.ts";
import type { Chance } from "./chance.ts";
import { fuzzTarget } from "./fuzz-target.ts";

const books: Readonly<Record<string, RulebookFiles>> = {
  small: SMALL,
  full: await readRulebookFolder(`${repositoryRoot}/test/fixtures/rules-full`),
  demo: await readRulebookFolder(`${repositoryRoot}/rules`),
};

/** Pieces that mean something in YAML and in rules; put in, or in the place of a word. */
const WORDS = [
  "&a ",
  "*a",
  "!!binary ",
  "!x ",
  "|\n",
  ">-\n",
  "- ",
  ": ",
  "{",
  "}",
  "[",
  "]",
  "null",
  "~",
  "1e999",
  ".nan",
  "0x1F",
  "30d",
  "-1",
  "__proto__",
  "features.",
  "features.x > ",
  "context.a",
  "model.churn",
  "{{",
  "}}",
  "{{first_name}}",
  "has(",
  "&& ",
  "|| ",
  "? 1 : ",
  "!",
  '"',
  "'",
  "\t",
  "\n",
  "#",
  "<<: *a",
  "%YAML 1.1\n",
  "---\n",
  "\u0000",
  "\ud800",
  "€",
  "x".repeat(200),
  "[".repeat(200),
  "(".repeat(100),
];

function mutateText(text: string, chance: Chance, others: readonly string[]): string {
  let changed = text;
  for (let times = 1 + chance.below(3); times > 0; times--) {
    const at = chance.below(changed.length + 1);
    const word = /^\S*\s?/.exec(changed.slice(at))?.[0].length ?? 0;
    const other = chance.pick(others);
    const from = chance.below(other.length + 1);
    const put = [
      chance.pick(WORDS),
      "",
      other.slice(from, from + chance.below(120)),
      changed.slice(at, at + chance.below(60)),
    ];
    const cut = [0, word, chance.below(80)];
    changed = changed.slice(0, at) + chance.pick(put) + changed.slice(at + chance.pick(cut));
  }
  return changed;
}

describe("rulebooks", () => {
  fuzzTarget({
    name: "a changed file: a rulebook, or faults with their places",
    from: ["small", "small", "full"],
    some: 150,
    many: 10_000,
    mutate: (seed, chance) => (chance.below(20) === 0 ? Buffer.from("demo") : seed),
    judge: (bytes, chance) => {
      const files = { ...books[bytes.toString()] };
      const texts = Object.values(files);
      const file = chance.pick(Object.keys(files));
      const text = mutateText(files[file] as string, chance, texts);
      try {
        const compiled = compileRulebook({ files: { ...files, [file]: text }, models: MODELS, sha256 });
        if (compiled.kind === "compiled") return compiled.kind;
        expect(compiled.faults.length).toBeGreaterThan(0);
        for (const fault of compiled.faults) {
          const isPlaced = fault.file !== "" && fault.line >= 1 && fault.column >= 1;
          expect(isPlaced && fault.message !== "", JSON.stringify(fault)).toBe(true);
        }
        return compiled.kind;
      } catch (error) {
        throw new Error(`${file} as ${JSON.stringify(text)}`, { cause: error });
      }
    },
    expect: ["faulty"],
  });

  const expressions = [
    'features.a >= 2 && (attributes.s in ["x", "y"] || !has(context.z))',
    "model.churn > 0.5 ? 1 : 2",
    "event.props.amount * 1.5 - 3 < size(attributes.set)",
    '"a" + \'b\' == r"\\x41"',
    "[1, 2, 3].exists(x, x > 1)",
    "timestamp('2020-01-01T00:00:00Z') < now",
  ];
  fuzzTarget({
    name: "an expression: parsed, or a fault within it",
    from: expressions,
    some: 2_000,
    many: 30_000,
    mutate: (seed, chance) => Buffer.from(mutateText(seed.toString(), chance, expressions)),
    judge: (bytes) => {
      const text = bytes.toString();
      const parsed = parseExpression(text);
      if (parsed.kind === "parsed") return "parsed";
      const { at, message } = parsed.fault;
      expect(at >= 0 && at <= text.length && message !== "", `${at}: ${message}`).toBe(true);
      return "faulty";
    },
    expect: ["parsed", "faulty"],
  });
});
