// The decision: (profile, propensities, rulebook, request, now) -> slates, and a reason for every action left out.
// Two pure halves with the scorer between them: `qualify` tests all that needs no model and tells which models the
// survivors need; `choose` tests the rest, ranks and fills the slots. SPEC.md beside this file says what they mean.
import type { Decision, DecisionInput, ModelScore } from "../domain/decision.ts";
import type { Rulebook } from "../rulebook/rulebook.ts";
import { finish, type Steps } from "../rulebook/steps.ts";
import { createChoose } from "./choose.ts";
import { createLedger } from "./contact-limits.ts";
import { createSuppressions } from "./contact-policy.ts";
import { type Prepared, prepareInSteps } from "./prepared.ts";
import { createQualify, type Qualified } from "./qualify.ts";
import { createQuietTimes } from "./quiet-hours.ts";
import { Ranking } from "./ranking.ts";

/** Decides by one rulebook. Any number of qualified decisions may wait for their scores at the same time. */
export interface Decider {
  readonly rulebook: Rulebook;
  readonly prepared: Prepared;
  /** All that needs no model. Total: never throws on a view and a request made for this rulebook. */
  readonly qualify: (input: DecisionInput) => Qualified;
  /** The rest, with a score for each of `qualified.needsModels`; a missing one fails the rules that read it. */
  readonly choose: (input: DecisionInput, qualified: Qualified, scores: readonly ModelScore[]) => Decision;
}

export function createDecider(rulebook: Rulebook): Decider {
  return finish(createDeciderInSteps(rulebook));
}

/** The same in pieces of about an action each. */
export function* createDeciderInSteps(rulebook: Rulebook): Steps<Decider> {
  const prepared = yield* prepareInSteps(rulebook);
  const ledger = createLedger(prepared.limits);
  return {
    rulebook,
    prepared,
    qualify: createQualify(prepared, createSuppressions(rulebook), createQuietTimes(rulebook), ledger),
    choose: createChoose(prepared, ledger, new Ranking()),
  };
}

/** Both halves at once, with a score for every model that could be needed: for replays and tests. */
export function decide(decider: Decider, input: DecisionInput, scores: readonly ModelScore[]): Decision {
  return decider.choose(input, decider.qualify(input), scores);
}
