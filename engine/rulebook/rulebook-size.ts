// How large a rulebook may be: what is larger is refused before it is read or compiled, so that a refusal costs no more than the
// largest rulebook that is taken.
import type { FaultLog } from "./fault.ts";
import type { RulebookFiles } from "./rulebook.ts";
import type { ActionsFile } from "./schema-actions.ts";
import type { Source } from "./source.ts";
import { isRulebookFile } from "./variants.ts";

/** Of all files together, those of variants too. */
const CHARACTERS_MAX = 8 * 1024 * 1024;
const ACTIONS_MAX = 5_000;

/** Reports files that are too large to be read. */
export function isReadable(files: RulebookFiles, faults: FaultLog): boolean {
  const sizes = Object.entries(files).map(([path, text]) => (isRulebookFile(path) ? text.length : 0));
  const characters = sizes.reduce((sum, size) => sum + size, 0);
  if (characters <= CHARACTERS_MAX) return true;
  const message = `the files of this rulebook have ${characters} characters together, at most ${CHARACTERS_MAX} are read: write less`;
  faults.add({ file: "rulebook.yaml", line: 1, column: 1 }, message);
  return false;
}

/** Reports actions that are too many to be compiled, at the first beyond the bound. */
export function isCompilable(
  parts: readonly { readonly source: Source; readonly file: ActionsFile }[],
  faults: FaultLog,
): boolean {
  const count = parts.reduce((sum, { file }) => sum + countOf(file), 0);
  if (count <= ACTIONS_MAX) return true;
  let left = ACTIONS_MAX;
  for (const { source, file } of parts) {
    for (const [at, { actions }] of file.groups.entries()) {
      if (left < actions.length) {
        const message = `${count} actions, at most ${ACTIONS_MAX} are decided between: take some out`;
        faults.add(source.placeOf(["groups", at, "actions", left]), message);
        return false;
      }
      left -= actions.length;
    }
  }
  return false;
}

function countOf({ groups }: ActionsFile): number {
  return groups.reduce((sum, { actions }) => sum + actions.length, 0);
}
