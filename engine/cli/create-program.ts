// The commands of `nba` in one list.
import { readFileSync } from "node:fs";
import { Command } from "commander";
import { sourceFile } from "../journal/source-file.ts";

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

/** With the command that is wanted alone, where it is one; else with all of them. */
export async function createProgram(wanted: string | undefined): Promise<Command> {
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
