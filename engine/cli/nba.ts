// `nba`: runs the command that is asked for; exit codes in one place.
import { type Command, CommanderError } from "commander";
import { createProgram } from "./create-program.ts";
import { CommandTrouble, complain, type ExitCode, exitWith } from "./terminal.ts";

await run(await createProgram(process.argv[2]), process.argv);

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
  if (error instanceof CommandTrouble) {
    complain(error.message);
    return error.exitCode;
  }
  // Thrown by the engine where this Redis or this rulebook cannot be served. By name, so as not to load the engine for it.
  if (error instanceof Error && error.name === "Unfit") {
    complain(error.message);
    return 2;
  }
  if (error instanceof Error && error.name === "RedisTrouble") {
    complain(`Redis does not answer: ${error.message}; REDIS_URL names the one to use`);
    return 1;
  }
  throw error;
}

function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const child of command.commands) throwInsteadOfExit(child);
}
