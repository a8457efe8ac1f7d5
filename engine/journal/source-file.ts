import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Folder of package.json, whether this runs from engine/ (tests) or from dist/engine/. */
export const repositoryRoot: string = findRoot(dirname(fileURLToPath(import.meta.url)));

/** A file that is not compiled (Lua, console pages): read from the source tree. */
export function sourceFile(path: string): string {
  return join(repositoryRoot, path);
}

function findRoot(from: string): string {
  if (existsSync(join(from, "package.json"))) return from;
  const parent = dirname(from);
  if (parent === from) throw new Error(`no package.json above ${import.meta.url}: the installation is incomplete`);
  return findRoot(parent);
}
