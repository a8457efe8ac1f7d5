// Reads a folder of rules from disk: the only part of the rulebook that touches files.
import { lstat, readdir, readFile, realpath } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import type { RulebookFiles } from "../rulebook/rulebook.ts";
import { VARIANT_FILE } from "../rulebook/variants.ts";

export const RULEBOOK_FILES_MAX = 2_000;
export const RULEBOOK_FILE_BYTES_MAX = 1024 * 1024;
const FOLDER_DEPTH_MAX = 8;

/** A folder that cannot be a rulebook. The message says which, and what would be right. */
export class UnreadableRulebook extends Error {}

/**
 * Every `*.yaml` below a folder, by its path relative to it with `/`; not those under `tests/`, nor hidden ones. Links
 * are followed only where they stay within the folder.
 * @throws UnreadableRulebook where the folder is missing, or holds too many or too large files, or `variant.yaml`.
 */
export async function readRulebookFolder(dir: string): Promise<RulebookFiles> {
  const root = await realpath(resolve(dir)).catch(() => {
    throw new UnreadableRulebook(`no folder ${JSON.stringify(dir)}: give the folder that holds rulebook.yaml`);
  });
  const files: Record<string, string> = {};
  const budget = { left: RULEBOOK_FILES_MAX };
  await readBelow(root, root, FOLDER_DEPTH_MAX, budget, files);
  if (Object.hasOwn(files, VARIANT_FILE)) {
    refuse(join(root, VARIANT_FILE), "is written by the engine alone: put the files of a variant under variants/NAME/");
  }
  return files;
}

async function readBelow(
  root: string,
  folder: string,
  levels: number,
  budget: { left: number },
  files: Record<string, string>,
): Promise<void> {
  if (levels === 0)
    throw new UnreadableRulebook(`${folder}: folders are nested deeper than ${FOLDER_DEPTH_MAX} levels`);
  const names = (await readdir(folder).catch(() => refuse(folder, "is no folder that can be read"))).toSorted();
  for (const name of names) {
    if (name.startsWith(".") || (folder === root && name === "tests")) continue;
    const path = join(folder, name);
    const kind = await kindOf(root, path);
    if (kind === "folder") await readBelow(root, path, levels - 1, budget, files);
    else if (kind === "file" && name.endsWith(".yaml")) {
      budget.left--;
      if (budget.left < 0) refuse(root, `holds more than ${RULEBOOK_FILES_MAX} files`);
      files[relative(root, path).split(sep).join("/")] = await readBounded(path);
    }
  }
}

/** What a path is, once links are followed; `outside` where they lead out of the folder or nowhere. */
async function kindOf(root: string, path: string): Promise<"folder" | "file" | "outside" | "other"> {
  const entry = await lstat(path);
  if (entry.isDirectory()) return "folder";
  if (entry.isFile()) return "file";
  if (!entry.isSymbolicLink()) return "other";
  const target = await realpath(path).catch(() => undefined);
  if (target === undefined || !target.startsWith(root + sep)) return "outside";
  return (await lstat(target)).isFile() ? "file" : "other";
}

async function readBounded(path: string): Promise<string> {
  const { size } = await lstat(await realpath(path));
  if (size > RULEBOOK_FILE_BYTES_MAX) refuse(path, `has ${size} bytes, at most ${RULEBOOK_FILE_BYTES_MAX} are read`);
  const bytes = await readFile(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return refuse(path, "is not UTF-8 text");
  }
}

function refuse(path: string, why: string): never {
  throw new UnreadableRulebook(`${path}: ${why}`);
}
