// The engine as its users run it: `nba start` in a process of its own, on a given Redis.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../engine/journal/source-file.ts";

export interface EngineProcess {
  readonly url: string;
  readonly pid: number;
  /** SIGKILL: nothing of it gets to say goodbye. */
  readonly kill: () => Promise<void>;
  /** SIGTERM; resolves with the exit code. */
  readonly stop: () => Promise<number | null>;
  /** Everything it logged so far. */
  readonly log: () => string;
}

/**
 * Resolves when it listens (`until` = "listening") or serves (`ready`, the default). Rejects with its log where it ends before.
 * `nodeArgs`: options of Node itself.
 */
export async function startEngineProcess(
  env: Readonly<Record<string, string>>,
  until: "listening" | "ready" = "ready",
  nodeArgs: readonly string[] = [],
): Promise<EngineProcess> {
  const program = join(repositoryRoot, "dist/program/nba.js");
  const child = spawn(process.execPath, [...nodeArgs, program, "start"], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], PORT: "0", LOG_LEVEL: "info", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  const url = await new Promise<string>((resolve, reject) => {
    let listening: string | undefined;
    const read = (chunk: Buffer): void => {
      log += chunk.toString();
      listening ??= /"url":"(http:[^"]+)","msg":"listening"/.exec(log)?.[1];
      if (listening !== undefined && (until === "listening" || log.includes('"msg":"ready"'))) resolve(listening);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.once("exit", (code, signal) => reject(new Error(`the engine ended (${code ?? signal}): ${log}`)));
  });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.removeListener("exit", killAtExit));
  return {
    url,
    pid: child.pid as number,
    kill: async () => void (await end(child, "SIGKILL")),
    stop: () => end(child, "SIGTERM"),
    log: () => log,
  };
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}
