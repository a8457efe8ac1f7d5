// `nba`: the commands in one list, exit codes in one place.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { sourceFile } from "../journal/source-file.ts";
import { startEngine } from "../main.ts";
import { Unfit } from "../partition/session.ts";
import { benchCommand } from "./bench.ts";
import { featuresCommand } from "./features-export.ts";
import { partitionCommand } from "./partition.ts";
import { RedisServerTrouble } from "./redis-server.ts";
import { replayCommand } from "./replay.ts";
import { startCommand } from "./start.ts";
import { CommandTrouble, complain, type ExitCode, exitWith } from "./terminal.ts";
import { validateCommand } from "./validate.ts";

const COMMANDS: readonly (() => Command)[] = [
  () => startCommand(startEngine),
  validateCommand,
  replayCommand,
  featuresCommand,
  partitionCommand,
  benchCommand,
];

await run(createProgram(), process.argv);

function createProgram(): Command {
  const { version, description } = JSON.parse(readFileSync(sourceFile("package.json"), "utf8"));
  const program = new Command("nba")
    .description(description)
    .version(version)
    .showHelpAfterError("(nba --help lists the commands)")
    .addHelpText("after", "\nExit codes: 0 well, 1 found faults, 2 wrong use.");
  for (const create of COMMANDS) program.addCommand(create());
  return program;
}

async function run(program: Command, argv: readonly string[]): Promise<void> {
  throwInsteadOfExit(program);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // `nba ... | head` closes the pipe early: that is no fault.
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  try {
    await program.parseAsync(argv);
  } catch (error) {
    exitWith(codeOf(error));
  }
}

/** A bug is thrown on, with its stack. */
function codeOf(error: unknown): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    // What a command itself complains of keeps the code that it chose; commander's own complaints are wrong use.
    return error.code === "commander.error" && error.exitCode === 1 ? 1 : 2;
  }
  if (error instanceof CommandTrouble || error instanceof RedisServerTrouble) {
    complain(error.message);
    return error instanceof CommandTrouble ? error.exitCode : 1;
  }
  if (error instanceof Unfit) {
    complain(error.message);
    return 2;
  }
  throw error;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
