import { recordOf } from "../decide/record.ts";
import type { DecisionInput } from "../domain/decision.ts";
import type { DecisionId, RulebookHash } from "../domain/ids.ts";
import { customerKey, type ModelIndex, type Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { decodeCommit, encodeCommit } from "../journal/commit-record.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";

const ROUNDS = 200;
/** Where this process is warm already, and only what this rulebook was compiled to anew is not: a recovery should be short. */
const ROUNDS_AGAIN = 10;
const warmed = new Set<RulebookHash>();
const NOBODY = customerKey("nobody");

/**
 * Decides for nobody, for every placement, without a trace: a process that has just started is slower by an order of
 * magnitude until its code is compiled, and the first callers should not miss their deadline for it.
 */
export async function warmUp(active: ActiveRulebook): Promise<void> {
  const { rulebook, decider, scorer } = active;
  const features = new Float64Array(rulebook.features.length);
  const profile = { key: NOBODY, features, attributes: [], contacts: [], consents: [], openCases: [] };
  const requests = scorer.models.map((_, index) => ({ model: index as ModelIndex, row: features }));
  const rounds = warmed.has(active.hash) ? ROUNDS_AGAIN : ROUNDS;
  warmed.add(active.hash);
  for (let round = 0; round < rounds; round++) {
    const scores = await scorer.scoreAll(requests);
    for (const placement of rulebook.placements) {
      const input: DecisionInput = {
        id: "AAAAAAAAAAAAAAAAAAAAAA" as DecisionId,
        profile,
        request: {
          direction: placement.direction,
          placements: [{ placement: placement.index, limit: placement.slots }],
          context: {},
          locale: rulebook.defaultLocale,
        },
        evidence: active.evidence,
        quotas: new Float64Array(rulebook.quotas.length),
        now: round as Instant,
        draw: 0,
      };
      const decision = decider.choose(input, decider.qualify(input), scores);
      const record = recordOf(decider, input, decision, { models: [], degraded: [] });
      const commit = { position: "0-0" as Position, now: input.now, decisions: [record], withdrawals: [], learned: [] };
      decodeCommit(encodeCommit(commit));
    }
  }
}
