import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = new URL("../../", import.meta.url).pathname;

/** Installs everything anew: minutes, and the registry. */
describe.skipIf(process.env["NBA_LONG"] !== "1")("a fresh clone in an empty home (long)", { timeout: 600_000 }, () => {
  let clone: string;
  let env: NodeJS.ProcessEnv;

  beforeAll(() => {
    const scratch = mkdtempSync(join(tmpdir(), "nba-clone-"));
    clone = join(scratch, "clone");
    mkdirSync(join(scratch, "home"));
    spawnSync("git", ["clone", "--quiet", root, clone], { stdio: "inherit" });
    env = { PATH: process.env["PATH"], HOME: join(scratch, "home") };
    for (const name of ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "NODE_EXTRA_CA_CERTS"]) {
      if (process.env[name] !== undefined) env[name] = process.env[name];
    }
  });
  afterAll(() => rmSync(join(clone, ".."), { recursive: true, force: true }));

  const npx = (...args: string[]) => spawnSync("npx", ["nba", ...args], { cwd: clone, env, encoding: "utf8" });

  it("npx nba installs, builds and runs; two at once do not clash", async () => {
    const both = await Promise.all([1, 2].map(() => output("npx", ["nba", "partition", "c-17"], clone, env)));
    for (const { status, stdout } of both) {
      expect(stdout).toContain("c-17 lives in partition 9 of 64");
      expect(status).toBe(0);
    }
    const told = both.map(({ stderr }) => stderr).join("");
    expect(told.match(/installing dependencies/g)).toHaveLength(1);
    expect(told.match(/building/g)).toHaveLength(1);
  });

  it("does nothing again while nothing has changed, and survives a lock of the dead", () => {
    mkdirSync(join(clone, ".nba"), { recursive: true });
    writeFileSync(join(clone, ".nba", "setup.lock"), "2147483647");
    expect(npx("partition", "c-17").stderr).not.toMatch(/installing|building/);
    utimesSync(join(clone, "engine", "limits.ts"), new Date(), new Date());
    expect(npx("partition", "c-17").stderr).toMatch(/building/);
    expect(existsSync(join(clone, ".nba", "setup.lock"))).toBe(false);
  });

  it("drops what was compiled from a source that is gone", () => {
    const source = join(clone, "bench", "gone.ts");
    mkdirSync(join(clone, "bench"), { recursive: true });
    writeFileSync(source, "export const gone = 1;\n");
    npx("build");
    expect(statSync(join(clone, "dist", "bench", "gone.js")).isFile()).toBe(true);
    rmSync(source);
    npx("build");
    expect(existsSync(join(clone, "dist", "bench", "gone.js"))).toBe(false);
  });

  it("ends with 1 and the compiler's words where a source does not compile", () => {
    writeFileSync(join(clone, "engine", "broken.ts"), "export const x: number = 'text';\n");
    const { status, stderr } = npx("partition", "c-17");
    expect(status).toBe(1);
    expect(stderr).toContain("engine/broken.ts(1,14): error TS2322");
  });
});

function output(
  command: string,
  args: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly status: number | null; readonly stdout: string; readonly stderr: string }> {
  const child = spawn(command, args, { cwd, env });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (part) => {
    stdout += part;
  });
  child.stderr.on("data", (part) => {
    stderr += part;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (status) => resolve({ status, stdout, stderr }));
  });
}
