import { readAnyYaml } from "./read-any-yaml.ts";
import { readPlainYaml } from "./read-plain-yaml.ts";
import type { Reading } from "./reading.ts";

/** Reads one text. Never throws for what is in it. */
export function readText(text: string): Reading {
  return readPlainYaml(text) ?? readAnyYaml(text);
}
