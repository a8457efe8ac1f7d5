// Where the published suites lie that are not part of this repository.
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../../../shared/data/conformance/", import.meta.url));

/** Tests that need the suites are skipped where they are absent, but never in continuous integration. */
export const suitesAreAbsent = !existsSync(folder) && process.env["CI"] !== "true";

export function readSuite(name: string): unknown {
  return JSON.parse(readFileSync(`${folder}${name}`, "utf8"));
}
