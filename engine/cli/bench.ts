import { spawnSync } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { cpus, loadavg, totalmem } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Command } from "commander";
import { repositoryRoot } from "../journal/source-file.ts";
import { CommandTrouble, complain, formatTable, paintFor, printJson, printLine } from "./terminal.ts";

export type BenchRow = Readonly<Record<string, string | number>>;

export interface BenchOptions {
  /** A short run that proves that it works; its numbers are not to be quoted. */
  readonly quick: boolean;
  /** Progress, to stderr. */
  readonly say: (line: string) => void;
}

/** What every file bench/NAME.ts exports as `bench`. Units are part of the column names. */
export interface Bench {
  readonly name: string;
  /** What is measured, in one sentence. */
  readonly about: string;
  readonly run: (options: BenchOptions) => Promise<readonly BenchRow[]>;
}

interface Result {
  readonly name: string;
  readonly about: string;
  readonly at: string;
  readonly quick: boolean;
  readonly command: string;
  readonly machine: BenchRow;
  readonly rows: readonly BenchRow[];
}

export function benchCommand(): Command {
  return new Command("bench")
    .description("run the benchmarks: a table here, JSON under bench/results/")
    .argument("[name...]", "only these; all where none is named")
    .option("--quick", "a short run, to see that they work", false)
    .option("--list", "only tell what there is", false)
    .option("--guard", "only compare pure work with bench/budget.json; exit 1 where it has become slow", false)
    .option(
      "--curves",
      "only draw how costs grow, as SVG under bench/curves/ (with --quick: bench/results/); names are then those of curves",
      false,
    )
    .option("--table", "only print what was asked for beside what bench/results/ says, as Markdown", false)
    .option("--json", "print the results as JSON", false)
    .addHelpText("after", "\nExample:\n  npm run bench -- decide --quick")
    .action(bench);
}

interface Flags {
  readonly quick: boolean;
  readonly list: boolean;
  readonly guard: boolean;
  readonly curves: boolean;
  readonly table: boolean;
  readonly json: boolean;
}

async function bench(names: readonly string[], flags: Flags): Promise<void> {
  if (flags.guard) return await guard(flags.json);
  if (flags.curves) return await curves(names, flags);
  if (flags.table) return await table();
  const all = await loadBenches();
  const unknown = names.find((name) => !all.some((one) => one.name === name));
  if (unknown !== undefined) throw unknownBench(unknown, all);
  if (flags.list) {
    const list = all.map(({ name, about }) => ({ name, about }));
    return flags.json ? printJson(list) : printLine(formatTable(list, paintFor(process.stdout, process.env)));
  }
  endOrderly();
  const results: Result[] = [];
  for (const one of all.filter((candidate) => names.length === 0 || names.includes(candidate.name))) {
    results.push(await runOne(one, flags));
  }
  if (flags.json) printJson(results);
}

/** What bench/load/guard.ts answers. */
interface Verdict {
  readonly rows: readonly BenchRow[];
  readonly beyond: readonly string[];
}

async function guard(json: boolean): Promise<void> {
  const { runGuards } = await load<{ readonly runGuards: () => Promise<Verdict> }>("guard");
  const { rows, beyond } = await runGuards();
  tell(rows, json);
  if (beyond.length > 0) throw new CommandTrouble(`slower than bench/budget.json allows: ${beyond.join(", ")}`, 1);
}

async function curves(names: readonly string[], { quick, json }: Flags): Promise<void> {
  endOrderly();
  const { runCurves } = await load<{ readonly runCurves: RunCurves }>("curves");
  try {
    tell(await runCurves({ quick, say: complain }, names), json);
  } catch (error) {
    throw error instanceof RangeError ? new CommandTrouble(error.message, 2) : error;
  }
}

type RunCurves = (options: BenchOptions, names: readonly string[]) => Promise<readonly BenchRow[]>;

async function table(): Promise<void> {
  const { tableFrom } = await load<{ readonly tableFrom: (folder: string) => Promise<string> }>("table");
  printLine(await tableFrom(join(repositoryRoot, "bench", "results")));
}

/** bench/load/NAME.ts, compiled apart from the engine. */
async function load<Module>(name: string): Promise<Module> {
  return (await import(pathToFileURL(join(repositoryRoot, "dist", "bench", "load", `${name}.js`)).href)) as Module;
}

function tell(rows: readonly BenchRow[], json: boolean): void {
  if (json) printJson(rows);
  else printLine(formatTable(rows, paintFor(process.stdout, process.env)));
}

/** An orderly exit, so that the servers of a benchmark that is cut short end with it. */
function endOrderly(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));
}

async function runOne(one: Bench, flags: { readonly quick: boolean; readonly json: boolean }): Promise<Result> {
  const paint = paintFor(process.stdout, process.env);
  complain(`bench ${one.name}: ${one.about}`);
  const command = `npm run bench -- ${one.name}${flags.quick ? " --quick" : ""}`;
  const circumstances = { quick: flags.quick, command, machine: machine() };
  const rows = await one.run({ quick: flags.quick, say: complain });
  const { name, about } = one;
  const result: Result = { name, about, at: new Date().toISOString(), ...circumstances, rows };
  const folder = join(repositoryRoot, "bench", "results");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, `${one.name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  if (!flags.json) printLine(`\n${paint("bold", one.name)}: ${one.about}\n${formatTable(rows, paint)}\n`);
  return result;
}

/** Throws CommandTrouble where there is none of this name. */
export async function findBench(name: string): Promise<Bench> {
  const all = await loadBenches();
  const found = all.find((one) => one.name === name);
  if (found === undefined) throw unknownBench(name, all);
  return found;
}

function unknownBench(name: string, all: readonly Bench[]): CommandTrouble {
  return new CommandTrouble(`no benchmark "${name}"; there are: ${all.map((one) => one.name).join(", ")}`, 2);
}

/** Compiled files of bench/ that export `bench`; what they share has no such export. */
async function loadBenches(): Promise<readonly Bench[]> {
  const folder = join(repositoryRoot, "dist", "bench");
  const files = (await readdir(folder).catch(() => [])).filter((file) => file.endsWith(".js")).sort();
  const found: Bench[] = [];
  for (const file of files) {
    const loaded: { readonly bench?: Bench } = await import(pathToFileURL(join(folder, file)).href);
    if (loaded.bench !== undefined) found.push(loaded.bench);
  }
  return found;
}

function machine(): BenchRow {
  const cores = cpus();
  return {
    cpu: cores[0]?.model ?? "unknown",
    cores: cores.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.versions.node,
    redis: /v=(\S+)/.exec(spawnSync("redis-server", ["--version"], { encoding: "utf8" }).stdout ?? "")?.[1] ?? "none",
    // What others left of the machine: beyond the number of cores, times are theirs as well.
    loadBefore: Math.round((loadavg()[0] as number) * 100) / 100,
  };
}
