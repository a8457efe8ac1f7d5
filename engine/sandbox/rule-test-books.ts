// Which rulebook a test runs on: the tested one or another base, with the files that the test replaces, compiled once.
import { join } from "node:path";
import { knownModels, sha256 } from "../partition/rulebook-library.ts";
import { compileRulebook, rulebookHash } from "../rulebook/compile.ts";
import { formatFault } from "../rulebook/fault.ts";
import type { KnownModel, RulebookFiles } from "../rulebook/rulebook.ts";
import type { ModelFile } from "../score/load-models.ts";
import { createScorer } from "../score/scorer.ts";
import type { RuleTestBook } from "./do-deed.ts";
import type { RuleTest } from "./rule-test.ts";

export type FoundBook =
  | { readonly kind: "found"; readonly book: RuleTestBook }
  | { readonly kind: "faulty"; readonly message: string };

export interface RuleTestBooks {
  /** `folder`: of the file that the test stands in. */
  readonly bookOf: (test: RuleTest, folder: string) => Promise<FoundBook>;
}

export interface RuleTestBooksOptions {
  /** The rulebook that is tested, and its models. */
  readonly files: RulebookFiles;
  readonly models: readonly ModelFile[];
  readonly readFolder: (dir: string) => Promise<RulebookFiles>;
}

export function createRuleTestBooks(options: RuleTestBooksOptions): RuleTestBooks {
  const folders = new Map<string, Promise<RulebookFiles>>();
  const books = new Map<string, FoundBook>();
  const readOnce = (dir: string): Promise<RulebookFiles> => {
    const found = folders.get(dir) ?? options.readFolder(dir);
    folders.set(dir, found);
    return found;
  };
  return {
    bookOf: async (test, folder) => {
      const { base } = test;
      const own = base === undefined ? options.files : base === "none" ? {} : await readOnce(join(folder, base));
      const files = { ...own, ...test.rules };
      const real = base === undefined ? options.models : [];
      const models = modelsOf(test, real);
      const name = `${rulebookHash(files, sha256)} ${models.map((model) => model.name).join(" ")}`;
      const found = books.get(name) ?? compileBook(files, models, real);
      books.set(name, found);
      return found;
    },
  };
}

/** The real ones, and those to which the test gives an output. */
function modelsOf(test: RuleTest, real: readonly ModelFile[]): readonly KnownModel[] {
  const names = new Set<string>(Object.keys(test.models));
  for (const { models } of Object.values(test.customers)) for (const name of Object.keys(models ?? {})) names.add(name);
  for (const { deed } of test.steps) {
    if (deed.kind === "models") for (const name of Object.keys(deed.models)) names.add(name);
  }
  const known = knownModels(real);
  const given = [...names].filter((name) => !known.some((model) => model.name === name)).toSorted();
  return [...known, ...given.map((name) => ({ name, sha256: sha256(`given ${name}`) }))];
}

function compileBook(files: RulebookFiles, models: readonly KnownModel[], real: readonly ModelFile[]): FoundBook {
  const compiled = compileRulebook({ files, models, sha256 });
  if (compiled.kind === "faulty") {
    return { kind: "faulty", message: compiled.faults.map((fault) => formatFault(fault)).join("\n  ") };
  }
  const { rulebook } = compiled;
  const scorer = createScorer(
    real,
    rulebook.features.map(({ name }) => name),
  );
  if (scorer.kind === "faulty") {
    return { kind: "faulty", message: scorer.faults.map((fault) => formatFault(fault)).join("\n  ") };
  }
  return { kind: "found", book: { rulebook, models, real: scorer.scorer } };
}
