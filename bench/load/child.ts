// The other side of a measurement in a process of its own: it says one line of JSON when it is ready, and goes with us.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { repositoryRoot } from "../../engine/journal/source-file.ts";

export interface Child<Said> {
  readonly said: Said;
  readonly pid: number;
  readonly stop: () => Promise<void>;
}

/** `program`: a file under bench/, without its ending; one of bench/peers where it names no folder. Resolves with the first line that it prints; rejects where it ends before. */
export async function startChild<Said>(
  program: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): Promise<Child<Said>> {
  const path = program.includes("/") ? program : `peers/${program}`;
  const file = join(repositoryRoot, "dist", "bench", `${path}.js`);
  const child = spawn(process.execPath, [...nodeArgs, file, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  const killAtExit = (): void => void child.kill("SIGKILL");
  process.once("exit", killAtExit);
  child.once("exit", () => process.removeListener("exit", killAtExit));
  let text = "";
  const said = await new Promise<Said>((resolve, reject) => {
    child.once("exit", (code, signal) => reject(new Error(`${program} ended with ${code ?? signal}: ${text}`)));
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes("\n")) resolve(JSON.parse(text.slice(0, text.indexOf("\n"))) as Said);
    });
  });
  return { said, pid: child.pid as number, stop: () => ended(child) };
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
