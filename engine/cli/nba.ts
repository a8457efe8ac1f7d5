// `nba`: the commands in one list, exit codes in one place.
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { sourceFile } from "../journal/source-file.ts";
import { CommandTrouble, complain, type ExitCode, exitWith } from "./terminal.ts";

/** In the order of --help. Only what is asked for is loaded: the engine itself takes longer to load than most commands to run. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  start: async () => {
    const [{ startCommand }, { startEngine }] = await Promise.all([import("./start.ts"), import("../main.ts")]);
    return startCommand(startEngine);
  },
  demo: async () => {
    const [{ demoCommand }, { startEngine }, { createTrafficDriver }] = await Promise.all([
      import("./demo.ts"),
      import("../main.ts"),
      import("./traffic/driver.ts"),
    ]);
    return demoCommand(startEngine, createTrafficDriver);
  },
  validate: async () => (await import("./validate.ts")).validateCommand(),
  test: async () => (await import("./test.ts")).testCommand(),
  explain: async () => (await import("./explain.ts")).explainCommand(),
  why: async () => (await import("./why.ts")).whyCommand(),
  campaigns: async () => (await import("./campaigns.ts")).campaignsCommand(),
  experiments: async () => (await import("./experiments.ts")).experimentsCommand(),
  dead: async () => (await import("./dead.ts")).deadCommand(),
  rollback: async () => (await import("./rollback.ts")).rollbackCommand(),
  diff: async () => (await import("./diff.ts")).diffCommand(),
  simulate: async () => (await import("./simulate.ts")).simulateCommand(),
  replay: async () => (await import("./replay.ts")).replayCommand(),
  features: async () => (await import("./features-export.ts")).featuresCommand(),
  partition: async () => (await import("./partition.ts")).partitionCommand(),
  key: async () => (await import("./key.ts")).keyCommand(),
  verify: async () => (await import("./verify.ts")).verifyCommand(),
  bench: async () => (await import("./bench.ts")).benchCommand(),
  profile: async () => (await import("./profile.ts")).profileCommand(),
};

await run(await createProgram(process.argv[2]), process.argv);

async function createProgram(wanted: string | undefined): Promise<Command> {
  const { version, description } = JSON.parse(readFileSync(sourceFile("package.json"), "utf8"));
  const program = new Command("nba")
    .description(description)
    .version(version)
    .showHelpAfterError("(nba --help lists the commands)")
    .addHelpText("after", "\nExit codes: 0 well, 1 found faults, 2 wrong use.");
  const only = wanted !== undefined && Object.hasOwn(COMMANDS, wanted) ? COMMANDS[wanted] : undefined;
  for (const load of only === undefined ? Object.values(COMMANDS) : [only]) program.addCommand(await load());
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
