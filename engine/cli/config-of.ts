import { isAbsolute, join } from "node:path";
import { type Config, parseConfig } from "../config.ts";
import { repositoryRoot } from "../journal/source-file.ts";
import { CommandTrouble } from "./terminal.ts";

/** The configuration with absolute paths, or wrong use: every fault on a line of its own. */
export function configOf(env: NodeJS.ProcessEnv): Config {
  const parsed = parseConfig(env);
  if (parsed.kind === "faulty")
    throw new CommandTrouble(parsed.faults.map((fault) => fault.message).join("\nnba: "), 2);
  const absolute = (path: string): string => (isAbsolute(path) ? path : join(repositoryRoot, path));
  const { config } = parsed;
  return {
    ...config,
    rulesDir: absolute(config.rulesDir),
    modelsDir: absolute(config.modelsDir),
    stateDir: absolute(config.stateDir),
    archiveDir: config.archiveDir === undefined ? undefined : absolute(config.archiveDir),
    apiKeysFile: config.apiKeysFile && absolute(config.apiKeysFile),
  };
}
