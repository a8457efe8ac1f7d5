// One YAML file: its plain value, and where each part of it is written.
import type { FaultLog } from "./fault.ts";
import type { Place } from "./place.ts";
import { characterAt, keyAt, type Path, startAt } from "./place-table.ts";
import { readText } from "./read-text.ts";
import type { Reading } from "./reading.ts";

export type { Path } from "./place-table.ts";

export interface Source {
  readonly file: string;
  readonly value: unknown;
  /** Where the value at a path begins; of its nearest written ancestor where it is not there. */
  readonly placeOf: (path: Path) => Place;
  /** Where the key of a mapping's entry begins. */
  readonly placeOfKey: (path: Path, key: string) => Place;
  /** Where a character of the text at a path is written; its beginning where escapes or line folding hide that. */
  readonly placeInText: (path: Path, offset: number) => Place;
}

/** What a text says: read now, or by somebody who has read it before. Its answer depends on the text alone. */
export type ReadText = (text: string) => Reading;

/** Parses one file. Undefined where it is not YAML that can be used: the faults say why. */
export function readSource(
  file: string,
  text: string,
  faults: FaultLog,
  read: ReadText = readText,
): Source | undefined {
  const reading = read(text);
  if (reading.kind === "unread") {
    for (const { line, column, message } of reading.faults) faults.add({ file, line, column }, message);
    return undefined;
  }
  const { value, places } = reading;
  return {
    file,
    value,
    placeOf: (path) => ({ file, ...startAt(places, value, path) }),
    placeOfKey: (path, key) => ({ file, ...keyAt(places, value, path, key) }),
    placeInText: (path, offset) => ({ file, ...characterAt(places, value, path, offset) }),
  };
}
