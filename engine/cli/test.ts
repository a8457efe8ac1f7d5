// nba test: the rule tests of a rulebook, run in a sandbox: no Redis, no clock.
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { Command } from "commander";
import { formatFault } from "../rulebook/fault.ts";
import type { Place } from "../rulebook/place.ts";
import type { Fault } from "../rulebook/rulebook.ts";
import { createRuleTestBooks } from "../sandbox/rule-test-books.ts";
import { type FileVerdict, runTestFile, type Verdict } from "../sandbox/run-test-file.ts";
import { type Coverage, coverageOf } from "../sandbox/test-coverage.ts";
import { loadModels } from "../score/load-models.ts";
import { configOf } from "./config-of.ts";
import { readRulebookFolder, UnreadableRulebook } from "./read-rulebook.ts";
import { CommandTrouble, exitWith, type Paint, paintFor, printJson, printLine } from "./terminal.ts";

interface TestFlags {
  readonly models?: string;
  readonly only?: string;
  readonly json?: true;
}

export function testCommand(): Command {
  return new Command("test")
    .description("run the rule tests: events on a fake clock, and what is expected to be offered")
    .argument("[dir]", "folder of the rulebook, with its tests under tests/ (default: RULES_DIR)")
    .option("--models <dir>", "folder of the models (default: MODELS_DIR)")
    .option("--only <text>", "only tests whose name contains this")
    .option("--json", "print the verdicts as JSON")
    .addHelpText("after", `${FORMAT}\nExit code 1 where a test fails.\n\nExample:\n  npx nba test rules`)
    .action(testRules);
}

const FORMAT = `
A test, in tests/*.yaml of the rulebook:

  tests:
    - name: one push a day
      timeZone: Europe/Vienna
      customers: { ana: { attributes: { age: 40 } } }
      table: |
        2026-03-02
        09:00  ana  checkout_abandoned     -> act finish-checkout:push
        10:00  ana  checkout_abandoned     -> none (finish-checkout:push dropped at contact-limit by push-per-day)
        +20m   ana  ask app-home on app    -> act finish-checkout:app
        +2h    ana  outcome declined of finish-checkout:app
`;

interface TestRun {
  readonly files: readonly FileVerdict[];
  readonly coverage: Coverage;
}

async function testRules(dir: string | undefined, flags: TestFlags): Promise<void> {
  const config = configOf(process.env);
  const rulesDir = dir === undefined ? config.rulesDir : resolve(dir);
  const run = await runAll(rulesDir, flags.models === undefined ? config.modelsDir : resolve(flags.models), flags.only);
  const verdicts = run.files.flatMap((file) => file.verdicts);
  const faults = run.files.flatMap((file) => file.faults);
  if (verdicts.length + faults.length === 0) {
    const what = flags.only === undefined ? "no tests" : `no test whose name contains ${JSON.stringify(flags.only)}`;
    throw new CommandTrouble(`${join(rulesDir, "tests")} has ${what}`, 2);
  }
  if (flags.json === true) printJson(asJson(verdicts, faults, run.coverage));
  else printRun(verdicts, faults, run.coverage, paintFor(process.stdout, process.env));
  exitWith(faults.length === 0 && verdicts.every(isPassed) ? 0 : 1);
}

async function runAll(rulesDir: string, modelsDir: string, only: string | undefined): Promise<TestRun> {
  const loaded = await loadModels(modelsDir);
  if (loaded.kind === "faulty") {
    throw new CommandTrouble(
      `the models have faults:\n${loaded.faults.map((fault) => formatFault(fault, modelsDir)).join("\n")}`,
      1,
    );
  }
  const files = await readFolder(rulesDir);
  const books = createRuleTestBooks({ files, models: loaded.models, readFolder });
  const found: FileVerdict[] = [];
  for (const path of await testFiles(join(rulesDir, "tests"))) {
    found.push(await runTestFile(path, await readFile(path, "utf8"), books, only));
  }
  return {
    files: found,
    coverage: coverageOf(
      found.flatMap((file) => file.verdicts),
      files,
    ),
  };
}

async function readFolder(dir: string): ReturnType<typeof readRulebookFolder> {
  return await readRulebookFolder(dir).catch((error: unknown) => {
    throw error instanceof UnreadableRulebook ? new CommandTrouble(error.message, 2) : error;
  });
}

async function testFiles(dir: string): Promise<readonly string[]> {
  const isFolder = await stat(dir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder)
    throw new CommandTrouble(`there is no folder "${dir}": rule tests lie in tests/*.yaml of the rulebook`, 2);
  const names = await readdir(dir);
  return names
    .filter((name) => name.endsWith(".yaml"))
    .toSorted()
    .map((name) => join(dir, name));
}

function isPassed({ mismatches }: Verdict): boolean {
  return mismatches.length === 0;
}

function printRun(verdicts: readonly Verdict[], faults: readonly Fault[], coverage: Coverage, paint: Paint): void {
  for (const fault of faults) printLine(formatFault({ ...fault, file: shownPath(fault.file) }));
  for (const verdict of verdicts) {
    const mark = isPassed(verdict) ? paint("green", "ok  ") : paint("red", "FAIL");
    printLine(`${mark} ${verdict.name}`);
    for (const { place, expected, got } of verdict.mismatches) {
      printLine(`     ${shownPlace(place)}`);
      printLine(`       expected  ${expected}`);
      printLine(`       got       ${paint("yellow", got)}`);
    }
  }
  const failed = verdicts.filter((verdict) => !isPassed(verdict)).length;
  const counts = [`${verdicts.length - failed} passed`, ...(failed > 0 ? [paint("red", `${failed} failed`)] : [])];
  printLine(`${counts.join(", ")}${faults.length > 0 ? paint("red", `, ${faults.length} faults`) : ""}`);
  for (const line of describeCoverage(coverage)) printLine(paint("dim", line));
}

function describeCoverage({ actions, triggers, policies }: Coverage): readonly string[] {
  const line = (what: string, part: Coverage["actions"], done: string): string => {
    const missing = part.missing.length === 0 ? "" : `; never ${done}: ${part.missing.join(", ")}`;
    return `${part.total - part.missing.length} of ${part.total} ${what} ${done}${missing}`;
  };
  return [line("actions", actions, "offered"), line("triggers", triggers, "fired"), line("policies", policies, "hit")];
}

function shownPlace({ file, line, column }: Place): string {
  return `${shownPath(file)}:${line}:${column}`;
}

function shownPath(path: string): string {
  const below = relative(process.cwd(), path);
  return below.startsWith("..") ? path : below;
}

function asJson(verdicts: readonly Verdict[], faults: readonly Fault[], coverage: Coverage): object {
  const tests = verdicts.map(({ name, place, mismatches }) => ({
    name,
    ...place,
    passed: mismatches.length === 0,
    mismatches: mismatches.map(({ place: at, expected, got }) => ({ ...at, expected, got })),
  }));
  return { passed: verdicts.every(isPassed) && faults.length === 0, tests, faults, coverage };
}
