// One decision on its way: the qualified part, completed by the scores.
import type { DecisionInput } from "../domain/decision.ts";
import type { Drop } from "../domain/drop.ts";
import type { ActionIndex } from "../domain/ids.ts";
import type { RuleScope } from "../rulebook/rulebook.ts";
import type { Entry } from "./bundles.ts";
import type { Locales } from "./content.ts";
import type { Qualified } from "./qualify.ts";
import type { Board } from "./slots.ts";

export interface Choice {
  readonly input: DecisionInput;
  readonly qualified: Qualified;
  readonly scope: RuleScope;
  readonly locales: Locales;
  readonly verdicts: Uint8Array;
  readonly board: Board;
  /** Actions that a rule reading models dropped. */
  readonly fallen: Map<ActionIndex, Drop>;
  /** By row: what fell at its floor, and falls for a quota all the same. */
  readonly restaged: ReadonlyMap<number, Drop>;
  /** Those that wait for the lead of their bundle. */
  readonly followers: Entry[];
}
