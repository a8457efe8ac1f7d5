// The same past under two rulebooks.
import { expect, test } from "vitest";
import { readRulebookFolder } from "../../engine/cli/read-rulebook.ts";
import type { CustomerEvent } from "../../engine/domain/event.ts";
import { customerKey, type NameHash, type PartitionIndex, trackingCode } from "../../engine/domain/ids.ts";
import { HOUR_MS, type Instant, LONG_AGO } from "../../engine/domain/time.ts";
import { repositoryRoot } from "../../engine/journal/source-file.ts";
import { decisionId } from "../../engine/partition/questions.ts";
import { sha256 } from "../../engine/partition/rulebook-library.ts";
import { compileRulebook } from "../../engine/rulebook/compile.ts";
import type { Rulebook, RulebookFiles } from "../../engine/rulebook/rulebook.ts";
import { createGivenScorer } from "../../engine/sandbox/given-scorer.ts";
import type { Past, PastItem } from "../../engine/sandbox/past.ts";
import { type RunPastOutput, runPast } from "../../engine/sandbox/run-past.ts";

const BEGIN = Date.UTC(2026, 2, 2, 9) as Instant;
const scorer = createGivenScorer([], () => undefined, undefined);
const files = await readRulebookFolder(`${repositoryRoot}/test/scenarios/rules`);

function compiled(changes: RulebookFiles = {}): Rulebook {
  const result = compileRulebook({ files: { ...files, ...changes }, models: [], sha256 });
  if (result.kind === "faulty") throw new Error(result.faults.map(({ message }) => message).join("\n"));
  return result.rulebook;
}

/** Each of four customers leaves a cart three times, an hour apart, and asks for the banner once. */
function past(partitions = 1): Past {
  const items: PastItem[] = [];
  for (let round = 0; round < 3; round++) {
    for (const name of ["ana", "bob", "cyd", "dan"]) {
      const at = (BEGIN + round * HOUR_MS) as Instant;
      const key = customerKey(name);
      const event: CustomerEvent = { id: `${round}`, type: "cart_left", key, ts: at, source: "clickstream", props: {} };
      items.push({ kind: "event", at, event });
      const ask = { key, channel: "web", placements: [{ name: "banner" }], context: {} };
      if (round === 2) items.push({ kind: "ask", at, id: undefined, ask });
    }
  }
  return { partitions, items, treatments: new Map(), notes: [] };
}

async function run(rulebook: Rulebook, of: Past = past(), from: Instant = LONG_AGO): Promise<RunPastOutput> {
  const to = (BEGIN + 5 * HOUR_MS) as Instant;
  return await runPast({ past: of, rulebook, scorer, from, to, onItem: () => undefined });
}

test("counts decisions, offers, caps and expected value", async () => {
  const limited = compiled({ "contact-policy.yaml": "limits: [{ id: one-push, max: 1, window: 1d, channel: push }]" });
  const { stats, refused } = await run(limited);
  expect(stats).toMatchObject({ decisions: 16, asked: 4, triggered: 12, acted: 16, customers: 4, notReproduced: 0 });
  expect(stats.contacts).toEqual({ total: 16, mean: 4, p95: 4, max: 4 });
  expect(Object.fromEntries(stats.actions)).toEqual({ gold: 16 });
  // Three treatments on push fall at the second cart and at the third.
  expect(Object.fromEntries(stats.policies)).toEqual({ "one-push": 24 });
  expect(stats.expectedValue).toBeCloseTo(4 * 50 + 8 * 25 + 4 * 50, 9);
  expect(refused).toBe(0);
});

test("the same past under the same rulebook gives the same figures, over any number of partitions", async () => {
  const [one, again, many] = [await run(compiled()), await run(compiled()), await run(compiled(), past(4))];
  expect(again).toEqual(one);
  expect({ ...many.stats, first: new Map([...many.stats.first].toSorted()) }).toEqual({
    ...one.stats,
    first: new Map([...one.stats.first].toSorted()),
  });
});

test("what lies before `from` makes the profiles and is not counted", async () => {
  const limited = compiled({ "contact-policy.yaml": "limits: [{ id: one, max: 1, window: 1d }]" });
  const { stats } = await run(limited, past(), (BEGIN + HOUR_MS) as Instant);
  expect(stats).toMatchObject({ decisions: 12, acted: 0, customers: 4, customersWithout: 4 });
});

test("an outcome counts only where the same treatment was offered under its code", async () => {
  const base = past();
  const probe = compiled();
  const gold = probe.treatments.find(({ id }) => id === "gold:push");
  const { stats } = await run(probe);
  expect(stats.first.get(customerKey("ana"))).toBe("gold");
  // The id of a trigger's decision is made of its event, so it is known before.
  const id = decisionId(0 as PartitionIndex, "trigger", "cart-left", "ana", "clickstream", "0");
  const code = trackingCode(id, 0);
  const at = (BEGIN + 60_000) as Instant;
  const props = { trackingCode: code, outcome: "declined" };
  const event: CustomerEvent = { id: "o", type: "outcome", key: customerKey("ana"), ts: at, source: "outcomes", props };
  const items = [...base.items.slice(0, 4), { kind: "event" as const, at, event }, ...base.items.slice(4)];
  const treatments = new Map([[code, gold?.hash as NameHash]]);
  expect((await run(probe, { ...base, items, treatments })).outcomesLost).toBe(0);
  const noGold = compiled({
    "actions/offers.yaml": (files["actions/offers.yaml"] ?? "").replace(
      "label: Gold card",
      "label: Gold card\n        enabled: false",
    ),
  });
  expect((await run(noGold, { ...base, items, treatments })).outcomesLost).toBe(1);
});
