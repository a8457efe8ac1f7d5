import { describe, expect, test } from "vitest";
import { createDecider, decide } from "../../engine/decide/decide.ts";
import { explain } from "../../engine/decide/explain.ts";
import { recordOf } from "../../engine/decide/record.ts";
import { superseded } from "../../engine/decide/sticky.ts";
import { customerKey } from "../../engine/domain/ids.ts";
import { DAY_MS, type Instant, MINUTE_MS, NEVER, plus } from "../../engine/domain/time.ts";
import type { Holdout } from "../../engine/rulebook/experiments.ts";
import {
  type ActionDraft,
  type BookDraft,
  buildRulebook,
  contactOf,
  dropOf,
  type InputDraft,
  inputFor,
  NOW,
  shown,
} from "./build.ts";
import { EVERYBODY, fatigue, quota } from "./policies.ts";

const HOME = [{ channel: "app", placements: ["home"] }];
const EXEMPT: Partial<ActionDraft> = { purpose: "service", exempt: true };

function book(
  drafts: readonly Partial<ActionDraft>[] = [],
  rest: Partial<BookDraft> = {},
  holdout: Holdout = EVERYBODY,
) {
  return buildRulebook({
    channels: [{ name: "app", countsAt: "presented" }],
    placements: [{ name: "home", channels: ["app"], slots: 2, stickyMs: 10 * MINUTE_MS }],
    actions: ["a", "b", "c"].map((id, at) => ({ id, value: 9 - at, treatments: HOME, ...drafts[at] })),
    ...rest,
    parts: { holdout, ...rest.parts },
  });
}

function run(rulebook: ReturnType<typeof book>, draft: InputDraft = {}) {
  const decider = createDecider(rulebook);
  const input = inputFor(rulebook, draft);
  const decision = decide(decider, input, []);
  return {
    decider,
    input,
    decision,
    shown: shown(rulebook, decision),
    withheld: shown(rulebook, { slates: decision.withheld }),
    drop: (id: string) => dropOf(rulebook, decision.dropped, id),
    superseded: superseded(decider.prepared, input.profile, decision, input.now),
  };
}

