// nba simulate: the recorded past under another rulebook, beside what the active one makes of it.
import { resolve } from "node:path";
import cliProgress from "cli-progress";
import { Command, InvalidArgumentError } from "commander";
import { type Instant, LONG_AGO, NEVER } from "../domain/time.ts";
import type { Past } from "../sandbox/past.ts";
import { runPast } from "../sandbox/run-past.ts";
import { compareRuns, type FinishedRun, renderRuns } from "./compare-runs.ts";
import { configOf } from "./config-of.ts";
import type { Mapping } from "./mappings.ts";
import { type BookToRun, bookOfFolder, pastOfRedis } from "./open-past.ts";
import { type AskAfter, pastOfFile } from "./past-of-file.ts";
import { parseMapping } from "./replay.ts";
import { CommandTrouble, complain, paintFor, printJson, printLine } from "./terminal.ts";

interface SimulateFlags {
  readonly from?: Instant;
  readonly to?: Instant;
  readonly rules?: string;
  readonly base?: string;
  readonly models?: string;
  readonly events?: string;
  readonly mapping?: Mapping;
  readonly ask?: readonly AskAfter[];
  readonly json?: true;
}

export function simulateCommand(): Command {
  return new Command("simulate")
    .description("what-if over the recorded past: decisions, caps, expected value, and the difference of two rulebooks")
    .option("--from <time>", "count from here, such as 2026-03-01; what was before makes the profiles", parseTime)
    .option("--to <time>", "and up to here", parseTime)
    .option("--rules <dir>", "the rulebook that is tried; left out: only the base is run")
    .option("--base <dir>", "what it is compared with (default: the active one, or RULES_DIR with --events)")
    .option("--models <dir>", "folder of the models (default: MODELS_DIR)")
    .option("--events <file>", "events of a file, as nba replay takes them, rather than what REDIS_URL holds")
    .option("--mapping <name>", "what the rows of the file mean", parseMapping)
    .option("--ask <placement:channel:types>", "with --events: asks after each such event; may be repeated", parseAsk)
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nReads REDIS_URL; unset: the Redis of an engine or demo that runs from this folder.\n" +
        "\nExamples:\n  npx nba simulate --from 2026-03-01 --rules my-rules\n" +
        "  npx nba simulate --events UserBehavior.csv.gz --mapping taobao --ask app-home:app:page_view --rules my-rules",
    )
    .action(simulate);
}

async function simulate(flags: SimulateFlags): Promise<void> {
  const config = configOf(process.env);
  const modelsDir = flags.models === undefined ? config.modelsDir : resolve(flags.models);
  const { past, base } = await open(flags, modelsDir, config);
  const tried = flags.rules === undefined ? [] : [await bookOfFolder(resolve(flags.rules), modelsDir)];
  for (const note of past.notes) complain(note);
  const last = past.items.at(-1)?.at;
  if (last === undefined) throw new CommandTrouble("there is nothing to play: the past holds no event", 1);
  const from = flags.from ?? LONG_AGO;
  const to = flags.to ?? ((last + 1) as Instant);
  if (from >= to) throw new CommandTrouble("--from is not before --to (or before the end of what is recorded)", 2);
  const runs = await runAll([base, ...tried], past, from, to);
  const compared = compareRuns(runs);
  if (flags.json === true) printJson({ from: Number.isFinite(from) ? from : null, to, ...compared });
  else printLine(renderRuns(compared, paintFor(process.stdout, process.env)));
}

async function runAll(books: readonly BookToRun[], past: Past, from: Instant, to: Instant): Promise<FinishedRun[]> {
  const bar = new cliProgress.SingleBar({
    format: "{bar} {percentage}% | {value}/{total} events and asks | {duration_formatted}",
    stream: process.stderr,
    noTTYOutput: false,
  });
  bar.start(past.items.length * books.length, 0);
  const runs: FinishedRun[] = [];
  try {
    for (const [index, book] of books.entries()) {
      const before = index * past.items.length;
      const { rulebook, scorer } = book;
      const output = await runPast({ past, rulebook, scorer, from, to, onItem: (count) => bar.update(before + count) });
      runs.push({ book, ...output });
    }
  } finally {
    bar.stop();
  }
  return runs;
}

async function open(
  flags: SimulateFlags,
  modelsDir: string,
  config: ReturnType<typeof configOf>,
): Promise<{ readonly past: Past; readonly base: BookToRun }> {
  const baseDir = flags.base === undefined ? undefined : resolve(flags.base);
  if (flags.events !== undefined) {
    const past = await pastOfFile(flags.events, flags.mapping, flags.ask ?? []).catch((error: unknown) => {
      throw new CommandTrouble(`${flags.events} cannot be read: ${error instanceof Error ? error.message : error}`, 2);
    });
    return { past, base: await bookOfFolder(baseDir ?? config.rulesDir, modelsDir) };
  }
  const found = await pastOfRedis((count) => {
    if (process.stderr.isTTY) process.stderr.write(`\r${count} events and asks read`);
  });
  if (process.stderr.isTTY) process.stderr.write("\n");
  return { past: found.past, base: baseDir === undefined ? found.active : await bookOfFolder(baseDir, modelsDir) };
}

function parseTime(text: string): Instant {
  const at = /^\d{13}$/.test(text) ? Number(text) : Date.parse(text);
  if (Number.isFinite(at) && at < NEVER) return at as Instant;
  throw new InvalidArgumentError(`"${text}" is no time such as 2026-03-01 or 2026-03-01T09:00Z`);
}

function parseAsk(text: string, before: readonly AskAfter[] = []): readonly AskAfter[] {
  const [placement = "", channel = "", types = ""] = text.split(":");
  if (placement === "" || channel === "" || types === "") {
    throw new InvalidArgumentError(`"${text}" is not like app-home:app:page_view,login`);
  }
  return [...before, { placement, channel, types: new Set(types.split(",")) }];
}
