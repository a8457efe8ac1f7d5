// Lints: what a rulebook may say and hardly means. Faults keep a rulebook from being used, lints do not.
import type { Instant } from "../domain/time.ts";
import type { Place } from "./place.ts";
import type { Rulebook } from "./rulebook.ts";

export interface Lint extends Place {
  /** What kind it is, e.g. `unreachable-action`. */
  readonly id: string;
  /** `warning`: it does nothing, or not what it says. `note`: perhaps meant so. */
  readonly severity: "warning" | "note";
  readonly message: string;
}

export interface LintInput {
  readonly rulebook: Rulebook;
  /** Names that rules and weights read: `reads` of the compiled rulebook. */
  readonly reads: ReadonlySet<string>;
  /** Names of the features that models read. */
  readonly modelFeatures: readonly string[];
  /** What is over by then can never be offered again. */
  readonly now: Instant;
}

/** A lint at a place, which it copies: places are often more than places. */
export function lintAt(place: Place, id: string, severity: Lint["severity"], message: string): Lint {
  return { file: place.file, line: place.line, column: place.column, id, severity, message };
}
