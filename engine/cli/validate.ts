import { createHash } from "node:crypto";
import { isAbsolute, relative, resolve } from "node:path";
import { Command } from "commander";
import type { Instant } from "../domain/time.ts";
import { compileRulebook } from "../rulebook/compile.ts";
import { formatFault } from "../rulebook/fault.ts";
import type { Lint } from "../rulebook/lint.ts";
import { lintRulebook } from "../rulebook/lint-rulebook.ts";
import type { Fault, Rulebook } from "../rulebook/rulebook.ts";
import { lintCensus } from "../sandbox/lint-census.ts";
import { knownModels, loadModels, type ModelFile } from "../score/load-models.ts";
import { createScorer } from "../score/scorer.ts";
import { configOf } from "./config-of.ts";
import { readRulebookFolder, UnreadableRulebook } from "./read-rulebook.ts";
import { recordedCensus } from "./recorded-census.ts";
import { CommandTrouble, exitWith, paintFor, printJson, printLine } from "./terminal.ts";

/** A fault with the folder that its file is relative to. */
interface FoundFault extends Fault {
  readonly folder: string;
}

interface FoundLint extends Lint {
  readonly folder: string;
}

interface Verdict {
  readonly faults: readonly FoundFault[];
  /** Of a rulebook without faults. */
  readonly lints: readonly FoundLint[];
  readonly rulebook: Rulebook | undefined;
  readonly models: readonly ModelFile[];
}

export function validateCommand(): Command {
  return new Command("validate")
    .description(
      "check rules and models; every fault as file:line:column with what would be right; then warnings and notes",
    )
    .argument("[dir]", "folder of the rulebook (default: RULES_DIR)")
    .option("--models <dir>", "folder of the models (default: MODELS_DIR)")
    .option("--json", "print faults, warnings, notes and counts as JSON")
    .option("--recorded", "also: rules that are never or always true at the decisions that REDIS_URL has recorded")
    .option("--strict", "a warning counts as a fault: exit code 1")
    .addHelpText(
      "after",
      "\nExit code 1 where there is a fault. A warning: something does nothing, or not what it says; a note: it may be meant so.\n\nExample:\n  npx nba validate rules --strict",
    )
    .action(validate);
}

interface Flags {
  readonly models?: string;
  readonly json?: true;
  readonly strict?: true;
  readonly recorded?: true;
}

async function validate(dir: string | undefined, flags: Flags): Promise<void> {
  const config = configOf(process.env);
  const rulesDir = dir === undefined ? config.rulesDir : resolve(dir);
  const modelsDir = flags.models === undefined ? config.modelsDir : resolve(flags.models);
  const judged = await judge(rulesDir, modelsDir);
  const verdict = flags.recorded === true ? await withRecorded(judged, rulesDir) : judged;
  if (flags.json === true) printJson(asJson(verdict));
  else printVerdict(verdict);
  const isStopped = flags.strict === true && verdict.lints.some(({ severity }) => severity === "warning");
  exitWith(verdict.faults.length === 0 && !isStopped ? 0 : 1);
}

/** Rules are compiled even where a model is faulty: its faults and theirs are told together. */
async function judge(rulesDir: string, modelsDir: string): Promise<Verdict> {
  const loaded = await loadModels(modelsDir);
  const models = loaded.kind === "loaded" ? loaded.models : [];
  const files = await readRulebookFolder(rulesDir).catch((error: unknown) => {
    throw error instanceof UnreadableRulebook ? new CommandTrouble(error.message, 2) : error;
  });
  const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
  const compiled = compileRulebook({ files, models: knownModels(models), sha256 });
  const faults = [
    ...within(modelsDir, loaded.kind === "faulty" ? loaded.faults : []),
    ...within(rulesDir, compiled.kind === "faulty" ? compiled.faults : []),
  ];
  if (compiled.kind === "faulty") return { faults, lints: [], rulebook: undefined, models };
  const names = compiled.rulebook.features.map((feature) => feature.name);
  const scorer = createScorer(models, names);
  const unfed = scorer.kind === "faulty" ? scorer.faults : [];
  const lints = lintRulebook({
    rulebook: compiled.rulebook,
    reads: compiled.reads,
    modelFeatures: models.flatMap(({ card }) => card.features.map(({ name }) => name)),
    now: Date.now() as Instant,
  });
  const found = [...faults, ...within(modelsDir, unfed)];
  return { faults: found, lints: within(rulesDir, lints), rulebook: compiled.rulebook, models };
}

async function withRecorded(verdict: Verdict, rulesDir: string): Promise<Verdict> {
  if (verdict.rulebook === undefined) return verdict;
  const census = await recordedCensus(verdict.rulebook);
  const found = within(rulesDir, lintCensus(census.counts()));
  return { ...verdict, lints: [...verdict.lints, ...found] };
}

function within<Found extends Fault>(folder: string, faults: readonly Found[]): readonly (Found & FoundFault)[] {
  const below = relative(process.cwd(), folder);
  const shown = below.startsWith("..") || isAbsolute(below) ? folder : below;
  return faults.map((fault) => ({ ...fault, folder: isAbsolute(fault.file) ? "" : shown }));
}

function printVerdict({ faults, lints, rulebook, models }: Verdict): void {
  const paint = paintFor(process.stdout, process.env);
  for (const lint of lints) {
    const severity = lint.severity === "warning" ? paint("yellow", "warning") : "note";
    printLine(formatFault({ ...lint, message: `${severity}: ${lint.message} [${lint.id}]` }, lint.folder));
  }
  for (const fault of faults) printLine(formatFault(fault, fault.folder));
  const warnings = lints.filter(({ severity }) => severity === "warning").length;
  if (warnings > 0) printLine(paint("yellow", warnings === 1 ? "1 warning" : `${warnings} warnings`));
  if (faults.length > 0) printLine(paint("red", faults.length === 1 ? "1 fault" : `${faults.length} faults`));
  else if (rulebook !== undefined) printLine(`${paint("green", "no faults")}: ${describe(rulebook, models)}`);
}

function describe(rulebook: Rulebook, models: readonly ModelFile[]): string {
  const counts = Object.entries(countsOf(rulebook, models)).map(([name, count]) => `${count} ${name}`);
  return `rulebook ${rulebook.version} (${rulebook.hash.slice(0, 12)}), ${counts.join(", ")}`;
}

function asJson({ faults, lints, rulebook, models }: Verdict): object {
  const told = faults.map(({ folder, file, line, column, message }) => ({ folder, file, line, column, message }));
  if (rulebook === undefined) return { faults: told, lints };
  const { hash, version } = rulebook;
  return { faults: told, lints, rulebook: { hash, version, ...countsOf(rulebook, models) } };
}

function countsOf(rulebook: Rulebook, models: readonly ModelFile[]): Readonly<Record<string, number>> {
  return {
    actions: rulebook.actions.length,
    treatments: rulebook.treatments.length,
    rules: rulebook.rules.length,
    features: rulebook.features.length,
    placements: rulebook.placements.length,
    triggers: rulebook.triggers.length,
    models: models.length,
  };
}
