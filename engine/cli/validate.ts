import { createHash } from "node:crypto";
import { isAbsolute, relative, resolve } from "node:path";
import { Command } from "commander";
import { compileRulebook } from "../rulebook/compile.ts";
import { formatFault } from "../rulebook/fault.ts";
import type { Fault, Rulebook } from "../rulebook/rulebook.ts";
import { knownModels, loadModels, type ModelFile } from "../score/load-models.ts";
import { createScorer } from "../score/scorer.ts";
import { configOf } from "./config-of.ts";
import { readRulebookFolder, UnreadableRulebook } from "./read-rulebook.ts";
import { CommandTrouble, exitWith, paintFor, printJson, printLine } from "./terminal.ts";

/** A fault with the folder that its file is relative to. */
interface FoundFault extends Fault {
  readonly folder: string;
}

interface Verdict {
  readonly faults: readonly FoundFault[];
  readonly rulebook: Rulebook | undefined;
  readonly models: readonly ModelFile[];
}

export function validateCommand(): Command {
  return new Command("validate")
    .description("check rules and models; every fault as file:line:column with what would be right")
    .argument("[dir]", "folder of the rulebook (default: RULES_DIR)")
    .option("--models <dir>", "folder of the models (default: MODELS_DIR)")
    .option("--json", "print the faults and the counts as JSON")
    .addHelpText("after", "\nExit code 1 where there is a fault.\n\nExample:\n  npx nba validate rules")
    .action(validate);
}

async function validate(dir: string | undefined, flags: { models?: string; json?: true }): Promise<void> {
  const config = configOf(process.env);
  const rulesDir = dir === undefined ? config.rulesDir : resolve(dir);
  const modelsDir = flags.models === undefined ? config.modelsDir : resolve(flags.models);
  const verdict = await judge(rulesDir, modelsDir);
  if (flags.json === true) printJson(asJson(verdict));
  else printVerdict(verdict);
  exitWith(verdict.faults.length === 0 ? 0 : 1);
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
  if (compiled.kind === "faulty") return { faults, rulebook: undefined, models };
  const names = compiled.rulebook.features.map((feature) => feature.name);
  const scorer = createScorer(models, names);
  const unfed = scorer.kind === "faulty" ? scorer.faults : [];
  return { faults: [...faults, ...within(modelsDir, unfed)], rulebook: compiled.rulebook, models };
}

function within(folder: string, faults: readonly Fault[]): readonly FoundFault[] {
  const below = relative(process.cwd(), folder);
  const shown = below.startsWith("..") || isAbsolute(below) ? folder : below;
  return faults.map((fault) => ({ ...fault, folder: isAbsolute(fault.file) ? "" : shown }));
}

function printVerdict({ faults, rulebook, models }: Verdict): void {
  const paint = paintFor(process.stdout, process.env);
  for (const fault of faults) printLine(formatFault(fault, fault.folder));
  if (faults.length > 0) printLine(paint("red", faults.length === 1 ? "1 fault" : `${faults.length} faults`));
  else if (rulebook !== undefined) printLine(`${paint("green", "no faults")}: ${describe(rulebook, models)}`);
}

function describe(rulebook: Rulebook, models: readonly ModelFile[]): string {
  const counts = Object.entries(countsOf(rulebook, models)).map(([name, count]) => `${count} ${name}`);
  return `rulebook ${rulebook.version} (${rulebook.hash.slice(0, 12)}), ${counts.join(", ")}`;
}

function asJson({ faults, rulebook, models }: Verdict): object {
  const told = faults.map(({ folder, file, line, column, message }) => ({ folder, file, line, column, message }));
  if (rulebook === undefined) return { faults: told };
  const { hash, version } = rulebook;
  return { faults: told, rulebook: { hash, version, ...countsOf(rulebook, models) } };
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
