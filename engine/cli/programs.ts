// Programs that no npm package brings: found on the PATH, else installed by the machine's own package manager.
import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

export interface Program {
  /** What it is for, in a sentence that begins with it. */
  readonly title: string;
  /** Any of these will do, the first found is taken. */
  readonly binaries: readonly string[];
  readonly packages: { readonly "apt-get": string; readonly dnf: string; readonly brew: string };
}

export const REDIS: Program = {
  title: "a Redis server",
  binaries: ["redis-server", "valkey-server"],
  packages: { "apt-get": "redis-server", dnf: "valkey", brew: "redis" },
};

export const CHROMIUM: Program = {
  title: "a browser for the tests of the console",
  binaries: ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
  packages: { "apt-get": "chromium", dnf: "chromium", brew: "--cask chromium" },
};

type PackageManager = keyof Program["packages"];
const MANAGERS: readonly PackageManager[] = ["apt-get", "dnf", "brew"];

export type FoundProgram =
  | { readonly kind: "found"; readonly file: string }
  /** `line` says what to install, in one line. */
  | { readonly kind: "missing"; readonly line: string };

/** First of the names that is an executable file on `path`, in the order of the names. */
export function findProgram(binaries: readonly string[], path: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== "");
  return binaries.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

/** Finds it or installs it, telling through `say` what is installed and how. */
export function ensureProgram(program: Program, path: string, say: (line: string) => void): FoundProgram {
  const there = findProgram(program.binaries, path);
  if (there !== undefined) return { kind: "found", file: there };
  const installed = MANAGERS.some(
    (manager) => findProgram([manager], path) !== undefined && install(program, manager, path, say),
  );
  const found = installed ? findProgram(program.binaries, path) : undefined;
  return found === undefined ? { kind: "missing", line: missingLine(program) } : { kind: "found", file: found };
}

export function missingLine(program: Program): string {
  const ways = MANAGERS.map((manager) => `${manager} install ${program.packages[manager]}`).join(", or ");
  return `${program.title} is missing (${program.binaries.join(" or ")} on the PATH) and could not be installed from here; run: ${ways}`;
}

function install(program: Program, manager: PackageManager, path: string, say: (line: string) => void): boolean {
  const prefix = rightsPrefix(manager, path);
  if (prefix === undefined) return false;
  const confirm = manager === "brew" ? [] : ["-y"];
  const args = [...prefix, manager, "install", ...confirm, ...program.packages[manager].split(" ")];
  say(`installing ${program.title}: ${args.join(" ")}`);
  if (run(args)) return true;
  // A fresh Debian image has no package lists at all.
  return manager === "apt-get" && run([...prefix, manager, "update"]) && run(args);
}

/** How to get the rights: nothing for root and brew, else sudo, which may only ask for a password where there is somebody. */
function rightsPrefix(manager: PackageManager, path: string): readonly string[] | undefined {
  if (manager === "brew" || process.getuid?.() === 0) return [];
  if (findProgram(["sudo"], path) === undefined) return undefined;
  return process.stdin.isTTY === true ? ["sudo"] : ["sudo", "-n"];
}

function run(args: readonly string[]): boolean {
  const [command, ...rest] = args;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync(command as string, rest, { stdio: ["inherit", 2, 2], env }).status === 0;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
