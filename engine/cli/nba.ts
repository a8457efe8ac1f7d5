// `nba`: the commands in one list, exit codes in one place.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, CommanderError } from "commander";
import { benchCommand } from "./bench.ts";
import { RedisServerTrouble } from "./redis-server.ts";
import { repositoryRoot } from "./repository-root.ts";
import { CommandTrouble, complain, exitWith } from "./terminal.ts";

const COMMANDS: readonly Command[] = [benchCommand()];

await run(createProgram(), process.argv);

function createProgram(): Command {
  const { version, description } = JSON.parse(readFileSync(join(repositoryRoot(), "package.json"), "utf8"));
  const program = new Command("nba")
    .description(description)
    .version(version)
    .showHelpAfterError("(nba --help lists the commands)")
    .addHelpText("after", "\nExit codes: 0 well, 1 found faults, 2 wrong use.");
  for (const command of COMMANDS) program.addCommand(command);
  program.addHelpCommand(true);
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
    if (error instanceof CommanderError) return exitWith(error.exitCode === 0 ? 0 : 2);
    if (error instanceof CommandTrouble) {
      complain(error.message);
      return exitWith(error.exitCode);
    }
    if (error instanceof RedisServerTrouble) {
      complain(error.message);
      return exitWith(1);
    }
    throw error;
  }
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
