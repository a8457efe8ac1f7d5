import type { Decider } from "../decide/decide.ts";
import type { RulebookHash } from "../domain/ids.ts";
import type { EvidenceTotals } from "../learn/evidence.ts";
import type { Layout } from "../profile/layout.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import type { Scorer } from "../score/scorer.ts";

/** A rulebook with everything that was made of it: shared by the partitions whose log has activated it. */
export interface ActiveRulebook {
  readonly hash: RulebookHash;
  readonly rulebook: Rulebook;
  readonly decider: Decider;
  readonly layout: Layout;
  readonly scorer: Scorer;
  readonly evidence: EvidenceTotals;
  /** By name: what decides for arms with a variant. Layout and scorer are those of the base. */
  readonly variants: ReadonlyMap<string, ActiveRulebook>;
  /** It decides for an arm only: no log can activate it. */
  readonly isVariant: boolean;
}
