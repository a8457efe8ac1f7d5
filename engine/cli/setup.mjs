// What has to hold before the compiled engine can run: a recent Node, the dependencies of the lock file, a build that
// is not older than its sources. Plain JavaScript on Node's built-ins, since nothing else is there yet on a fresh clone.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** Root of the repository. */
export const root = join(dirname(fileURLToPath(import.meta.url)), "..", "..");

const NODE_MIN = [20, 19];
const SOURCE_FOLDERS = ["engine", "bench", "test"];
const BUILD_STAMP = join(root, "dist", ".stamp");

/** Does whatever of dependencies and build is missing, and says so on stderr; ends the process with 1 where it cannot. */
export function setUp() {
  requireNode();
  if (!dependenciesAreThere()) withLock(installDependencies);
  if (!buildIsFresh()) withLock(build);
}

export function requireNode() {
  const [major, minor] = process.versions.node.split(".").map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`node ${process.versions.node} is too old: nba-engine needs node ${NODE_MIN.join(".")} or newer`);
}

/** `npm ci`, development dependencies included: the compiler is one of them. */
export function installDependencies() {
  if (dependenciesAreThere()) return;
  const folder = join(root, "node_modules");
  if (existsSync(folder) && lstatSync(folder).isSymbolicLink()) {
    fail(`${folder} is a link and does not hold what package-lock.json asks for: run npm ci where it points to`);
  }
  say("installing dependencies (npm ci), this takes a minute or two");
  run("npm", ["ci", "--include=dev", "--no-audit", "--no-fund", "--loglevel=error"], "npm ci");
  // Else every command would install again, under the feet of those that run.
  if (!dependenciesAreThere())
    fail("package-lock.json does not fit package.json: run npm install, and keep the lock file");
}

/** Compiles the TypeScript sources into dist/, copies the Lua scripts beside what reads them, and bundles the program. */
export function build() {
  if (buildIsFresh()) return;
  const fingerprint = sourcesFingerprint();
  rmSync(BUILD_STAMP, { force: true });
  say("building (tsc)");
  run(process.execPath, [join(root, "node_modules", "typescript", "bin", "tsc"), "-p", "tsconfig.json"], "the build");
  for (const file of sourceFiles()) {
    if (!file.endsWith(".lua")) continue;
    mkdirSync(dirname(join(root, "dist", file)), { recursive: true });
    copyFileSync(join(root, file), join(root, "dist", file));
  }
  removeOrphans();
  run(process.execPath, [join(root, "engine", "cli", "bundle.mjs")], "the bundling");
  writeFileSync(BUILD_STAMP, fingerprint);
}

/** Compares what is installed with the lock file by content: a fresh checkout touches times, but changes nothing. */
export function dependenciesAreThere() {
  const installed = readPackages(join(root, "node_modules", ".package-lock.json"));
  if (installed === undefined) return false;
  const locked = readPackages(join(root, "package-lock.json")) ?? {};
  return Object.entries(locked).every(([path, wanted]) => {
    if (path === "") return true;
    const found = installed[path];
    return found === undefined ? wanted.optional === true : found.version === wanted.version;
  });
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8")).packages;
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

function buildIsFresh() {
  return existsSync(BUILD_STAMP) && readFileSync(BUILD_STAMP, "utf8") === sourcesFingerprint();
}

/** Of path, size and time of every source and of what decides how it is compiled. */
function sourcesFingerprint() {
  const hash = createHash("sha256");
  for (const file of [...sourceFiles(), "tsconfig.json", "package-lock.json", join("engine", "cli", "bundle.mjs")]) {
    const { size, mtimeMs } = statSync(join(root, file));
    hash.update(`${file}\0${size}\0${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function sourceFiles() {
  return SOURCE_FOLDERS.flatMap((folder) => filesBelow(join(root, folder)))
    .map((file) => relative(root, file))
    .filter((file) => file.endsWith(".ts") || file.endsWith(".lua"))
    .sort();
}

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** A compiled test or benchmark whose source is gone would still be found and run. */
function removeOrphans() {
  const dist = join(root, "dist");
  for (const file of filesBelow(dist)) {
    const source = relative(dist, file).replace(/\.js(\.map)?$/, ".ts");
    if (file !== BUILD_STAMP && !existsSync(join(root, source))) rmSync(file);
  }
}

/** One set-up at a time: a second one waits, then finds the work done. The lock names its holder; a dead one's is taken. */
export function withLock(work) {
  const folder = join(root, ".nba");
  const lock = join(folder, "setup.lock");
  const mine = join(folder, `setup.${process.pid}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(mine, String(process.pid));
  const drop = () => rmSync(mine, { force: true });
  process.once("exit", drop);
  for (let waits = 0; !takeLock(mine, lock); waits++) {
    if (waits === 0) say("waiting for another set-up in this folder");
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
  }
  const release = () => rmSync(lock, { force: true });
  process.once("exit", release);
  work();
  release();
  drop();
  process.removeListener("exit", release);
  process.removeListener("exit", drop);
}

/** A hard link is atomic and has its content at once. */
function takeLock(mine, lock) {
  try {
    linkSync(mine, lock);
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
  }
  if (!isAlive(holderOf(lock))) rmSync(lock, { force: true });
  return false;
}

function holderOf(lock) {
  try {
    return Number(readFileSync(lock, "utf8"));
  } catch (error) {
    if (error.code === "ENOENT") return process.pid;
    throw error;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}

/** Its output goes to stderr: stdout belongs to the command that was asked for. */
function run(command, args, name) {
  const { status, signal, error } = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (error !== undefined) fail(`${name} did not start: ${error.message}`);
  if (status !== 0) fail(`${name} failed (${signal ?? `exit ${status}`})`);
}

function say(line) {
  process.stderr.write(`nba: ${line}\n`);
}

function fail(line) {
  say(line);
  process.exit(1);
}