describe("holdout", () => {
  test("HLD-1 withholds what is not exempt, and ranks what is left anew", () => {
    const { decision, shown: slates, withheld, drop } = run(book([{}, EXEMPT]));
    expect(slates).toEqual(["home: b:app"]);
    expect(withheld).toEqual(["home: a:app"]);
    expect(decision.slates[0]?.items[0]).toMatchObject({ rank: 1, kept: false });
    expect(decision.withheld[0]?.items[0]).toMatchObject({ rank: 1 });
    expect(drop("a:app")).toEqual({ stage: "holdout", treatment: 0, placement: 0, priority: 4.5 });
    expect(drop("b:app")).toBeUndefined();
    expect(drop("c:app")).toMatchObject({ stage: "slots", lostTo: 1 });
  });

  test("HLD-1 takes a share of the customers, the same for ever", () => {
    const rulebook = book([], {}, { ...EVERYBODY, share: 0.1 });
    const isHeldOut = (n: number) =>
      run(rulebook, { profile: { key: customerKey(`c-${n}`) } }).decision.kind === "none";
    const count = Array.from({ length: 2_000 }, (_, n) => isHeldOut(n)).filter(Boolean).length;
    expect(count).toBeGreaterThan(200 - 3.3 * Math.sqrt(180));
    expect(count).toBeLessThan(200 + 3.3 * Math.sqrt(180));
    expect(run(book([], {}, { ...EVERYBODY, share: 0 })).decision).toMatchObject({ kind: "act", withheld: [] });
  });

  test("HLD-2 makes shadow contacts, confirmed at once, which count", () => {
    const limits = [{ id: "cap", max: 3, windowMs: DAY_MS }];
    const rulebook = book([{}, EXEMPT], { limits, parts: { fatigue: fatigue() } });
    const { decision } = run(rulebook);
    expect(decision.contacts).toMatchObject([
      { shadow: true, state: "confirmed", reservedUntil: NEVER, live: true, rank: 1, countsAt: "presented" },
      { shadow: false, state: "reserved", rank: 1, exempt: true },
    ]);
    const past = [1, 2, 3].map((n) =>
      contactOf(rulebook, { of: "a:app", shadow: true, outcome: "pending", at: (NOW - n * 3_600_000) as Instant }),
    );
    const capped = run(rulebook, { profile: { contacts: past } });
    expect(capped.drop("a:app")).toMatchObject({ stage: "contact-limit", counted: 3 });
    expect(capped.decision.pressure).toBeGreaterThan(2);
  });

  test("HLD-3 nothing is left of a slate, nor of the decision", () => {
    const all = run(book());
    expect(all.decision).toMatchObject({
      kind: "none",
      because: "holdout",
      slates: [{ kind: "none", because: "holdout", items: [] }],
    });
    expect(all.decision.withheld[0]?.items.map(({ rank }) => rank)).toEqual([1, 2]);
    const nothing = run(book([{ enabled: false }, { enabled: false }, { enabled: false }]));
    expect(nothing.decision).toMatchObject({ kind: "none", because: "all-dropped", withheld: [] });
  });

  test("HLD-4 spends no quota, but needs it", () => {
    const rulebook = book([{}, EXEMPT], { parts: { quotas: [quota(0)] } });
    expect(run(rulebook, { quotas: { "quota-0": 2 } }).decision.spent).toEqual([{ quota: 0, units: 1 }]);
    expect(run(rulebook, { quotas: { "quota-0": 1 } }).drop("b:app")).toMatchObject({ stage: "quota" });
  });

  test("STK-6 withholds again what was withheld, under the same code", () => {
    const rulebook = book();
    const [first] = run(rulebook).decision.contacts;
    const at = plus(NOW, MINUTE_MS);
    const again = run(rulebook, { now: at, profile: { contacts: first === undefined ? [] : [first] } });
    expect(again.decision.withheld[0]?.items[0]).toMatchObject({ kept: true, trackingCode: first?.trackingCode });
    expect(again.decision.contacts).toHaveLength(1);
    expect(again.superseded).toEqual([]);
  });

  test("STK-6 a shadow is not shown, and what was shown is no shadow", () => {
    const shadow = contactOf(book(), {
      of: "b:app",
      live: true,
      shadow: true,
      outcome: "pending",
      at: (NOW - MINUTE_MS) as Instant,
    });
    const shownNow = run(book([], {}, { ...EVERYBODY, share: 0 }), { profile: { contacts: [shadow] } });
    expect(shownNow.shown).toEqual(["home: a:app b:app"]);
    expect(shownNow.decision.slates[0]?.items.map(({ kept }) => kept)).toEqual([false, false]);
    expect(shownNow.superseded).toEqual([shadow.trackingCode]);
    const real = { ...shadow, shadow: false };
    const heldOut = run(book(), { profile: { contacts: [real] } });
    expect(heldOut.decision.withheld[0]?.items.map(({ kept }) => kept)).toEqual([false, false]);
    expect(heldOut.superseded).toEqual([real.trackingCode]);
  });

  test("EXP-4 tells what would have been shown, arms, pressure and spending", () => {
    const rulebook = book([{}, EXEMPT], { parts: { quotas: [quota(0)], fatigue: fatigue() } });
    const { decider, input, decision } = run(rulebook);
    const explained = explain(decider, recordOf(decider, input, decision, { models: [], degraded: [] }));
    expect(explained).toMatchObject({
      reproduced: true,
      arms: [],
      pressure: 0,
      spent: [{ quota: "quota-0", units: 1 }],
      funnel: [
        { stage: "slots", dropped: 1 },
        { stage: "holdout", dropped: 1 },
      ],
      actions: [
        {
          outcome: "withheld",
          treatments: [
            {
              outcome: "withheld",
              rank: 1,
              factors: { boost: 1, fatigue: 1 },
              fell: { stage: "holdout", placement: "home" },
            },
          ],
        },
        { outcome: "offered" },
        { outcome: "dropped" },
      ],
    });
  });
});
