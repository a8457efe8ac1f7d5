// rules/variants/NAME/: files that stand in for those of the same path where an arm of an experiment says so.
import { type Static, Type } from "typebox";
import { checkShape } from "./check-shape.ts";
import type { FaultLog } from "./fault.ts";
import type { RulebookFiles } from "./rulebook.ts";
import { CLOSED, ID } from "./schema-terms.ts";
import { type ReadText, readSource } from "./source.ts";

/**
 * Never written by hand: says of the files beside it that they are those of a variant, which of them stood under
 * variants/NAME/, and that the variants that its experiments name are not beside it.
 */
export const VARIANT_FILE = "variant.yaml";

const VARIANT = Type.Object({ name: ID, replaces: Type.Array(Type.String()) }, CLOSED);

const BELOW = /^variants\/([^/]+)\/(.+)$/;
const MAY_REPLACE = /^(actions\/[^/]+\.yaml|contact-policy\.yaml|segments\.yaml|rulebook\.yaml)$/;
const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/;
const VARIANTS_MAX = 16;

/** Is it part of the rulebook? Tests of rules lie beside it and change nothing. */
export function isRulebookFile(path: string): boolean {
  return !path.startsWith("tests/");
}

/** A file of a variant, or undefined. */
export function variantPath(path: string): { readonly variant: string; readonly path: string } | undefined {
  const match = BELOW.exec(path);
  return match === null ? undefined : { variant: match[1] as string, path: match[2] as string };
}

/** Sorted. */
export function variantNames(files: RulebookFiles): readonly string[] {
  return [...new Set(Object.keys(files).flatMap((path) => variantPath(path)?.variant ?? []))].toSorted();
}

/**
 * The files of one variant, a rulebook of its own: compiled from these, stored under its own hash, it is the same as
 * `rulebook.variants.get(name)`.
 */
export function filesOfVariant(files: RulebookFiles, name: string): RulebookFiles {
  const merged: Record<string, string> = {};
  for (const [path, text] of Object.entries(files)) {
    if (isRulebookFile(path) && variantPath(path) === undefined) merged[path] = text;
  }
  for (const [path, text] of Object.entries(files)) {
    const own = variantPath(path);
    if (own?.variant === name && MAY_REPLACE.test(own.path)) merged[own.path] = text;
  }
  const replaces = Object.keys(files).flatMap((path) => {
    const own = variantPath(path);
    return own?.variant === name && Object.hasOwn(merged, own.path) ? [own.path] : [];
  });
  const marker: Static<typeof VARIANT> = { name, replaces: replaces.toSorted() };
  merged[VARIANT_FILE] = `${JSON.stringify(marker)}\n`;
  return merged;
}

/** Of files that are those of a variant: what to call each in faults and explanations. */
export function readVariant(
  files: RulebookFiles,
  read: ReadText | undefined,
  faults: FaultLog,
): ((path: string) => string) | undefined {
  const text = Object.hasOwn(files, VARIANT_FILE) ? files[VARIANT_FILE] : undefined;
  if (text === undefined) return undefined;
  const source = readSource(VARIANT_FILE, text, faults, read);
  if (source === undefined || !checkShape(VARIANT, source, faults)) return (path) => path;
  const { name, replaces } = source.value as Static<typeof VARIANT>;
  const own = new Set(replaces);
  return (path) => (own.has(path) ? `variants/${name}/${path}` : path);
}

/** Reports folders and files that have no place under variants/, and variants that no arm names. */
export function checkVariantFiles(files: RulebookFiles, used: ReadonlySet<string> | undefined, faults: FaultLog): void {
  const names = variantNames(files);
  for (const path of Object.keys(files)) {
    const own = variantPath(path);
    const place = { file: path, line: 1, column: 1 };
    if (own === undefined) {
      if (path.startsWith("variants/")) faults.add(place, "a variant is a folder: move this to variants/NAME/");
    } else if (!MAY_REPLACE.test(own.path)) {
      const message =
        "a variant may replace actions/*.yaml, contact-policy.yaml, segments.yaml and rulebook.yaml: the rest is shared by all arms";
      faults.add(place, message);
    }
  }
  for (const name of names) {
    const place = { file: `variants/${name}`, line: 1, column: 1 };
    if (!NAME.test(name)) {
      faults.add(
        place,
        `${JSON.stringify(name)} must be an id of lower case letters, digits and - such as bold-offers`,
      );
    } else if (used !== undefined && !used.has(name)) {
      faults.add(place, `no arm names this variant: write variant: ${name} in experiments.yaml, or remove the folder`);
    }
  }
  if (names.length > VARIANTS_MAX) {
    const place = { file: "variants", line: 1, column: 1 };
    faults.add(place, `${names.length} variants: at most ${VARIANTS_MAX} are kept side by side`);
  }
}
