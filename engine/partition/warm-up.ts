import { recordOf } from "../decide/record.ts";
import type { DecisionInput, ModelScore } from "../domain/decision.ts";
import type { DecisionId } from "../domain/ids.ts";
import { customerKey, type ModelIndex, type Position } from "../domain/ids.ts";
import type { Instant } from "../domain/time.ts";
import { decodeCommit, encodeCommit } from "../journal/commit-record.ts";
import type { Steps } from "../rulebook/steps.ts";
import type { ActiveRulebook } from "./active-rulebook.ts";
import type { Compiler } from "./compiler.ts";

/** More of them delay the start and spare the first callers nothing that can be seen (W15). */
const ROUNDS = 10;
/** Actions and treatments looked at in all: of a large rulebook fewer rounds will do, since each does more. */
const CANDIDATES_MAX = 250_000;
const NOBODY = customerKey("nobody");

/**
 * Decides for nobody, for every placement, without a trace: a process that has just started is slower by an order of
 * magnitude until its code is compiled, and the first callers should not miss their deadline for it.
 */
export async function warmUp(active: ActiveRulebook, { work }: Compiler): Promise<void> {
  const { rulebook, scorer } = active;
  const row = new Float64Array(rulebook.features.length);
  const requests = scorer.models.map((_, index) => ({ model: index as ModelIndex, row }));
  const candidates = rulebook.placements.length * (rulebook.actions.length + rulebook.treatments.length);
  const rounds = Math.min(ROUNDS, Math.ceil(CANDIDATES_MAX / Math.max(1, candidates)));
  for (let round = 0; round < rounds; round++) {
    const scores = await scorer.scoreAll(requests);
    await work(decideAll(active, scores, round as Instant));
  }
}

/** A decision a step. */
function* decideAll(
  { rulebook, decider, evidence }: ActiveRulebook,
  scores: readonly ModelScore[],
  now: Instant,
): Steps<void> {
  const features = new Float64Array(rulebook.features.length);
  const profile = { key: NOBODY, features, attributes: [], contacts: [], consents: [], openCases: [] };
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
      evidence,
      quotas: new Float64Array(rulebook.quotas.length),
      now,
      draw: 0,
    };
    const decision = decider.choose(input, decider.qualify(input), scores);
    const record = recordOf(decider, input, decision, { models: [], degraded: [] });
    const commit = { position: "0-0" as Position, now, decisions: [record], withdrawals: [], learned: [] };
    decodeCommit(encodeCommit(commit));
    yield;
  }
}
