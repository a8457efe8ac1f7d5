// `npm test [-- --long] [vitest's own arguments]`: sets up what is missing (dependencies, build, Redis, a browser), runs
// every test and ends with the plain totals alone on a line: `N passed, N failed[, N skipped]`.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, setUp } from "../engine/cli/setup.mjs";

setUp();
const { CHROMIUM, ensureProgram, REDIS } = await import("../dist/engine/cli/programs.js");
const missing = [REDIS, CHROMIUM]
  .map((program) => ensureProgram(program, process.env.PATH ?? "", say))
  .filter(isMissing);
for (const { line } of missing) say(line);
const given = process.argv.slice(2);
// Before the tests, so that the machine is not theirs; where only some tests are asked for, not at all.
const isWhole = given.every((arg) => arg === "--long");
process.exitCode = missing.length > 0 ? 1 : runTests(given, isWhole && guardFails() ? 1 : 0);

/** Pure work has become slow, by ratios of CPU time (bench/budget.json). */
function guardFails() {
  const program = join(root, "dist", "program", "nba.js");
  const { status } = spawnSync(process.execPath, [program, "bench", "--guard"], { cwd: root, stdio: "inherit" });
  return status !== 0;
}

function runTests(args, failedBefore) {
  const folder = mkdtempSync(join(tmpdir(), "nba-test-"));
  try {
    const report = join(folder, "report.json");
    const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
    const long = args.includes("--long");
    const rest = args.filter((arg) => arg !== "--long");
    // What tests put into temporary folders goes with this one.
    const env = { ...process.env, TMPDIR: folder, ...(long ? { NBA_LONG: "1" } : {}) };
    const { status } = spawnSync(process.execPath, [vitest, "run", ...reporters, ...rest], {
      cwd: root,
      stdio: "inherit",
      env,
    });
    return totals(JSON.parse(readFileSync(report, "utf8")), status, failedBefore);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 50 });
  }
}

/** A file that does not load has no tests to fail: it is counted as one failure. */
function totals({ numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults }, status, failedBefore) {
  const unloaded = testResults.filter(
    (file) => file.status === "failed" && !file.assertionResults.some(hasFailed),
  ).length;
  const failed = failedBefore + numFailedTests + unloaded;
  const skipped = numPendingTests + numTodoTests;
  process.stdout.write(`\n${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}\n`);
  return status === 0 && failed === 0 ? 0 : 1;
}

function hasFailed({ status }) {
  return status === "failed";
}

function isMissing({ kind }) {
  return kind === "missing";
}

function say(line) {
  process.stderr.write(`nba: ${line}\n`);
}
