// The whole of decide, as fast as it is, beside a plain reading of SPEC.md.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import type { Decision } from "../../engine/domain/decision.ts";
import type { Drop } from "../../engine/domain/drop.ts";
import type { Rulebook } from "../../engine/rulebook/rulebook.ts";
import { ask, bookDraft, consents, inputOf, past, RUNS } from "./arbitrary.ts";
import { type BookDraft, buildRulebook, type LimitDraft, shown } from "./build.ts";
import { type PlainDecision, plainDecide } from "./plain-decide.ts";

/** Nothing but what one decision offers counts toward it. */
const BESIDE: LimitDraft = { id: "beside", max: 1, windowMs: 1, per: "group" };

/** Without what the plain reading leaves out; half of them with a cap that one decision reaches by itself. */
function plain(draft: BookDraft): BookDraft {
  const placements = (draft.placements ?? []).map((placement) => ({ ...placement, stickyMs: 0 }));
  const limits = [...(draft.limits ?? []), ...(draft.actions.length % 2 === 0 ? [BESIDE] : [])];
  return { ...draft, limits, placements, parts: { ...draft.parts, bundles: [] } };
}

/** Stages whose cause the plain reading does not tell. */
const BARE: readonly Drop["stage"][] = [
  "suppression",
  "contact-limit",
  "quota",
  "propensity",
  "content",
  "slots",
  "holdout",
];

function told(rulebook: Rulebook, { slates, withheld, dropped }: Decision): PlainDecision {
  const lines = [...dropped].map((drop) => {
    const id = "action" in drop ? rulebook.actions[drop.action]?.id : rulebook.treatments[drop.treatment]?.id;
    return [id, drop.stage, ...("because" in drop && !BARE.includes(drop.stage) ? [drop.because] : [])].join(" ");
  });
  return {
    slates: shown(rulebook, { slates }),
    withheld: shown(rulebook, { slates: withheld }),
    dropped: lines.sort(),
  };
}

describe("decide", { timeout: 1_800_000 }, () => {
  test("offers, withholds and drops what a plain reading of the rules does", () => {
    const seen = new Set<string>();
    let acts = 0;
    fc.assert(
      fc.property(bookDraft, ask, past, consents, (draft, asked, history, given) => {
        const rulebook = buildRulebook(plain(draft));
        const input = inputOf(rulebook, asked, history, given);
        const decision = decide(createDecider(rulebook), input, asked.scores);
        const expected = plainDecide(rulebook, input, asked.scores);
        expect(told(rulebook, decision)).toEqual(expected);
        for (const { stage } of decision.dropped) seen.add(stage);
        if (decision.kind === "act") acts++;
      }),
      { numRuns: RUNS * 8 },
    );
    expect(acts).toBeGreaterThan(RUNS);
    expect(seen.size).toBeGreaterThan(10);
  });
});
