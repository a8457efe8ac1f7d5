import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram } from "../../engine/cli/programs.ts";

/**
 * Hands over the path of a promtool: the one on the PATH, else, in CI, one unpacked from Debian's package of Prometheus.
 * The package is not installed, for that would start a Prometheus too. `undefined`: there is none, and the test is skipped.
 */
export function withPromtool<T>(use: (promtool: string | undefined) => T): T {
  const path = process.env["PATH"] ?? "";
  const found = findProgram(["promtool"], path);
  if (found !== undefined || process.env["CI"] !== "true" || findProgram(["apt-get"], path) === undefined)
    return use(found);
  const folder = mkdtempSync(join(tmpdir(), "nba-promtool-"));
  try {
    return use(unpackedIn(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `undefined` where Debian cannot be reached: that says nothing about the metrics. */
function unpackedIn(folder: string): string | undefined {
  const download = ["apt-get", "download", "prometheus"];
  // A fresh Debian image has no package lists at all.
  if (!run(folder, download)) run(folder, ["apt-get", "update"]);
  const packages = () => readdirSync(folder).filter((name) => name.endsWith(".deb"));
  if (packages().length === 0) run(folder, download);
  const [file] = packages();
  if (file === undefined) return undefined;
  if (!run(folder, ["dpkg", "-x", file, "unpacked"])) throw new Error(`${file} could not be unpacked by dpkg -x`);
  return join(folder, "unpacked", "usr", "bin", "promtool");
}

function run(cwd: string, [command, ...args]: readonly string[]): boolean {
  return spawnSync(command as string, args, { cwd, stdio: ["ignore", 2, 2] }).status === 0;
}
